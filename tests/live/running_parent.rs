//! A branch of a branch that runs: its parent stands still for the instant of the snapshot, and then goes on.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use envclone::runtime::{Runtime, Sandboxed};

use crate::production::{MINUTE, Production, ask};
use crate::walls::with_superuser;
use crate::world;

/// Writes in whole transactions of two rows until told to end; how many are in for certain.
struct Load {
    url: String,
    end: AtomicBool,
    committed: AtomicU64,
}

impl Load {
    fn write(&self, writer: u32) {
        let mut client = postgres::Client::connect(&self.url, postgres::NoTls).unwrap();
        let mut number = 0;
        while !self.end.load(Ordering::SeqCst) {
            number += 1;
            let row =
                format!("INSERT INTO shop.orders (customer_id, status) VALUES (1, 'load {writer} {number}')");
            client
                .batch_execute(&format!("BEGIN; {row}; {row}; COMMIT"))
                .unwrap();
            self.committed.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Returns when this many more transactions are in.
    fn wait_for(&self, more: u64) {
        let (wanted, until) = (
            self.committed.load(Ordering::SeqCst) + more,
            Instant::now() + MINUTE,
        );
        while self.committed.load(Ordering::SeqCst) < wanted {
            assert!(Instant::now() < until, "the load does not go on");
            thread::yield_now();
        }
    }
}

fn number(url: &str, sql: &str) -> u64 {
    ask(url, sql).unwrap().parse().unwrap()
}

/// Whether the bytes are in a file below `dir`.
fn holds(dir: &Path, bytes: &str) -> bool {
    fs::read_dir(dir).unwrap().flatten().any(|entry| {
        let kind = entry.file_type().unwrap();
        let found = |text: Vec<u8>| memchr::memmem::find(&text, bytes.as_bytes()).is_some();
        (kind.is_dir() && holds(&entry.path(), bytes))
            || (kind.is_file() && found(fs::read(entry.path()).unwrap()))
    })
}

const PAIRS: &str = "SELECT count(*) FROM (SELECT 1 FROM shop.orders WHERE status LIKE 'load%' GROUP BY status HAVING count(*) = 2) p";
const ROWS: &str = "SELECT count(*) FROM shop.orders WHERE status LIKE 'load%'";

#[test]
fn a_branch_of_a_branch_under_load_is_whole_and_its_parent_goes_on() {
    let production = with_superuser();
    let parent = production.branch("one")["url"].as_str().unwrap().to_owned();
    let load = Load {
        url: parent.clone(),
        end: AtomicBool::new(false),
        committed: AtomicU64::new(0),
    };
    let (before, document, after) = thread::scope(|scope| {
        for writer in 0..3 {
            let load = &load;
            scope.spawn(move || load.write(writer));
        }
        load.wait_for(200);
        let before = load.committed.load(Ordering::SeqCst);
        let made = production.envclone(&["branch", "one", "two", "--json"]);
        let after = load.committed.load(Ordering::SeqCst);
        load.wait_for(200);
        load.end.store(true, Ordering::SeqCst);
        (before, made.json(), after)
    });
    let pause = document["snapshot"]["source_pause_ms"].as_u64().unwrap();
    assert!((1..5000).contains(&pause), "{pause}");
    let child = document["url"].as_str().unwrap();
    let pairs = number(child, PAIRS);
    assert_eq!(
        number(child, ROWS),
        2 * pairs,
        "half a transaction is in the branch"
    );
    assert!((before..=after + 3).contains(&pairs), "{before} {pairs} {after}");
    ask(child, "CREATE EXTENSION amcheck").unwrap();
    let check = [
        "--heapallindexed",
        "--rootdescend",
        "--parent-check",
        "-d",
        "shop",
    ];
    let amcheck = format!("{}/pg_amcheck", crate::production::server_programs());
    let check = [&["exec", "two", "db", "--", &amcheck], &check[..]].concat();
    production.envclone(&check).ok();
    assert_eq!(number(&parent, PAIRS), load.committed.load(Ordering::SeqCst));
    sealed_again(&production, &parent, child);
    production.envclone(&["destroy", "one"]).refused(2, &["two"]);
    production.envclone(&["destroy", "two"]).ok();
    production.envclone(&["destroy", "one"]).ok();
}

/// The child has a password of its own, and nothing of the parent's.
fn sealed_again(production: &Production, parent: &str, child: &str) {
    let password = |url: &str| url.split(['@', ':']).nth(2).unwrap().to_owned();
    assert_ne!(password(parent), password(child));
    for (url, other) in [(parent, child), (child, parent)] {
        let mixed = url.replace(&password(url), &password(other));
        let refused = ask(&mixed, "SELECT 1").unwrap_err();
        assert!(refused.contains("password authentication failed"), "{refused}");
    }
    let verifiers = "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL";
    let of_parent = ask(parent, verifiers).unwrap();
    assert!(of_parent.starts_with("SCRAM-SHA-256$"), "{of_parent}");
    assert_ne!(ask(child, verifiers).unwrap(), of_parent);
    let stored = |name: &str| {
        production
            .pool()
            .join(".envclone/env/shop")
            .join(name)
            .join("clone/db")
    };
    ask(child, "CHECKPOINT").unwrap();
    ask(parent, "CHECKPOINT").unwrap();
    let bytes = of_parent.split(':').next_back().unwrap();
    assert!(holds(&stored("one"), bytes), "the control");
    assert!(!holds(&stored("two"), bytes));
}

/// Whether the branch answers within half a second.
fn answers(url: &str) -> bool {
    let (url, (answered, waits)) = (url.to_owned(), mpsc::channel());
    thread::spawn(move || answered.send(ask(&url, "SELECT 1").is_ok()));
    waits.recv_timeout(Duration::from_millis(500)).unwrap_or(false)
}

#[test]
fn a_branch_that_is_held_still_goes_on_with_the_last_who_lets_go_however_that_ends() {
    let production = Production::new();
    let document = production.branch("one");
    let url = document["url"].as_str().unwrap();
    let socket = document["services"]["db"]["socket"].as_str().unwrap();
    let branch = Path::new(socket)
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap();
    let branch = branch.parse().unwrap();
    let program = env!("CARGO_BIN_EXE_envclone").into();
    let runtime = Sandboxed::new(production.run_dir(), production.base().join("log"), program);
    ask(url, "SELECT 1").unwrap();
    let (first, second) = (runtime.freeze(&branch).unwrap(), runtime.freeze(&branch).unwrap());
    assert!(!answers(url));
    first.thaw().unwrap();
    assert!(!answers(url));
    // As by the end of the process that held it.
    drop(second);
    let until = Instant::now() + MINUTE;
    while !answers(url) {
        assert!(Instant::now() < until, "it does not go on");
    }
    let last = runtime.freeze(&branch).unwrap();
    production.envclone(&["destroy", "one"]).ok();
    last.thaw().unwrap_err();
}

/// Servers inside of branches.
fn servers(production: &Production) -> Vec<u32> {
    let own = production.server_pid().unwrap();
    let inside = |one: &world::Process| one.command.contains("envclone-conf") && one.pid != own;
    let all = world::processes_of(production.base()).into_iter();
    all.filter(inside).map(|one| one.pid).collect()
}

fn stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().starts_with('T')
}

#[test]
fn kill_9_while_the_parent_stands_still_leaves_it_running() {
    let production = Production::new();
    let url = production.branch("one")["url"].as_str().unwrap().to_owned();
    let before = production.world();
    let servers = servers(&production);
    assert!(!servers.is_empty());
    let mut run = production.spawn(&["branch", "one", "two"]);
    let until = Instant::now() + MINUTE;
    while !servers.iter().any(|pid| stopped(*pid)) {
        assert!(
            Instant::now() < until && run.try_wait().unwrap().is_none(),
            "it was never held"
        );
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let until = Instant::now() + MINUTE;
    while !answers(&url) {
        assert!(Instant::now() < until, "it does not go on");
    }
    // The next command that changes something cleans up.
    production.envclone(&["destroy", "two"]);
    assert_eq!(production.world(), before);
}
