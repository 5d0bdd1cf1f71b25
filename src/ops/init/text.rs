//! The text of a first configuration and of its rule file: pure.

use std::path::{Path, PathBuf};

use crate::engine::FoundServer;
use crate::model::{EngineKind, ProjectName, ServiceName};
use crate::sanitize::engines::engine;

/// A service to propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposed {
    pub(super) name: ServiceName,
    pub(super) engine: EngineKind,
    /// Below the root.
    pub(super) volume: PathBuf,
    /// Below the volume.
    pub(super) data: Option<PathBuf>,
    pub(super) server: Option<FoundServer>,
}

/// What the configuration says.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) project: ProjectName,
    pub(super) pool: PathBuf,
    /// The dataset of the root, on ZFS; its pool is one too.
    pub(super) dataset: Option<String>,
    pub(super) state: Option<PathBuf>,
    pub(super) run: Option<PathBuf>,
    pub(super) root: PathBuf,
    pub(super) services: Vec<Proposed>,
    /// What a person has to know or change.
    pub(super) notes: Vec<String>,
}

/// `envclone.toml`
pub(super) fn configuration(proposal: &Proposal) -> String {
    let mut lines = vec![
        "# What envclone branches, and where. `envclone config` prints what is in effect, `envclone doctor` what is".to_owned(),
        "# wrong with it. This file decides what leaves production: it must be root's, and writable by nobody else.".to_owned(),
    ];
    lines.extend(
        proposal
            .notes
            .iter()
            .map(|note| format!("# NOTE: {}", one_line(note))),
    );
    lines.extend([
        String::new(),
        "[project]".to_owned(),
        format!("name = {}", text(proposal.project.as_str())),
        String::new(),
        "[storage]".to_owned(),
    ]);
    lines.extend(storage(proposal));
    lines.extend(
        proposal
            .state
            .iter()
            .map(|state| format!("state = {}", path(state))),
    );
    lines.extend(proposal.run.iter().map(|run| format!("run = {}", path(run))));
    lines.extend([
        String::new(),
        "[environments.prod]".to_owned(),
        "type = \"production\"".to_owned(),
        match &proposal.dataset {
            Some(dataset) => format!("root = {}  # the dataset that holds every volume", text(dataset)),
            None => format!(
                "root = {}  # the subvolume that holds every volume",
                path(&proposal.root)
            ),
        },
    ]);
    for service in &proposal.services {
        lines.push(String::new());
        lines.extend(service_lines(service));
    }
    lines.extend(
        [
            "",
            "[sanitize]",
            "rules = [\"sanitize/*.toml\"]  # every column and file needs one, or no branch is published",
            "# after = [\"sql/after.sql\"]  # your own SQL, run in every branch before the proof",
        ]
        .map(str::to_owned),
    );
    lines.join("\n") + "\n"
}

fn storage(proposal: &Proposal) -> Vec<String> {
    let pool = path(&proposal.pool);
    let reserve = "# reserve = 10  # percent of the pool that branches leave free";
    if proposal.dataset.is_none() {
        let pool = format!("pool = {pool}  # a mounted Btrfs; branches live in .envclone below it");
        return vec![pool, reserve.to_owned()];
    }
    vec![
        "driver = \"zfs\"".to_owned(),
        format!("pool = {pool}  # a dataset of the root's zpool; branches live in .envclone below it"),
        reserve.to_owned(),
        "# branch-size = \"20GiB\"  # the most that each dataset of a branch may hold".to_owned(),
    ]
}

fn service_lines(service: &Proposed) -> Vec<String> {
    let mut lines = vec![
        format!("[services.{}]", service.name),
        format!("engine = {}", text(&service.engine.to_string())),
        format!("volume = {}  # below the root", path(&service.volume)),
    ];
    lines.extend(
        service
            .data
            .iter()
            .map(|data| format!("data = {}  # below the volume", path(data))),
    );
    if !engine(service.engine).has_server() {
        return lines;
    }
    let programs = service
        .server
        .as_ref()
        .and_then(|server| server.programs.as_ref());
    lines.extend(programs.map(|programs| {
        format!(
            "programs = {}  # the server's, not the distribution's",
            path(programs)
        )
    }));
    let rootfs = service.server.as_ref().and_then(|server| server.rootfs.as_ref());
    lines.extend(rootfs.map(|rootfs| {
        format!(
            "rootfs = {}  # what the server runs from, instead of this host",
            path(rootfs)
        )
    }));
    let lacks = service.server.iter().flat_map(|server| &server.lacks);
    lines.extend(lacks.map(|line| format!("# {}", one_line(line))));
    let databases = service
        .server
        .as_ref()
        .map_or(&[][..], |server| &server.databases);
    match databases.split_first() {
        Some(((database, owner), others)) => {
            lines.push(format!("database = {}  # what the URL points at", text(database)));
            lines.push(format!("user = {}  # whose URL it is", text(owner)));
            let others: Vec<String> = others.iter().map(|(name, _)| one_line(name)).collect();
            if !others.is_empty() {
                lines.push(format!("# The server also holds: {}", others.join(", ")));
            }
        }
        None => lines.push("# database = \"shop\"  # what the URL points at".to_owned()),
    }
    let source = service.server.as_ref().and_then(|server| server.source.as_ref());
    lines.extend(source.map(|source| format!("source = {}  # asked for a checkpoint only", text(source))));
    lines
}

/// A first rule file: it decides nothing yet, so that nothing leaves production by accident.
pub(super) fn rules(config: &Path, services: &[Proposed]) -> String {
    let directory = config
        .parent()
        .unwrap_or(Path::new("/"))
        .join("sanitize/first.toml");
    let mut lines = vec![
        "# Rules: what becomes of every column and file in a branch. What nothing decides about blocks the branch.".to_owned(),
        format!("# `envclone sanitize scan --write {}` proposes rules from what", directory.display()),
        "# your databases hold, `envclone sanitize check` names what still has none.".to_owned(),
    ];
    for service in services {
        lines.push("#".to_owned());
        let example = engine(service.engine).example_rules(service.name.as_str());
        lines.extend(example.iter().map(|line| format!("# {line}")));
    }
    lines.join("\n") + "\n"
}

fn path(path: &Path) -> String {
    text(&path.to_string_lossy())
}

/// A TOML string on one line.
fn text(text: &str) -> String {
    let quoted = toml::Value::String(text.to_owned()).to_string();
    if quoted.contains('\n') {
        format!("{text:?}")
    } else {
        quoted
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
