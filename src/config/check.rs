//! From what the file says to what it means: each value checked, each problem with its place.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use toml::Spanned;

use super::error::ConfigError;
use super::file::{self, File, Text};
use super::parts::{
    EnvironmentConfig, GatewayConfig, Parts, ProjectPart, SanitizeConfig, ServiceConfig, StorageConfig,
    StorageDriver,
};
use super::place::{Place, Problem};
use super::programs::{in_the_way, misplaced, unseen};
use super::source::SocketSource;
use crate::model::{EngineKind, EnvName, EnvType, ServiceName};

/// Percent of the pool that branches leave free, unless the file says otherwise.
const RESERVE: u8 = 10;
pub(super) const STATE: &str = "/var/lib/envclone";
pub(super) const RUN: &str = "/run/envclone";
/// A Unix socket's path has at most 107 bytes; `/<branch>/<service>/.s.PGSQL.<port>` takes up to 46 of them.
const RUN_MAX: usize = 60;

/// Where the texts stand that name files, those of `[sanitize]`, programs and root file systems, for problems that show when the files are read.
pub(super) type Places = BTreeMap<String, Place>;

/// Reads and checks the text of `envclone.toml`; `path` is for messages.
pub(super) fn parts(path: &Path, text: &str) -> Result<(Parts, Places), ConfigError> {
    let mut check = Check {
        file: Arc::from(path),
        text,
        problems: Vec::new(),
    };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            check.refuse(&error.span().unwrap_or(0..0), error.message().replace('\n', ", "));
            return Err(ConfigError::Invalid {
                problems: check.problems,
            });
        }
    };
    let storage = check.storage(&file.storage);
    let parts = Parts {
        project: ProjectPart {
            name: file.project.name,
        },
        environments: check.environments(&file.environments, &storage),
        storage,
        gateway: GatewayConfig {
            listen: check.listen(&file.gateway),
        },
        services: check.services(&file.services),
        sanitize: check.sanitize(&file.sanitize),
    };
    check.programs(file.services.get_ref(), &parts);
    if check.problems.is_empty() {
        return Ok((parts, check.places(&file.sanitize, file.services.get_ref())));
    }
    check
        .problems
        .sort_by_key(|problem| (problem.at.line, problem.at.column));
    Err(ConfigError::Invalid {
        problems: check.problems,
    })
}

