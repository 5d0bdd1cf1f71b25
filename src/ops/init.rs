//! `envclone init`: a commented configuration for what is found on this host, a first rule file, and the masking key. It
//! replaces nothing, and asks running servers for the names of their databases only.

mod place;
mod root;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::OpsError;
use super::inspect::{check_free, write_new};
use super::pool::make_dir;
use crate::config::Config;
use crate::engine::FoundServer;
use crate::model::{EngineKind, ProjectName, ServiceName};
use crate::sanitize::engines::{ENGINES, engine};
use crate::state::{KeyError, Layout, Store};
use crate::storage::Zfs;
use text::{Proposal, Proposed};

/// What is asked for.
#[derive(Debug)]
pub struct InitRequest {
    /// Where the configuration is to be written.
    pub config: PathBuf,
    /// The project's name.
    pub project: Option<ProjectName>,
    /// The pool: a path, or the name of a dataset.
    pub pool: Option<PathBuf>,
    /// The subvolume of production; on ZFS its dataset, by its path or name.
    pub root: Option<PathBuf>,
    /// Where envclone remembers, unless at the usual place.
    pub state: Option<PathBuf>,
    /// Where its sockets are, unless at the usual place.
    pub run: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Serialize)]
pub struct InitReport {
    /// Version of this document; 1.
    pub schema: u32,
    /// Files that were made.
    pub written: Vec<PathBuf>,
    /// Files that were there already, and stay as they are.
    pub kept: Vec<PathBuf>,
    /// Services of the configuration.
    pub services: Vec<ServiceName>,
    /// What a person has to know or change.
    pub notes: Vec<String>,
}

/// Looks around and writes.
///
/// # Errors
/// [`OpsError::FileExists`] where there is a configuration; [`OpsError::UnsafePlace`] where others could change it.
pub fn init(request: &InitRequest) -> Result<InitReport, OpsError> {
    let config = std::path::absolute(&request.config).map_err(|source| OpsError::Io {
        action: "finding",
        path: request.config.clone(),
        source,
    })?;
    check_free(&config)?;
    let proposal = propose(request, servers_of_host())?;
    let configuration = text::configuration(&proposal);
    // Nothing is written that would not load.
    Config::check(&config, &configuration)?;
    let directory = config.parent().unwrap_or(Path::new("/"));
    make_dir(&directory.join("sanitize"), 0o755)?;
    let mut report = InitReport {
        schema: 1,
        written: Vec::new(),
        kept: Vec::new(),
        services: proposal
            .services
            .iter()
            .map(|service| service.name.clone())
            .collect(),
        notes: proposal.notes.clone(),
    };
    let rules = directory.join("sanitize/rules.toml");
    match write_new(&rules, &text::rules(&config, &proposal.services), 0o644) {
        Ok(()) => report.written.push(rules),
        Err(OpsError::FileExists { .. }) => report.kept.push(rules),
        Err(error) => return Err(error),
    }
    make_key(&proposal, &mut report)?;
    // Last: where it is, all of it is there.
    write_new(&config, &configuration, 0o644)?;
    report.written.push(config.clone());
    Config::load(&config)?;
    Ok(report)
}

