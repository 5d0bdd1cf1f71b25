//! Branching a production that is being written to.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};

use crate::branch::{password_of, url_of};
use crate::production::{Ended, MINUTE, Production, RULES, ask, program, server_programs};

/// How many branches are made, one after the other.
const BRANCHES: usize = 20;
/// For how long writes are looked at before anything is branched: longer than all snapshots and clones together take.
const QUIET: SignedDuration = SignedDuration::from_secs(15);
/// How much longer than without branching a write may wait while a snapshot is taken and cloned.
const LONGER: SignedDuration = SignedDuration::from_millis(100);

const PGBENCH_RULES: &str = r#"
[db."public.pgbench_accounts"]
abalance = { keep = "made up" }
filler = { keep = "made up" }
[db."public.pgbench_branches"]
bbalance = { keep = "made up" }
filler = { keep = "made up" }
[db."public.pgbench_tellers"]
tbalance = { keep = "made up" }
filler = { keep = "made up" }
[db."public.pgbench_history"]
tid = { keep = "made up" }
bid = { keep = "made up" }
aid = { keep = "made up" }
delta = { keep = "made up" }
mtime = { keep = "made up" }
filler = { keep = "made up" }
[db."public.probe"]
n = { keep = "a counter" }
"#;

/// From when to when something was done.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    fn length(&self) -> SignedDuration {
        self.from.duration_until(self.to)
    }
}

/// Writes one row again and again, and tells how long each took.
struct Prober {
    stop: Arc<AtomicBool>,
    writes: mpsc::Receiver<Span>,
    thread: JoinHandle<()>,
}

impl Prober {
    fn start(production: &Production) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (tell, writes) = mpsc::channel();
        let config = production.superuser();
        let thread = std::thread::spawn(move || {
            let mut client = postgres::Client::connect(&config, postgres::NoTls).unwrap();
            while !stopped.load(Ordering::SeqCst) {
                let from = Timestamp::now();
                client.batch_execute("UPDATE public.probe SET n = n + 1").unwrap();
                let to = Timestamp::now();
                if tell.send(Span { from, to }).is_err() {
                    return;
                }
            }
        });
        Self { stop, writes, thread }
    }

    /// The writes of a while, from now on.
    fn next(&self, within: SignedDuration) -> Vec<Span> {
        let from = Timestamp::now();
        let mut writes = Vec::new();
        while from.duration_until(Timestamp::now()) < within {
            writes.push(self.writes.recv_timeout(MINUTE).unwrap());
        }
        writes
    }

    fn end(self) -> Vec<Span> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        self.writes.try_iter().collect()
    }
}

fn pgbench(production: &Production, args: &[&str]) -> Child {
    let mut command = program(&format!("{}/pgbench", server_programs()));
    command.args([
        "-h",
        production.base().join("sock").to_str().unwrap(),
        "-U",
        "postgres",
    ]);
    command.args(args).arg("shop");
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    command.spawn().unwrap()
}

fn longest<'a>(writes: impl Iterator<Item = &'a Span>) -> SignedDuration {
    writes.map(Span::length).max().unwrap()
}

#[test]
fn twenty_branches_under_load_are_sound_and_hardly_noticed_by_writes() {
    let production = Production::new();
    production.sql("ALTER SYSTEM SET fsync = on");
    production.sql("SELECT pg_reload_conf()");
    production.sql("CREATE TABLE public.probe (n bigint); INSERT INTO public.probe VALUES (0)");
    production.sql("CREATE EXTENSION amcheck; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO shop");
    Ended::of(pgbench(&production, &["-q", "-i"]).wait_with_output().unwrap()).ok();
    production.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop");
    production.configure(&production.configuration(), &format!("{RULES}{PGBENCH_RULES}"));
    let mut load = pgbench(&production, &["-n", "-c", "2", "-T", "600"]);
    let prober = Prober::start(&production);
    // The control: nothing of a branch is there, nor being looked at, nor going.
    let without = prober.next(QUIET);

    let mut snapshots = Vec::new();
    for number in 0..BRANCHES {
        let name = format!("load-{number}");
        let document = production.branch(&name);
        let taken: Timestamp = document["snapshot"]["taken_at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let ms = |step: &str| SignedDuration::from_millis(document["timings_ms"][step].as_i64().unwrap() + 1);
        snapshots.push(Span {
            from: taken - ms("snapshot"),
            to: taken + ms("clone"),
        });
        let mut check = program(&format!("{}/pg_amcheck", server_programs()));
        let port = document["services"]["db"]["port"].to_string();
        check.args([
            "--heapallindexed",
            "-h",
            &production.address().to_string(),
            "-p",
            &port,
            "-U",
            "shop",
            "-d",
            "shop",
        ]);
        let checked = check.env("PGPASSWORD", password_of(&document)).output().unwrap();
        assert_eq!(Ended::of(checked).ok(), "", "{name} is damaged");
        let history = ask(
            &url_of(&document),
            "SELECT sum(abalance) = (SELECT sum(bbalance) FROM pgbench_branches) FROM pgbench_accounts",
        );
        assert_eq!(history.unwrap(), "t", "{name} holds half a transaction");
        production.envclone(&["destroy", &name]).ok();
    }
    let writes = prober.end();
    assert!(
        load.try_wait().unwrap().is_none(),
        "the load ended before the branches"
    );
    load.kill().unwrap();
    load.wait().unwrap();

    let during: Vec<&Span> = writes
        .iter()
        .filter(|write| snapshots.iter().any(|one| one.overlaps(write)))
        .collect();
    assert!(
        during.len() >= BRANCHES,
        "only {} writes were seen during snapshots",
        during.len()
    );
    let lengths = snapshots.iter().map(Span::length);
    let looked_at = lengths.fold(SignedDuration::ZERO, |sum, one| sum + one);
    assert!(
        looked_at < QUIET * 2,
        "the control is too short for {looked_at:?}"
    );
    let (without, with) = (longest(without.iter()), longest(during.into_iter()));
    println!(
        "longest wait of a write: {with:?} in {looked_at:?} of snapshot and clone, {without:?} in {QUIET:?} without branching"
    );
    assert!(with <= without + LONGER, "{with:?} against {without:?}");
}