struct Check<'a> {
    file: Arc<Path>,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn refuse(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let at = Place::new(&self.file, self.text, span);
        self.problems.push(Problem {
            message: message.into(),
            at,
        });
    }

    fn places(&self, sanitize: &file::Sanitize, services: &BTreeMap<Text, file::Service>) -> Places {
        let texts = sanitize
            .packs
            .iter()
            .chain(&sanitize.rules)
            .chain(&sanitize.after)
            .chain(services.values().filter_map(|service| service.programs.as_ref()))
            .chain(services.values().filter_map(|service| service.rootfs.as_ref()));
        let place = |text: &Text| Place::new(&self.file, self.text, &text.span());
        texts.map(|text| (text.get_ref().clone(), place(text))).collect()
    }

    fn storage(&mut self, storage: &file::Storage) -> StorageConfig {
        let reserve = storage.reserve.as_ref().map_or(RESERVE, |percent| {
            u8::try_from(*percent.get_ref())
                .ok()
                .filter(|percent| *percent < 100)
                .unwrap_or_else(|| {
                    self.refuse(
                        &percent.span(),
                        "the reserve is a percentage of the pool, from 0 to 99",
                    );
                    RESERVE
                })
        });
        let run = storage.run.as_ref().map_or_else(
            || PathBuf::from(RUN),
            |run| {
                if run.get_ref().len() > RUN_MAX {
                    let message =
                        format!("the path is longer than {RUN_MAX} bytes, too long for the sockets in it");
                    self.refuse(&run.span(), message);
                }
                self.absolute(run)
            },
        );
        StorageConfig {
            driver: storage.driver,
            pool: self.stored(&storage.pool, storage.driver),
            reserve,
            branch_size: self.branch_size(storage),
            state: storage
                .state
                .as_ref()
                .map_or_else(|| PathBuf::from(STATE), |state| self.absolute(state)),
            run,
        }
    }

    fn branch_size(&mut self, storage: &file::Storage) -> Option<u64> {
        let text = storage.branch_size.as_ref()?;
        if storage.driver != StorageDriver::Zfs {
            let message = "Btrfs has no limit for a branch by itself; remove the line, or write driver = \"zfs\" where the pool is on ZFS";
            self.refuse(&text.span(), message);
        }
        let size = bytes(text.get_ref());
        if size.is_none() {
            let message = "this is no size; write for example \"20GiB\" (KiB, MiB, GiB, TiB)";
            self.refuse(&text.span(), message);
        }
        size
    }

    fn listen(&mut self, gateway: &file::Gateway) -> IpAddr {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        gateway.listen.as_ref().map_or(local, |listen| {
            listen.get_ref().parse().unwrap_or_else(|_| {
                let message = "this is no IP address; names are not looked up, write for example 127.0.0.1";
                self.refuse(&listen.span(), message);
                local
            })
        })
    }

    fn environments(
        &mut self,
        environments: &Spanned<BTreeMap<Text, file::Environment>>,
        storage: &StorageConfig,
    ) -> BTreeMap<EnvName, EnvironmentConfig> {
        if environments.get_ref().is_empty() {
            self.refuse(
                &environments.span(),
                "no environment is described; add [environments.prod]",
            );
        }
        let mut known = BTreeMap::new();
        let mut roots: Vec<(PathBuf, &str)> = Vec::new();
        for (name, environment) in environments.get_ref() {
            let root = &environment.root;
            let path = self.stored(root, storage.driver);
            if let Some((_, other)) = roots.iter().find(|(other, _)| overlap(other, &path)) {
                let message = format!("the root lies in that of {other}, or that one in it");
                self.refuse(&root.span(), message);
            }
            if path.parent().is_some() && storage.state.starts_with(&path) {
                let message = format!(
                    "envclone's own state, {}, lies in the root: the masking key would enter every branch",
                    storage.state.display()
                );
                self.refuse(&root.span(), message);
            }
            roots.push((path.clone(), name.get_ref()));
            if let Some(name) = self.name::<EnvName>(name) {
                known.insert(
                    name,
                    EnvironmentConfig {
                        kind: environment.kind,
                        root: path,
                    },
                );
            }
        }
        known
    }

    fn services(
        &mut self,
        services: &Spanned<BTreeMap<Text, file::Service>>,
    ) -> BTreeMap<ServiceName, ServiceConfig> {
        if services.get_ref().is_empty() {
            self.refuse(&services.span(), "no service is described; add [services.db]");
        }
        let mut known = BTreeMap::new();
        let mut volumes: Vec<(PathBuf, &str)> = Vec::new();
        for (name, service) in services.get_ref() {
            let checked = self.service(service);
            if let Some((_, other)) = volumes.iter().find(|(other, _)| overlap(other, &checked.volume)) {
                let message = format!("the volume lies in that of {other}, or that one in it");
                self.refuse(&service.volume.span(), message);
            }
            volumes.push((checked.volume.clone(), name.get_ref()));
            if let Some(name) = self.name::<ServiceName>(name) {
                known.insert(name, checked);
            }
        }
        known
    }

    fn service(&mut self, service: &file::Service) -> ServiceConfig {
        match service.engine {
            EngineKind::Files => self.only_files(service),
            EngineKind::Postgres => {}
            EngineKind::Mariadb => self.of_mariadb(service),
        }
        let volume = self.relative(&service.volume);
        if volume.as_os_str().is_empty() {
            self.refuse(
                &service.volume.span(),
                "the volume is empty; name a directory below the root",
            );
        }
        if let Some(source) = &service.source {
            self.source(source, service.engine);
        }
        let keep_login = service
            .keep_login
            .as_ref()
            .map_or(&[][..], |roles| roles.get_ref());
        ServiceConfig {
            engine: service.engine,
            volume,
            data: service
                .data
                .as_ref()
                .map(|data| self.relative(data))
                .unwrap_or_default(),
            path: service.path.as_ref().map(|path| self.absolute(path)),
            database: service.database.as_ref().map(|name| self.identifier(name)),
            user: service.user.as_ref().map(|name| self.identifier(name)),
            source: service.source.as_ref().map(|source| source.get_ref().clone()),
            durable: service.durable.as_ref().is_some_and(|durable| *durable.get_ref()),
            keep_login: keep_login.iter().map(|role| self.identifier(role)).collect(),
            programs: service.programs.as_ref().map(|programs| self.absolute(programs)),
            rootfs: service.rootfs.as_ref().map(|rootfs| self.absolute(rootfs)),
            superuser: service.superuser.as_ref().map(|role| self.identifier(role)),
        }
    }

    fn programs(&mut self, services: &BTreeMap<Text, file::Service>, parts: &Parts) {
        for service in services.values() {
            let wrong = match (&service.programs, &service.rootfs) {
                (Some(programs), None) => misplaced(parts, Path::new(programs.get_ref())),
                (Some(programs), Some(_)) => unseen(Path::new(programs.get_ref())),
                (None, _) => None,
            };
            if let Some((programs, message)) = service.programs.as_ref().zip(wrong) {
                self.refuse(&programs.span(), message);
            }
            if let Some(rootfs) = &service.rootfs
                && let Some(message) = in_the_way(parts, Path::new(rootfs.get_ref()))
            {
                self.refuse(&rootfs.span(), message);
            }
        }
    }

    /// A directory of files has no server, so nothing of a server's.
    fn only_files(&mut self, service: &file::Service) {
        let texts = [
            ("data", &service.data),
            ("database", &service.database),
            ("user", &service.user),
            ("source", &service.source),
            ("programs", &service.programs),
            ("rootfs", &service.rootfs),
            ("superuser", &service.superuser),
        ];
        let spans = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_ref()?.span())));
        let durable = service
            .durable
            .as_ref()
            .map(|durable| ("durable", durable.span()));
        let keep_login = service
            .keep_login
            .as_ref()
            .map(|roles| ("keep-login", roles.span()));
        for (key, span) in spans.chain(durable).chain(keep_login) {
            self.refuse(
                &span,
                format!("a service of engine \"files\" has no `{key}`; remove the line"),
            );
        }
    }

    /// The server is the distribution's, and one account lets in.
    fn of_mariadb(&mut self, service: &file::Service) {
        let texts = [
            ("programs", &service.programs),
            ("rootfs", &service.rootfs),
            ("superuser", &service.superuser),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_ref()?.span())));
        let keep_login = service
            .keep_login
            .as_ref()
            .map(|roles| ("keep-login", roles.span()));
        for (key, span) in texts.chain(keep_login) {
            self.refuse(
                &span,
                format!("a service of engine \"mariadb\" has no `{key}` yet; remove the line"),
            );
        }
    }

    fn source(&mut self, source: &Text, engine: EngineKind) {
        let message = match engine {
            EngineKind::Mariadb => SocketSource::parse(source.get_ref()).err(),
            EngineKind::Postgres | EngineKind::Files => no_url(source.get_ref()),
        };
        let Some(message) = message else { return };
        // Without the text itself (the parser's message may quote it), in which there may be a password.
        let at = Place::new(&self.file, &blank(self.text, &source.span()), &source.span());
        let message = message.to_owned();
        self.problems.push(Problem { message, at });
    }

    fn sanitize(&mut self, sanitize: &file::Sanitize) -> SanitizeConfig {
        for pack in &sanitize.packs {
            let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if pack.get_ref().is_empty() || !pack.get_ref().chars().all(fine) {
                self.refuse(&pack.span(), "a pack is named by a-z, 0-9 and -, without `.toml`");
            }
        }
        for pattern in sanitize.rules.iter().chain(&sanitize.after) {
            if pattern.get_ref().is_empty() || pattern.get_ref().contains('\0') {
                self.refuse(&pattern.span(), "this is no pattern of files");
            } else if pattern.get_ref().contains("**") {
                self.refuse(&pattern.span(), "`**` is not supported; name the directory");
            }
        }
        for kind in &sanitize.raw_types {
            if *kind.get_ref() == EnvType::Production {
                self.refuse(
                    &kind.span(),
                    "no branch is of type production; use staging or development",
                );
            }
        }
        let texts = |list: &[Text]| list.iter().map(|text| text.get_ref().clone()).collect();
        SanitizeConfig {
            packs: texts(&sanitize.packs),
            rules: texts(&sanitize.rules),
            after: texts(&sanitize.after),
            raw_types: sanitize.raw_types.iter().map(|kind| *kind.get_ref()).collect(),
            max_write_rate: sanitize.max_write_rate.as_ref().and_then(|rate| self.rate(rate)),
            key_scope: sanitize.key_scope,
        }
    }

    /// `80MiB/s`: bytes per second.
    fn rate(&mut self, rate: &Text) -> Option<u64> {
        let text = rate.get_ref().strip_suffix("/s").unwrap_or(rate.get_ref());
        let bytes = bytes(text);
        if bytes.is_none() {
            self.refuse(
                &rate.span(),
                "this is no rate; write for example \"80MiB/s\" (KiB, MiB, GiB)",
            );
        }
        bytes
    }

    fn name<N: FromStr<Err: Display>>(&mut self, name: &Text) -> Option<N> {
        name.get_ref()
            .parse()
            .map_err(|error: N::Err| self.refuse(&name.span(), error.to_string()))
            .ok()
    }

    /// A name of a database or role, which ends up in a URL and a connection.
    fn identifier(&mut self, name: &Text) -> String {
        if name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control) {
            self.refuse(&name.span(), "the name is empty or holds control characters");
        }
        name.get_ref().clone()
    }

    /// A pool or root: a path, or on ZFS the name of a dataset.
    fn stored(&mut self, place: &Text, driver: StorageDriver) -> PathBuf {
        let text = place.get_ref();
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | ' ');
        let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(fine);
        let is_dataset = text.split('/').all(part);
        if is_dataset && driver != StorageDriver::Zfs {
            let message =
                "the path must begin with /; for the name of a dataset write driver = \"zfs\" as well";
            self.refuse(&place.span(), message);
            return PathBuf::from(text);
        }
        if text.starts_with('/') || driver != StorageDriver::Zfs {
            return self.absolute(place);
        }
        if !is_dataset {
            let message = "this is neither an absolute path nor the name of a dataset, such as tank/shop";
            self.refuse(&place.span(), message);
        }
        PathBuf::from(text)
    }

    fn absolute(&mut self, path: &Text) -> PathBuf {
        let text = Path::new(path.get_ref());
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
        if !text.is_absolute() || !text.components().all(plain) || path.get_ref().contains('\0') {
            self.refuse(&path.span(), "the path must begin with / and hold no `..`");
        } else if text.parent().is_none() {
            self.refuse(&path.span(), "the path must not be / itself");
        }
        text.components().collect()
    }

    fn relative(&mut self, path: &Text) -> PathBuf {
        let text = Path::new(path.get_ref());
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !text.components().all(plain) || path.get_ref().contains('\0') {
            self.refuse(&path.span(), "the path must be relative and hold no `..`");
        }
        text.components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect()
    }
}