fn make_key(proposal: &Proposal, report: &mut InitReport) -> Result<(), OpsError> {
    let or_usual = |path: &Option<PathBuf>, usual: &str| path.clone().unwrap_or_else(|| PathBuf::from(usual));
    let store = Store::open(Layout {
        state_dir: or_usual(&proposal.state, Config::DEFAULT_STATE),
        run_dir: or_usual(&proposal.run, Config::DEFAULT_RUN),
        project: proposal.project.clone(),
    })?;
    let key = store.layout().key();
    match store.make_key() {
        Ok(_) => report.written.push(key),
        Err(KeyError::Exists { .. }) => report.kept.push(key),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What to write, from what is asked for and what was found.
fn propose(request: &InitRequest, mut servers: Vec<FoundServer>) -> Result<Proposal, OpsError> {
    let data = servers.iter().map(|server| server.data.as_path());
    let ground = root::ground(request.root.as_deref(), request.pool.as_deref(), data);
    let (root, mut notes) = (ground.root, ground.notes);
    // A server that does not run and that no cluster names may still lie below the root.
    for found in servers_below(&root) {
        if !servers.iter().any(|server| server.data == found.data) {
            servers.push(found);
        }
    }
    let mut services = Vec::new();
    for server in servers {
        match service_of(&root, &server, &services) {
            Some(service) => services.push(service),
            None => notes.push(elsewhere(&root, &server)),
        }
    }
    services.extend(files(&root, &services));
    if services.is_empty() {
        notes.push(format!(
            "{} holds no service yet: the one below is an example",
            root.display()
        ));
        services.push(example()?);
    }
    let database = services.iter().find_map(|service| {
        let (name, _) = service.server.as_ref()?.databases.first()?;
        name.parse().ok()
    });
    let project = request.project.clone().or(database);
    Ok(Proposal {
        project: project.map_or_else(|| "shop".parse(), Ok)?,
        pool: ground.pool,
        dataset: ground.dataset,
        state: request.state.clone(),
        run: request.run.clone(),
        root,
        services,
        notes,
    })
}

/// The servers of this host, running ones first.
fn servers_of_host() -> Vec<FoundServer> {
    let mut servers: Vec<FoundServer> = ENGINES
        .iter()
        .flat_map(|engine| engine.servers_of_host())
        .collect();
    servers.sort_by_key(|server| !server.runs);
    servers
}

/// The servers whose data lies below a root, at most three levels down.
fn servers_below(root: &Path) -> Vec<FoundServer> {
    let mut found = Vec::new();
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = waiting.pop() {
        if let Some(server) = ENGINES.iter().find_map(|engine| engine.server_of(&directory)) {
            found.push(server);
        } else if depth < 3 {
            waiting.extend(
                subdirectories(&directory)
                    .into_iter()
                    .map(|below| (below, depth + 1)),
            );
        }
    }
    found.sort_by(|one, other| one.data.cmp(&other.data));
    found
}

/// Directories in a directory, without links and hidden ones, sorted.
fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// The service of a server whose data lies in a directory of the root; no other can be declared with it.
fn service_of(root: &Path, server: &FoundServer, taken: &[Proposed]) -> Option<Proposed> {
    if place::subvolume_of(&server.data).is_some_and(|subvolume| subvolume != root) {
        return None;
    }
    let below = server.data.strip_prefix(root).ok()?;
    let mut parts = below.iter();
    let volume = PathBuf::from(parts.next()?);
    let data = Some(parts.as_path().to_owned()).filter(|data| !data.as_os_str().is_empty());
    if taken.iter().any(|other| other.volume == volume) {
        return None;
    }
    let known: BTreeSet<&str> = taken.iter().map(|service| service.name.as_str()).collect();
    let mut names = ["db".to_owned()]
        .into_iter()
        .chain((2..100).map(|number| format!("db{number}")));
    Some(Proposed {
        name: names.find(|name| !known.contains(name.as_str()))?.parse().ok()?,
        engine: server.engine,
        volume,
        data,
        server: Some(server.clone()),
    })
}

/// Other directories of the root: they are in every snapshot of it, so something must be decided about them.
fn files(root: &Path, taken: &[Proposed]) -> Vec<Proposed> {
    let directories = subdirectories(root).into_iter().filter_map(|path| {
        let volume = PathBuf::from(path.file_name()?);
        let name: ServiceName = volume
            .to_str()?
            .to_lowercase()
            .replace(['_', '.', ' '], "-")
            .parse()
            .ok()?;
        let free = !taken
            .iter()
            .any(|other| other.volume == volume || other.name == name);
        free.then_some(Proposed {
            name,
            engine: without_server(),
            volume,
            data: None,
            server: None,
        })
    });
    directories.collect()
}

/// What a directory is that belongs to no server.
fn without_server() -> EngineKind {
    let mut kinds = ENGINES.iter().filter(|engine| !engine.has_server());
    kinds.next().map_or(ENGINES[0].kind(), |engine| engine.kind())
}

fn example() -> Result<Proposed, OpsError> {
    Ok(Proposed {
        name: "db".parse()?,
        engine: ENGINES[0].kind(),
        volume: PathBuf::from("db"),
        data: None,
        server: None,
    })
}

fn elsewhere(root: &Path, server: &FoundServer) -> String {
    let title = engine(server.engine).title();
    let (data, shown) = (&server.data, server.data.display());
    if place::subvolume_of(data).is_none() && Zfs::dataset_of(data).is_none() {
        return format!(
            "{title} with its data in {shown} is neither on Btrfs nor on ZFS: move it to a directory of the root, with the server stopped"
        );
    }
    format!(
        "{title} with its data in {shown} is in no directory of its own in {}: one root holds all services",
        root.display()
    )
}
