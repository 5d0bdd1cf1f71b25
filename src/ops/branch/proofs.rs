//! The list of steps is all or nothing: proved over the stateful fakes, with a directory of files as the service.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::request::new_run;
use super::{BranchRequest, BranchUndo, Run, steps};
use crate::config::{Config, Trust};
use crate::model::EnvType;
use crate::ops::App;
use crate::runtime::Memory as MemoryRuntime;
use crate::saga::proof::{Case, Ends, prove};
use crate::state::{Layout, Store};
use crate::storage::StorageError;
use crate::storage::memory::{Memory, Method};

const CONFIG: &str = r#"
[project]
name = "shop"
[storage]
pool = "POOL"
state = "STATE"
run = "RUN"
[environments.prod]
type = "production"
root = "POOL/shop"
[services.uploads]
engine = "files"
volume = "uploads"
[sanitize]
rules = ["rules.toml"]
"#;

const RULES: &str = r#"
[uploads]
delete = ["private/**"]
keep = { "**" = "product pictures" }
"#;

/// A production with three files, and everything that a command works with, in a directory of its own.
struct World {
    app: &'static App,
    runtime: MemoryRuntime,
    storage: Memory,
    root: PathBuf,
}

/// Rules by which nothing is rewritten.
const KEEP_ALL: &str = "[uploads]\nkeep = { \"**\" = \"product pictures\" }\n";

impl World {
    fn new(directory: &Path) -> Self {
        Self::with(directory, RULES)
    }

    fn with(directory: &Path, rules: &str) -> Self {
        let [pool, state, run] = ["pool", "state", "run"].map(|name| directory.join(name));
        for made in [&pool, &state, &run] {
            fs::create_dir(made).unwrap();
        }
        let text = CONFIG
            .replace("POOL", &pool.display().to_string())
            .replace("STATE", &state.display().to_string())
            .replace("RUN", &run.display().to_string());
        fs::write(directory.join("envclone.toml"), text).unwrap();
        fs::write(directory.join("rules.toml"), rules).unwrap();
        let trust = || Trust::below(directory).unwrap();
        let config = Config::load_trusting(&directory.join("envclone.toml"), &trust()).unwrap();
        let layout = Layout {
            state_dir: state,
            run_dir: run,
            project: config.project().clone(),
        };
        let store = Store::open_trusting(layout, trust()).unwrap();
        store.make_key().unwrap();
        let storage = Memory::open(&pool).unwrap();
        let root = pool.join("shop");
        storage.make_root(&root).unwrap();
        for (path, text) in [
            ("a.png", "a"),
            ("b/c.png", "c"),
            ("private/invoice.txt", "Ada Lovelace"),
        ] {
            let path = root.join("uploads").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let runtime = MemoryRuntime::new();
        let app = App {
            config,
            store,
            storage: Box::new(storage.again().unwrap()),
            runtime: Box::new(runtime.clone()),
            left: std::sync::Mutex::default(),
        };
        // Cases borrow what they work with for as long as the test runs.
        Self {
            app: Box::leak(Box::new(app)),
            runtime,
            storage,
            root,
        }
    }

    /// Everything that must be as it was, without what is different each time: identities and times.
    fn text(&self) -> String {
        let owned = self.app.storage.owned().unwrap();
        let mut owned: Vec<String> = owned
            .iter()
            .map(|owned| {
                let role = owned.mark.as_ref().map(|mark| mark.role);
                format!("{role:?} incoming: {}", owned.incoming.is_some())
            })
            .collect();
        owned.sort();
        let records = self.app.store.records().unwrap();
        let records: Vec<String> = records
            .iter()
            .map(|record| {
                let proved = record.sanitization.as_ref().map(|done| done.skipped.clone());
                format!(
                    "{} {} {proved:?}",
                    record.environment.name, record.environment.state
                )
            })
            .collect();
        let branches = self.runtime.branches().len();
        format!(
            "{owned:?}\n{records:?}\n{branches}\n{}",
            files(&self.root.join("uploads"))
        )
    }
}

fn files(directory: &Path) -> String {
    let mut text = String::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            text.push_str(&files(&path));
        } else {
            text.push_str(&format!(
                "{}={}\n",
                path.file_name().unwrap().display(),
                fs::read_to_string(&path).unwrap_or_default()
            ));
        }
    }
    text
}

fn request() -> BranchRequest {
    BranchRequest {
        parent: "prod".parse().unwrap(),
        name: "fix-42".parse().unwrap(),
        kind: EnvType::Development,
        lock_timeout: Duration::ZERO,
        fault: None,
        command: "branch prod fix-42".to_owned(),
    }
}

fn silent(_: &str) {}

/// Nobody types Ctrl-C while a step acts.
static NEVER: AtomicBool = AtomicBool::new(false);

#[test]
fn a_branch_is_made_whole_or_not_at_all_whatever_fails_and_wherever_it_is_killed() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::new(directory.path());
    is_all_or_nothing(&world, &request());
    assert_eq!(skipped(&world), None);
}

#[test]
fn a_branch_in_which_nothing_is_rewritten_is_made_whole_or_not_at_all() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::with(directory.path(), KEEP_ALL);
    is_all_or_nothing(&world, &request());
    assert!(skipped(&world).is_some());
}