/// What is wrong with the URL of a PostgreSQL server.
fn no_url(source: &str) -> Option<&'static str> {
    match source.parse::<postgres::Config>() {
        Err(_) => Some("this is no PostgreSQL URL; write postgres:///DATABASE?host=/run/postgresql"),
        Ok(config) if config.get_password().is_some() => Some(
            "the source holds a password; remove it: the original is asked over its socket with the service's own uid",
        ),
        Ok(_) => None,
    }
}

/// `20GiB`: how many bytes, and not none.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim_start() {
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        _ => return None,
    };
    let number = text[..digits].parse::<u64>().ok().filter(|number| *number > 0)?;
    number.checked_mul(unit)
}

/// Whether one path lies in the other. Those that were refused already, as too short, do not count.
pub(super) fn overlap(one: &Path, other: &Path) -> bool {
    let short = |path: &Path| path.parent().is_none();
    if short(one) || short(other) {
        return false;
    }
    one.starts_with(other) || other.starts_with(one)
}

/// The text with the bytes of `span` replaced by as many dots.
fn blank(text: &str, span: &Range<usize>) -> String {
    let mut blanked = String::with_capacity(text.len());
    blanked.push_str(&text[..span.start]);
    blanked.push_str(&".".repeat(span.len()));
    blanked.push_str(&text[span.end..]);
    blanked
}
