//! What a configuration may say, and whose it must be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use envclone::config::{Config, ConfigError, ConfigErrorKind, KeyScope, Origin, StorageDriver, Trust};
use envclone::model::{EngineKind, EnvType};

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/config")
        .join(kind);
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn valid(name: &str) -> Config {
    let path = fixtures("valid")
        .into_iter()
        .find(|path| path.file_stem().unwrap() == name)
        .unwrap();
    Config::check(Path::new("envclone.toml"), &fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_valid_fixture_is_taken() {
    for path in fixtures("valid") {
        let text = fs::read_to_string(&path).unwrap();
        Config::check(&path, &text).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Beside `x.toml` lies `x.expected`, the whole message. `ENVCLONE_BLESS=1` writes those that are missing.
#[test]
fn every_invalid_fixture_is_refused_with_its_message() {
    let paths = fixtures("invalid");
    let configurations = paths.iter().filter(|path| path.extension().unwrap() == "toml");
    let mut wrong = Vec::new();
    for path in configurations {
        let name = Path::new(path.file_name().unwrap());
        let said = match Config::check(name, &fs::read_to_string(path).unwrap()) {
            Ok(_) => "nothing: it was taken".to_owned(),
            Err(error) => {
                assert_eq!(error.kind(), ConfigErrorKind::Invalid);
                error.to_string()
            }
        };
        let expected = path.with_extension("expected");
        if std::env::var_os("ENVCLONE_BLESS").is_some() && !expected.exists() {
            fs::write(&expected, format!("{said}\n")).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_else(|_| "a message beside it".to_owned());
        if expected.trim_end() != said {
            wrong.push(format!("--- expected\n{expected}\n+++ said\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let messages = paths
        .iter()
        .filter(|path| path.extension().unwrap() == "expected");
    for message in messages {
        assert!(
            message.with_extension("toml").exists(),
            "{} has no configuration",
            message.display()
        );
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = valid("minimal");
    assert_eq!(config.storage().driver, StorageDriver::Auto);
    assert_eq!(config.storage().reserve, 10);
    assert_eq!(config.storage().state, Path::new("/var/lib/envclone"));
    assert_eq!(config.storage().run, Path::new("/run/envclone"));
    assert_eq!(config.gateway().listen.to_string(), "127.0.0.1");
    assert_eq!(config.sanitize().key_scope, KeyScope::Project);
    assert_eq!(config.sanitize().raw_types, []);
    let (_, prod) = config.environments().first_key_value().unwrap();
    let (_, uploads) = config.services().first_key_value().unwrap();
    assert_eq!(uploads.path_in(&prod.root), Path::new("/srv/pool/shop/uploads"));
    assert!(!uploads.durable);
}

#[test]
fn what_is_said_is_meant() {
    let config = valid("full");
    let db = &config.services()[&"db".parse().unwrap()];
    assert_eq!(db.engine, EngineKind::Postgres);
    assert_eq!(db.volume, Path::new("services/db"));
    assert_eq!(db.path_in(Path::new("/x")), Path::new("/var/lib/postgresql/15"));
    assert_eq!(db.keep_login, ["reports"]);
    assert_eq!(db.programs.as_deref(), Some(Path::new("/opt/postgresql-17/bin")));
    assert_eq!(db.superuser.as_deref(), Some("founder"));
    assert_eq!(config.environments().len(), 2);
    assert_eq!(config.sanitize().max_write_rate, Some(80 << 20));
    assert_eq!(config.sanitize().raw_types, [EnvType::Staging]);
}

#[test]
fn each_value_says_which_line_it_comes_from() {
    let config = valid("full");
    let origins = config.origins();
    let of = |key: &str| {
        let setting = origins.iter().find(|setting| setting.key == key);
        setting
            .map(|setting| (setting.to_string(), setting.origin.clone()))
            .unwrap()
    };
    assert_eq!(
        of("storage.reserve"),
        ("storage.reserve = 15".to_owned(), Origin::Line(7))
    );
    assert_eq!(of("services.uploads.durable").1, Origin::Default);
    assert_eq!(
        of("services.uploads.path"),
        ("services.uploads.path is not set".to_owned(), Origin::Default)
    );
    assert_eq!(of("environments.old.type").1, Origin::Line(19));
    let keys = ["project.name", "sanitize.packs", "gateway.listen"];
    assert!(keys.iter().all(|key| matches!(of(key).1, Origin::Line(_))));
}

/// A configuration with its files in a directory of its own, which counts as safe.
struct Etc {
    dir: tempfile::TempDir,
    trust: Trust,
}

impl Etc {
    fn new(sanitize: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let trust = Trust::below(dir.path()).unwrap();
        let etc = Self { dir, trust };
        let minimal = fixtures("valid")
            .into_iter()
            .find(|path| path.ends_with("minimal.toml"));
        let minimal = fs::read_to_string(minimal.unwrap()).unwrap();
        assert!(!minimal.contains("[sanitize]"));
        etc.write(
            "etc/envclone.toml",
            &format!("{minimal}\n[sanitize]\n{sanitize}\n"),
        );
        etc
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.mode(name, 0o644);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load_trusting(&self.at("etc/envclone.toml"), &self.trust)
    }

    fn unsafe_path(&self) -> (PathBuf, String) {
        let error = self.load().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Unsafe, "{error}");
        match error {
            ConfigError::Unsafe { path, why } => (path, why),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn rules_are_read_in_order_and_once() {
    let etc = Etc::new("rules = [\"sanitize/b.toml\", \"sanitize/*.toml\"]\nafter = [\"sql/*.sql\"]");
    etc.write("etc/sanitize/b.toml", "b");
    etc.write("etc/sanitize/a.toml", "a");
    etc.write("etc/sql/2.sql", "two");
    etc.write("etc/sql/1.sql", "one");
    let config = etc.load().unwrap();
    let texts = |list: &[(PathBuf, String)]| list.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(config.rule_texts()), ["b", "a"]);
    assert_eq!(texts(config.after_texts()), ["one", "two"]);
    assert_eq!(config.rule_texts()[0].0, etc.at("etc/sanitize/b.toml"));
}

#[test]
fn lists_that_rules_name_are_read_beside_them_and_count_as_rules() {
    let etc = Etc::new("rules = [\"sanitize/*.toml\"]");
    let rule = "[db.'p.t']\na = { transform = 'dictionary', file = 'NAME' }\n\
                b = { transform = 'json', paths = { '$.x' = { transform = 'choice', file = 'lists/b.txt' } } }\n\
                c = [{ transform = 'dictionary', file = 'NAME', where = 'x' }, 'null']\n\
                [db.'p.columns_of_these_names']\ntransform = 'null'\nfile = 'hmac'\n";
    etc.write("etc/sanitize/a.toml", &rule.replace("NAME", "a.txt"));
    etc.write("etc/sanitize/a.txt", "x\ty\n");
    let missing = etc.load().unwrap_err();
    assert_eq!(missing.kind(), ConfigErrorKind::Invalid);
    let said = missing.to_string();
    assert!(
        said.contains("a.toml:3:76: there is no list") && said.contains("lists/b.txt"),
        "{said}"
    );
    etc.write("etc/sanitize/lists/b.txt", "x\ny\n");
    let config = etc.load().unwrap();
    let lists: Vec<(&str, &str)> = config
        .lists()
        .iter()
        .map(|one| (one.name.as_str(), one.text.as_str()))
        .collect();
    assert_eq!(lists, [("a.txt", "x\ty\n"), ("lists/b.txt", "x\ny\n")]);
    let policy = config.policy_hash();
    etc.write("etc/sanitize/a.txt", "x\tz\n");
    assert_ne!(etc.load().unwrap().policy_hash(), policy);
    etc.write("etc/sanitize/a.txt", &"x".repeat((2 << 20) + 1));
    assert!(
        etc.load()
            .unwrap_err()
            .to_string()
            .contains("a list has at most 2 MiB")
    );
    etc.write("etc/sanitize/a.txt", "x\ty\n");
    fs::set_permissions(etc.at("etc/sanitize/a.txt"), Permissions::from_mode(0o666)).unwrap();
    let unsafe_list = etc.load().unwrap_err();
    assert_eq!(unsafe_list.kind(), ConfigErrorKind::Unsafe);
    assert!(
        unsafe_list.to_string().contains("a.txt is not safe to obey"),
        "{unsafe_list}"
    );
    for elsewhere in ["/etc/hosts", "../a.txt", "x/../../a.txt", ""] {
        etc.write("etc/sanitize/a.toml", &rule.replace("NAME", elsewhere));
        let said = etc.load().unwrap_err().to_string();
        assert!(
            said.contains("a list lies beside its rule file or below"),
            "{elsewhere}: {said}"
        );
    }
}

#[test]
fn packs_come_before_rules_and_a_missing_one_is_named() {
    let etc = Etc::new("packs = [\"shop\"]\nrules = [\"own.toml\"]");
    etc.write("etc/own.toml", "own");
    let said = etc.load().unwrap_err().to_string();
    assert!(
        said.contains("envclone.toml:16:10: there is no pack of this name in /"),
        "{said}"
    );
    etc.write("etc/sanitize-rules/shop.toml", "pack");
    let config = etc.load().unwrap();
    assert_eq!(
        config
            .rule_texts()
            .iter()
            .map(|(_, text)| text.as_str())
            .collect::<Vec<_>>(),
        ["pack", "own"]
    );
}

#[test]
fn a_pattern_that_matches_no_file_is_an_error_with_its_place() {
    let etc = Etc::new("rules = [\"sanitize/*.toml\"]");
    let error = etc.load().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Invalid);
    let said = error.to_string();
    assert!(
        said.contains("envclone.toml:16:10: no file matches below "),
        "{said}"
    );
    assert!(said.ends_with("   |          ^^^^^^^^^^^^^^^^^"), "{said}");
}

#[test]
fn whatever_decides_must_be_safe_down_to_the_last_directory() {
    let new = || {
        let etc = Etc::new("packs = [\"shop\"]\nrules = [\"sanitize/*.toml\"]\nafter = [\"sql/after.sql\"]");
        etc.write("etc/sanitize-rules/shop.toml", "");
        etc.write("etc/sanitize/a.toml", "");
        etc.write("etc/sql/after.sql", "");
        etc.load().unwrap();
        etc
    };
    let files = [
        "etc/envclone.toml",
        "etc/sanitize-rules/shop.toml",
        "etc/sanitize/a.toml",
        "etc/sql/after.sql",
    ];
    for (name, mode, whose) in files
        .iter()
        .flat_map(|name| [(*name, 0o664, "its group"), (*name, 0o646, "everybody")])
        .chain(
            ["etc", "etc/sanitize-rules", "etc/sanitize", "etc/sql"].map(|name| (name, 0o1777, "everybody")),
        )
    {
        let etc = new();
        etc.mode(name, mode);
        let (path, why) = etc.unsafe_path();
        assert_eq!(path, etc.at(name));
        assert_eq!(why, format!("it is writable by {whose} (mode {mode:04o})"));
    }
}

#[test]
fn programs_of_a_server_must_be_safe_and_may_be_missing() {
    let new = || {
        let etc = Etc::new("");
        let programs = etc.at("opt/server/bin");
        let service =
            format!("[services.db]\nengine = \"postgres\"\nvolume = \"db\"\nprograms = {programs:?}\n");
        let configuration = fs::read_to_string(etc.at("etc/envclone.toml")).unwrap();
        etc.write("etc/envclone.toml", &format!("{configuration}\n{service}"));
        etc
    };
    let missing = new();
    missing.load().unwrap();
    for name in [
        "opt",
        "opt/server",
        "opt/server/bin",
        "opt/server/bin/postgres",
        "opt/server/bin/pg_resetwal",
    ] {
        let etc = new();
        etc.write("opt/server/bin/postgres", "");
        etc.write("opt/server/bin/pg_resetwal", "");
        etc.load().unwrap();
        etc.mode(name, 0o775);
        assert_eq!(
            etc.unsafe_path(),
            (etc.at(name), "it is writable by its group (mode 0775)".to_owned())
        );
    } // A link is judged by what it leads to.
    let etc = new();
    etc.write("opt/bin/postgres", "");
    fs::create_dir_all(etc.at("opt/server")).unwrap();
    symlink("/usr/bin/../../bin", etc.at("opt/server/bin")).unwrap();
    etc.load().unwrap();
    fs::remove_file(etc.at("opt/server/bin")).unwrap();
    symlink("/run", etc.at("opt/server/bin")).unwrap();
    let said = etc.load().unwrap_err().to_string();
    assert!(said.contains("branches would see all of /; keep"), "{said}");
}

/// A configuration with a root file system that is not there yet.
fn with_rootfs() -> Etc {
    let etc = Etc::new("");
    let rootfs = etc.at("images/trixie");
    let service = format!(
        "[services.db]\nengine = \"postgres\"\nvolume = \"db\"\nrootfs = \"{}\"\n",
        rootfs.display()
    );
    let configuration = fs::read_to_string(etc.at("etc/envclone.toml")).unwrap();
    etc.write("etc/envclone.toml", &format!("{configuration}\n{service}"));
    etc
}

#[test]
fn a_root_file_system_must_be_safe_and_may_be_missing() {
    let missing = with_rootfs();
    missing.load().unwrap();
    missing.write("images/trixie", "an image that was not unpacked");
    missing.load().unwrap();
    let files = [
        "usr/bin/setpriv",
        "usr/bin/setsid",
        "usr/bin/ionice",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1",
        "lib/x86_64-linux-gnu/libm.so.6",
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/lib/postgresql/17/bin/postgres",
        "usr/lib/postgresql/17/bin/psql",
        "usr/lib/postgresql/17/bin/pg_resetwal",
        "etc/passwd",
        "etc/group",
        "etc/nsswitch.conf",
        "etc/ld.so.cache",
    ];
    let directories = [
        "",
        "usr",
        "usr/lib",
        "usr/lib/x86_64-linux-gnu",
        "usr/lib/postgresql/17",
        "etc",
    ];
    for name in files.iter().chain(&directories) {
        let etc = with_rootfs();
        for file in files {
            etc.write(&format!("images/trixie/{file}"), "");
        }
        etc.write("images/trixie/var/lib/anything", "");
        etc.mode("images/trixie/var/lib", 0o2775);
        etc.load().unwrap();
        let name = format!("images/trixie/{name}");
        let name = name.trim_end_matches('/');
        etc.mode(name, 0o775);
        let why = "it is writable by its group (mode 0775)".to_owned();
        assert_eq!(etc.unsafe_path(), (etc.at(name), why));
    }
}

#[test]
fn a_link_in_a_root_file_system_is_judged_by_what_it_leads_to_inside() {
    let etc = with_rootfs();
    etc.write("images/trixie/usr/libexec/setpriv", "");
    etc.write("images/trixie/etc/passwd", "");
    fs::create_dir(etc.at("images/trixie/usr/bin")).unwrap();
    symlink("/usr/libexec/setpriv", etc.at("images/trixie/usr/bin/setpriv")).unwrap();
    symlink("/../../../usr/lib64", etc.at("images/trixie/lib64")).unwrap();
    etc.write("images/trixie/usr/lib64/libc.so.6", "");
    etc.load().unwrap();
    etc.mode("images/trixie/usr/libexec/setpriv", 0o777);
    assert_eq!(etc.unsafe_path().0, etc.at("images/trixie/usr/libexec/setpriv"));
    etc.mode("images/trixie/usr/libexec/setpriv", 0o755);
    etc.mode("images/trixie/usr/lib64/libc.so.6", 0o777);
    assert_eq!(etc.unsafe_path().0, etc.at("images/trixie/usr/lib64/libc.so.6"));
    // Where the root file system itself is, links lead where they lead for everybody.
    let etc = with_rootfs();
    etc.write("elsewhere/usr/bin/setpriv", "");
    fs::create_dir_all(etc.at("images")).unwrap();
    symlink("../elsewhere", etc.at("images/trixie")).unwrap();
    etc.load().unwrap();
    etc.mode("elsewhere/usr/bin/setpriv", 0o777);
    assert_eq!(etc.unsafe_path().0, etc.at("elsewhere/usr/bin/setpriv"));
    fs::remove_file(etc.at("images/trixie")).unwrap();
    symlink("/usr", etc.at("images/trixie")).unwrap();
    let said = etc.load().unwrap_err().to_string();
    assert!(
        said.contains("it overlaps with the system of this host"),
        "{said}"
    );
}

#[test]
fn a_link_is_as_safe_as_the_way_to_its_target() {
    let etc = Etc::new("rules = [\"a.toml\"]");
    etc.write("etc/real.toml", "rules");
    symlink("real.toml", etc.at("etc/a.toml")).unwrap();
    assert_eq!(etc.load().unwrap().rule_texts()[0].0, etc.at("etc/real.toml"));
    fs::remove_file(etc.at("etc/a.toml")).unwrap();
    etc.write("home/inner/a.toml", "rules");
    etc.mode("home", 0o777);
    symlink("../home/inner/a.toml", etc.at("etc/a.toml")).unwrap();
    assert_eq!(etc.unsafe_path().0, etc.at("home"));
}

#[test]
fn as_root_nothing_below_a_sticky_directory_is_obeyed() {
    let etc = Etc::new("");
    etc.mode("etc", 0o1777);
    let error = Config::load(&etc.at("etc/envclone.toml")).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Unsafe, "{error}");
}

#[test]
fn a_configuration_that_is_not_there_says_how_to_get_one() {
    let etc = Etc::new("");
    let error = Config::load_trusting(&etc.at("etc/other.toml"), &etc.trust).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Invalid);
    assert!(
        error
            .to_string()
            .ends_with("other.toml; `envclone init` writes one"),
        "{error}"
    );
}

#[test]
fn the_policy_changes_with_what_decides_and_with_nothing_else() {
    let hash = |sanitize: &str, rule: &str| {
        let etc = Etc::new(&format!("rules = [\"*.rules\"]\nafter = [\"*.sql\"]\n{sanitize}"));
        etc.write("etc/a.rules", rule);
        etc.write("etc/a.sql", "select 1");
        etc.load().unwrap().policy_hash()
    };
    let first = hash("", "rule");
    assert!(first.starts_with("sha256:") && first.len() == 7 + 64);
    assert_eq!(first, hash("", "rule"), "in another directory");
    assert_eq!(first, hash("max-write-rate = \"1M\"", "rule"));
    assert_ne!(first, hash("", "rule "));
    let servers = |line: &str| {
        let etc = Etc::new("");
        let service = format!("\n[services.db]\nengine = \"postgres\"\nvolume = \"db\"\n{line}");
        let configuration = fs::read_to_string(etc.at("etc/envclone.toml")).unwrap();
        etc.write("etc/envclone.toml", &(configuration + &service));
        etc.load().unwrap().policy_hash()
    };
    assert_eq!(servers(""), servers("rootfs = \"/srv/images/trixie\"\n"));
    assert_ne!(servers(""), servers("data = \"data\"\n"));
    assert_ne!(first, hash("key-scope = \"branch\"", "rule"));
    assert_ne!(first, hash("raw-types = [\"staging\"]", "rule"));
}

#[test]
fn the_example_of_the_quickstart_is_taken() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    let config = Config::load_trusting(&dir.join("envclone.toml"), &Trust::below(&dir).unwrap()).unwrap();
    assert!(!config.rule_texts().is_empty() && !config.after_texts().is_empty());
}