#[test]
fn a_branch_of_a_branch_is_made_whole_or_not_at_all() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::new(directory.path());
    let parent: crate::model::EnvName = "parent".parse().unwrap();
    let of_production = BranchRequest {
        name: parent.clone(),
        ..request()
    };
    super::branch(
        world.app,
        &of_production,
        &mut crate::saga::Silent,
        &silent,
        &NEVER,
    )
    .unwrap();
    let request = BranchRequest { parent, ..request() };
    is_all_or_nothing(&world, &request);
    assert!(skipped(&world).is_some());
}

/// Why nothing was rewritten in the branch that the last success made.
fn skipped(world: &World) -> Option<String> {
    let record = world.app.store.record(&request().name).unwrap().unwrap();
    record.sanitization.unwrap().skipped
}

/// Proves of `request` that it is all or nothing; the branch is there afterwards.
fn is_all_or_nothing(world: &World, request: &BranchRequest) {
    let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
    let fresh = || {
        // What a run that came to its end has left.
        if world.app.store.record(&request.name).unwrap().is_some() {
            crate::ops::destroy::destroy(world.app, &request.name, Duration::ZERO).unwrap();
        }
        let app = world.app;
        let parent = app.parent(&request.parent).unwrap();
        let run: Run<'static> = new_run(app, request, parent, Instant::now(), &silent, &NEVER).unwrap();
        let undo = BranchUndo {
            app,
            run: run.id.clone(),
        };
        Case {
            steps: steps(),
            context: run,
            undo: Box::new(undo),
            world: Box::new(move || world.text()),
            ends: Ends::AsBefore,
        }
    };
    let proved = prove(scratch.path(), &fresh).unwrap();
    assert!(proved.lines > 15, "{proved:?}");
    assert!(proved.trials > 200, "{proved:?}");
    drop(fresh());
    super::branch(world.app, request, &mut crate::saga::Silent, &silent, &NEVER).unwrap();
}

#[test]
fn a_branch_of_files_loses_what_the_rules_delete_and_production_does_not() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::new(directory.path());
    let before = files(&world.root);
    let report = super::branch(world.app, &request(), &mut crate::saga::Silent, &silent, &NEVER).unwrap();
    assert!(report.environment.sanitized);
    // What was deleted must be proved gone: the steps from sanitize to checkpoint are not skipped.
    assert_eq!(report.sanitization.unwrap().skipped, None);
    let record = world.app.store.record(&request().name).unwrap().unwrap();
    let clone = record.clone.unwrap().path.join("uploads");
    assert!(clone.join("b/c.png").exists());
    assert!(!clone.join("private/invoice.txt").exists());
    assert_eq!(files(&world.root), before);
    crate::ops::destroy::destroy(world.app, &request().name, Duration::ZERO).unwrap();
    assert!(world.app.storage.owned().unwrap().is_empty());
    assert!(world.runtime.branches().is_empty());
}

#[test]
fn what_a_clean_up_cannot_undo_is_told_until_it_can() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::new(directory.path());
    let (app, before) = (world.app, world.text());
    let dead = BranchRequest {
        fault: Some(crate::saga::Fault::CrashAfter(9)),
        ..request()
    };
    super::branch(app, &dead, &mut crate::saga::Silent, &silent, &NEVER).unwrap_err();
    world.runtime.caller_dies();
    let busy = || StorageError::NotOurs {
        path: "/pool/x".into(),
        reason: "somebody sits on it".to_owned(),
    };
    // One undo for the snapshot, one for the clone.
    for _ in 0..2 {
        world.storage.fail_next(Method::DiscardIncoming, busy());
    }
    // The command does its own work all the same.
    let other = BranchRequest {
        name: "other".parse().unwrap(),
        ..request()
    };
    super::branch(app, &other, &mut crate::saga::Silent, &silent, &NEVER).unwrap();
    let left = app.left_behind().unwrap();
    assert_eq!(left.exit_code(), 4);
    assert_eq!(left.left().len(), 2, "{left:?}");
    for one in left.left() {
        assert!(
            one.contains("/.envclone/incoming/") && one.contains("somebody sits on it"),
            "{one}"
        );
    }
    // As often as it is tried, until it works.
    crate::ops::destroy::destroy(app, &other.name, Duration::ZERO).unwrap();
    assert!(app.left_behind().is_none());
    assert_eq!(world.text(), before);
}

#[test]
fn a_destroy_that_fails_again_keeps_no_other_command_from_its_work() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::new(directory.path());
    let (app, before) = (world.app, world.text());
    let make = |name: &str| {
        let name = name.parse().unwrap();
        let request = BranchRequest { name, ..request() };
        super::branch(app, &request, &mut crate::saga::Silent, &silent, &NEVER).unwrap();
    };
    let busy = || StorageError::NotOurs {
        path: "/pool/x".into(),
        reason: "somebody sits on it".to_owned(),
    };
    make("fix-42");
    world.storage.fail_next(Method::Destroy, busy());
    crate::ops::destroy::destroy(app, &request().name, Duration::ZERO).unwrap_err();
    world.storage.fail_next(Method::Destroy, busy());
    make("other");
    let left = app.left_behind().unwrap();
    assert_eq!(left.exit_code(), 4);
    assert!(left.left()[0].contains("what is left of fix-42"), "{left:?}");
    crate::ops::destroy::destroy(app, &"other".parse().unwrap(), Duration::ZERO).unwrap();
    assert!(app.left_behind().is_none());
    assert_eq!(world.text(), before);
}
