//! A server that was found on this host, for a first configuration.

use std::path::PathBuf;

use crate::model::EngineKind;

/// A server. What is known of it comes from what others write: it only proposes lines of a configuration that root reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundServer {
    /// What it is.
    pub engine: EngineKind,
    /// Its data directory, without links.
    pub data: PathBuf,
    /// Whether it runs.
    pub runs: bool,
    /// Its databases and their owners, the largest first; empty where it did not answer.
    pub databases: Vec<(String, String)>,
    /// Where its programs are, if it runs, they are not in the distribution's place, and root may obey them; in its root file
    /// system, if it has one.
    pub programs: Option<PathBuf>,
    /// The root file system that it runs from, if it has one that root may obey.
    pub rootfs: Option<PathBuf>,
    /// What this host lacks to serve its data, and what to do about it, line by line.
    pub lacks: Vec<String>,
    /// How it is asked, if it runs.
    pub source: Option<String>,
}
