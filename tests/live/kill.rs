//! Runs that are killed or interrupted: whatever they had made is gone after the next command that changes something.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use envclone::exec::Tool;
use rustix::process::{Pid, Signal, kill_process};

use crate::branch::{server_of_a_branch, url_of};
use crate::bytes::checksum;
use crate::pool::run;
use crate::production::{Ended, MINUTE, Production, RULES, ask, program, set_mode};
use crate::world;

/// Waits, looking again and again, until `seen` says so.
pub fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !seen() {
        assert!(began.elapsed() < MINUTE, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// What the journals of runs say.
fn journals(production: &Production) -> String {
    production.branches();
    let Ok(runs) = fs::read_dir(production.state_dir().join("shop/runs")) else {
        return String::new();
    };
    let text = |run: fs::DirEntry| fs::read_to_string(run.path()).unwrap_or_default();
    runs.flatten().map(text).collect()
}

pub fn has_begun(production: &Production, step: &str) -> bool {
    let journals = journals(production);
    let mut lines = journals.lines();
    lines.any(|line| line.contains(&format!("{step:?}")))
}

fn names(production: &Production) -> Vec<String> {
    let listed = production.envclone(&["list", "--json"]).json();
    let environments = listed["environments"].as_array().unwrap();
    environments
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
}

fn supervised(production: &Production) -> bool {
    let processes = world::processes_of(production.base());
    processes.iter().any(|one| one.command.contains("__supervise"))
}

/// After a run of "fix-42" died: a command that changes something leaves the world as it was, but for a branch that was
/// published before its run died, which works.
fn cleaned_up(production: &Production, before: &[String], when: &str) {
    let ended = production.envclone(&["destroy", "nosuch"]);
    assert_eq!(ended.code, 2, "{when}: {}", ended.stderr);
    is_as_before(production, before, when);
}

/// The same of a command that has run.
fn is_as_before(production: &Production, before: &[String], when: &str) {
    if names(production).contains(&"fix-42".to_owned()) {
        let url = production.envclone(&["url", "fix-42", "db"]).ok();
        assert_eq!(
            ask(url.trim(), "SELECT count(*) FROM shop.customers").as_deref(),
            Ok("300"),
            "{when}"
        );
        production.envclone(&["destroy", "fix-42"]).ok();
    }
    assert_eq!(production.world(), before, "{when}");
}

/// Kills runs that branch `parent`, each at one more line of its journal, until one comes to its end; what that says.
fn killed_at_each_line(production: &Production, parent: &str) -> serde_json::Value {
    let before = production.world();
    let mut line = 0;
    loop {
        line += 1;
        let run = [
            "branch",
            parent,
            "fix-42",
            "--json",
            "--die-after-line",
            &line.to_string(),
        ];
        let ended = production.envclone(&run);
        if ended.code == 0 {
            assert!(line > 12, "it had only {line} lines");
            return ended.json();
        }
        assert_eq!(ended.code, 128 + 9, "line {line}: {}", ended.stderr);
        // One that only reads cleans nothing up, and says so.
        let journals = journals(production);
        names(production);
        assert_eq!(self::journals(production), journals);
        cleaned_up(production, &before, &format!("after line {line}: {journals}"));
    }
}

#[test]
fn killed_at_any_line_of_its_journal_a_run_leaves_nothing_behind() {
    let mut production = Production::new();
    production.stop();
    let files = checksum(&production.root());
    let before = production.world();
    let document = killed_at_each_line(&production, "prod");
    assert_eq!(document["sanitization"]["skipped"], serde_json::Value::Null);
    assert_eq!(names(&production), ["prod", "fix-42"]);
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
    assert_eq!(checksum(&production.root()), files);
}

#[test]
fn killed_at_any_line_a_run_that_rewrites_nothing_leaves_nothing_behind() {
    let mut production = Production::new();
    production.keep_all();
    production.stop();
    let files = checksum(&production.root());
    let before = production.world();
    let document = killed_at_each_line(&production, "prod");
    assert!(document["sanitization"]["skipped"].is_string(), "{document}");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
    assert_eq!(checksum(&production.root()), files);

    // Nor does a branch of a branch, whose parent runs on and keeps what was written to it.
    let parent = url_of(&production.branch("parent"));
    ask(&parent, "UPDATE shop.orders SET status = 'of the parent'").unwrap();
    let document = killed_at_each_line(&production, "parent");
    assert!(document["sanitization"]["skipped"].is_string(), "{document}");
    let written = "SELECT count(*) FROM shop.orders WHERE status = 'of the parent'";
    for url in [&parent, &url_of(&document)] {
        assert_eq!(ask(url, written).unwrap(), "400");
    }
    production.envclone(&["destroy", "fix-42"]).ok();
    production.envclone(&["destroy", "parent"]).ok();
    assert_eq!(production.world(), before);
    assert_eq!(checksum(&production.root()), files);
}

/// Everything that gets somebody in, or tells how.
const INSIDE: [&[&str]; 5] = [
    &["url", "fix-42"],
    &["connect", "fix-42", "db", "--", "-c", "SELECT 1"],
    &["exec", "fix-42", "db", "--", "true"],
    &["logs", "fix-42", "db"],
    &["start", "fix-42"],
];

#[test]
fn a_branch_that_is_being_made_lets_nobody_in_by_any_command() {
    let production = Production::new();
    let before = production.world();
    // Its record is there, then its clone, then its server runs, and all of it stays when the run dies.
    for line in ["3", "9", "12"] {
        let dead = production.envclone(&["branch", "prod", "fix-42", "--die-after-line", line]);
        assert_eq!(dead.code, 128 + 9, "{}", dead.stderr);
        let shown = production.envclone(&["show", "fix-42", "--json"]).json();
        assert_eq!(shown["environment"]["state"], "creating", "{shown}");
        assert_eq!(shown["environment"]["sanitized"], false);
        for url in [
            &shown["url"],
            &shown["services"]["db"]["url"],
            &shown["services"]["uploads"]["url"],
        ] {
            assert_eq!(*url, serde_json::Value::Null, "{shown}");
        }
        for args in INSIDE {
            let refused = production.envclone(args);
            refused.refused(
                5,
                &[
                    "fix-42 is creating; nobody gets in without a receipt",
                    "envclone destroy fix-42",
                ],
            );
            assert_eq!(refused.stdout, "", "{args:?}");
        }
        // The last of them changes something, so it cleaned up.
        is_as_before(&production, &before, &format!("killed after line {line}"));
    }
}

/// A program in the place of `btrfs` that, at a certain call, waits until it is told to go on.
struct Held {
    base: PathBuf,
    program: PathBuf,
}

impl Held {
    fn at(production: &Production, call: &str) -> Self {
        let held = Self {
            base: production.base().to_owned(),
            program: Tool::find("btrfs").unwrap().path().to_owned(),
        };
        let [called, go, btrfs] = ["called", "go", "btrfs"].map(|name| held.base.join(name));
        fs::copy(&held.program, &btrfs).unwrap();
        let _ = fs::remove_file(&called);
        if !go.exists() {
            run("mkfifo", &[go.to_str().unwrap()]);
        }
        let wrapper = format!(
            "#!/bin/sh\ncase \"$*\" in {call:?}*) : >{}; read -r line <{};; esac\nexec {} \"$@\"\n",
            called.display(),
            go.display(),
            btrfs.display()
        );
        fs::write(held.wrapper(), wrapper).unwrap();
        set_mode(&held.wrapper(), 0o755);
        held
    }

    fn wrapper(&self) -> PathBuf {
        self.base.join("btrfs.sh")
    }

    /// Starts envclone where that program is.
    fn spawn(&self, production: &Production, args: &[&str]) -> Child {
        let command = production.command(args);
        let mut inside = program("/usr/bin/unshare");
        let script = "mount --bind \"$1\" \"$2\"; shift 2; exec \"$@\"";
        inside.args([
            "--mount",
            "--propagation",
            "slave",
            "--",
            "sh",
            "-euc",
            script,
            "-",
        ]);
        inside.arg(self.wrapper()).arg(&self.program);
        inside.arg(command.get_program()).args(command.get_args());
        inside.stdout(Stdio::piped()).stderr(Stdio::piped());
        inside.spawn().unwrap()
    }

    fn is_called(&self) -> bool {
        self.base.join("called").exists()
    }

    fn go_on(&self) {
        fs::write(self.base.join("go"), "\n").unwrap();
    }
}

/// How often a process has slept until now, while it has open a directory in which objects lie.
fn waits_at_objects(production: &Production, pid: u32) -> Option<u64> {
    let home = production.pool().join(".envclone");
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let mut places = open
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    places.find(|path| {
        ["incoming", "env"]
            .iter()
            .any(|dir| path.starts_with(home.join(dir)))
    })?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

#[test]
fn what_a_killed_run_had_called_is_waited_for_and_leaves_nothing_behind() {
    let production = Production::new();
    let before = production.world();
    let branch: &[&str] = &["branch", "prod", "fix-42"];
    for (args, call) in [
        (branch, "subvolume snapshot -r "),
        (branch, "subvolume snapshot -- "),
        (branch, "property set "),
        (&["destroy", "fix-42"], "subvolume delete "),
    ] {
        if args != branch {
            production.branch("fix-42");
        }
        let held = Held::at(&production, call);
        let mut run = held.spawn(&production, args);
        until(call, || held.is_called() || run.try_wait().unwrap().is_some());
        assert!(
            held.is_called(),
            "{call}: {:?}",
            Ended::of(run.wait_with_output().unwrap())
        );
        signal(&run, Signal::KILL);
        Ended::of(run.wait_with_output().unwrap());
        let mut next = production.spawn(&["destroy", "nosuch"]);
        let (mut seen, mut ended) = (None, false);
        until("the next command waits, unless it does not", || {
            let now = waits_at_objects(&production, next.id());
            seen = now.map(|now| seen.unwrap_or(now));
            ended = next.try_wait().unwrap().is_some();
            ended || seen.zip(now).is_some_and(|(since, now)| now > since + 5)
        });
        held.go_on();
        assert!(!ended, "nothing waited for {call}");
        Ended::of(next.wait_with_output().unwrap()).refused(2, &["no environment nosuch"]);
        assert_eq!(production.world(), before, "killed while it called {call}");
    }
}

#[test]
fn what_a_branch_consists_of_is_seen_and_nothing_of_it_once_it_is_gone() {
    let production = Production::new();
    let before = production.world();
    production.branch("fix-42");
    let now = production.world();
    for part in ["__supervise", "__gateway", "bwrap", "postgres -D"] {
        let is_it = |one: &String| one.starts_with("process ") && one.contains(part);
        assert!(now.iter().any(is_it), "{part} is not seen: {now:?}");
    }
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn killed_in_the_middle_of_a_step_a_run_leaves_nothing_behind() {
    let production = Production::new();
    let before = production.world();
    let server = |one: &world::Process| {
        one.command.contains("postgres") && Some(one.parent) != production.server_pid()
    };
    let moments: [(&str, &dyn Fn() -> bool); 5] = [
        ("the supervisor starts", &|| supervised(&production)),
        ("the server starts", &|| {
            let processes = world::processes_of(production.base());
            processes
                .iter()
                .any(|one| server(one) && Some(one.pid) != production.server_pid())
        }),
        ("masking begins", &|| has_begun(&production, "sanitize")),
        ("the proof begins", &|| has_begun(&production, "prove")),
        ("publishing begins", &|| has_begun(&production, "publish")),
    ];
    for (moment, seen) in moments {
        let run = production.spawn(&["branch", "prod", "fix-42"]);
        until(moment, seen);
        signal(&run, Signal::KILL);
        Ended::of(run.wait_with_output().unwrap());
        cleaned_up(&production, &before, &format!("killed when {moment}"));
    }
    // Another branch cleans up as well, and comes to be.
    let run = production.spawn(&["branch", "prod", "fix-42"]);
    until("masking", || has_begun(&production, "sanitize"));
    signal(&run, Signal::KILL);
    Ended::of(run.wait_with_output().unwrap());
    production.branch("other");
    assert_eq!(names(&production), ["prod", "other"]);
    production.envclone(&["destroy", "other"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn interrupted_a_run_undoes_what_it_did_at_once() {
    let production = Production::new();
    let before = production.world();
    for (step, by) in [("sanitize", Signal::INT), ("seal", Signal::TERM)] {
        let run = production.spawn(&["branch", "prod", "fix-42"]);
        until("the step", || has_begun(&production, step));
        signal(&run, by);
        let ended = Ended::of(run.wait_with_output().unwrap());
        ended.refused(130, &["interrupted", "undone"]);
        assert_eq!(ended.stdout, "");
        assert_eq!(production.world(), before, "interrupted in {step}");
    }
}

/// A table whose rewriting takes long where little may be written in a second, and what decides about it.
const LETTERS: &str = "CREATE TABLE shop.letters AS SELECT n AS id, repeat(md5(n::text), 32) AS body FROM generate_series(1, 4000) AS n; \
    ALTER TABLE shop.letters OWNER TO shop";
const LETTER_RULES: &str = "\n[db.\"shop.letters\"]\nid = { keep = \"a number\" }\nbody = { transform = \"text\", mode = \"scramble\" }\n";

/// How the disk serves the server of a branch.
fn disk_class(production: &Production) -> String {
    let server = server_of_a_branch(production).expect("a server").to_string();
    let said = program("/usr/bin/ionice").args(["-p", &server]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[test]
fn interrupted_within_a_step_a_run_ends_at_once() {
    let production = Production::new();
    production.sql(LETTERS);
    let rules = format!("{RULES}{LETTER_RULES}");
    let configuration = production.configuration() + "max-write-rate = \"1MiB/s\"\n";
    production.configure(&configuration, &rules);
    // The control: four megabytes go out, and come in again.
    let began = Instant::now();
    production.branch("control");
    let whole = began.elapsed();
    // Once it is published, its server is as any other.
    assert!(!disk_class(&production).starts_with("idle"));
    assert!(
        whole > Duration::from_secs(5),
        "nothing kept to the rate: {whole:?}"
    );
    production.envclone(&["destroy", "control"]).ok();

    // The owner's SQL, for which the server works as long as it likes.
    let slept = production.volume().join("slept");
    let sql = format!("COPY (SELECT 1) TO '{}'; SELECT pg_sleep(600)", slept.display());
    fs::write(production.etc().join("after.sql"), sql).unwrap();
    let sleeping = production.configuration() + "after = [\"after.sql\"]\n";
    let sleeps = || {
        let runs = fs::read_dir(production.pool().join(".envclone/incoming"));
        let mut runs = runs.into_iter().flatten().flatten();
        runs.any(|run| run.path().join("clone/db/slept").exists())
    };
    // A source that takes connections and never says anything.
    let silent = TcpListener::bind((production.address(), 0)).unwrap();
    let source = format!(
        "source = \"postgres://postgres@{}/shop\"",
        silent.local_addr().unwrap()
    );
    let before = production.world();
    let line = configuration
        .lines()
        .find(|line| line.starts_with("source = "))
        .unwrap();
    let hanging = configuration.replace(line, &source);
    let cases: [(&str, &str, &dyn Fn() -> bool); 3] = [
        ("sanitize", &configuration, &|| has_begun(&production, "sanitize")),
        ("sanitize", &sleeping, &sleeps),
        ("quiesce", &hanging, &|| has_begun(&production, "quiesce")),
    ];
    for (step, configuration, seen) in cases {
        production.configure(configuration, &rules);
        let began = Instant::now();
        let run = production.spawn(&["branch", "prod", "fix-42"]);
        // In the middle of what takes long.
        until(step, || seen() && began.elapsed() > whole / 3);
        if step == "sanitize" {
            assert_eq!(
                disk_class(&production),
                "idle",
                "it takes the disk from production"
            );
        }
        let began = Instant::now();
        signal(&run, Signal::INT);
        let ended = Ended::of(run.wait_with_output().unwrap());
        let took = began.elapsed();
        ended.refused(130, &["interrupted", "everything was undone"]);
        assert!(took < whole / 4, "{step}: it went on for {took:?} of {whole:?}");
        assert_eq!(production.world(), before, "interrupted in {step}");
    }
}

#[test]
fn of_two_runs_for_one_name_one_is_told_that_it_is_locked() {
    let production = Production::new();
    let before = production.world();
    let runs = [(), ()].map(|()| production.spawn(&["branch", "prod", "fix-42", "--json"]));
    let mut ended: Vec<Ended> = runs
        .into_iter()
        .map(|run| Ended::of(run.wait_with_output().unwrap()))
        .collect();
    ended.sort_by_key(|ended| ended.code);
    ended
        .pop()
        .unwrap()
        .refused(6, &["fix-42 is locked by another run"]);
    let document = ended.pop().unwrap().json();
    assert_eq!(
        ask(&url_of(&document), "SELECT count(*) FROM shop.customers").unwrap(),
        "300"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn runs_for_different_names_go_on_side_by_side() {
    let production = Production::new();
    let before = production.world();
    let names = ["one", "two", "three"];
    let runs = names.map(|name| production.spawn(&["branch", "prod", name, "--json"]));
    let urls = runs.map(|run| url_of(&Ended::of(run.wait_with_output().unwrap()).json()));
    for url in &urls {
        assert_eq!(ask(url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    }
    let destroyed = names.map(|name| production.spawn(&["destroy", name]));
    for run in destroyed {
        Ended::of(run.wait_with_output().unwrap()).ok();
    }
    assert_eq!(production.world(), before);
}

#[test]
fn a_killed_destroy_is_ended_by_the_next_command_that_changes_something() {
    let production = Production::new();
    let before = production.world();
    let record = production.state_dir().join("shop/environments/fix-42.json");
    let subvolumes = || {
        production
            .world()
            .iter()
            .filter(|one| one.starts_with("subvolume"))
            .count()
    };
    let moments: [(&str, &dyn Fn() -> bool); 3] = [
        ("it has begun", &|| {
            fs::read_to_string(&record).map_or(true, |text| text.contains("\"failed\""))
        }),
        ("no process is left", &|| !supervised(&production)),
        ("a subvolume is gone", &|| subvolumes() < 3),
    ];
    for (moment, seen) in moments {
        production.branch("fix-42");
        assert_eq!(subvolumes(), 3, "production, clone and checkpoint");
        let run = production.spawn(&["destroy", "fix-42"]);
        until(moment, seen);
        signal(&run, Signal::KILL);
        Ended::of(run.wait_with_output().unwrap());
        production
            .envclone(&["destroy", "nosuch"])
            .refused(2, &["no environment nosuch"]);
        assert_eq!(production.world(), before, "killed when {moment}");
    }
}

#[test]
fn a_killed_stop_or_start_leaves_a_branch_that_can_be_started() {
    let production = Production::new();
    let before = production.world();
    let document = production.branch("fix-42");
    for command in ["stop", "start"] {
        let run = production.spawn(&[command, "fix-42"]);
        until(command, || supervised(&production) == (command == "start"));
        signal(&run, Signal::KILL);
        Ended::of(run.wait_with_output().unwrap());
        production.envclone(&["start", "fix-42"]).ok();
        assert_eq!(
            ask(&url_of(&document), "SELECT count(*) FROM shop.customers").unwrap(),
            "300",
            "{command}"
        );
        production.envclone(&["stop", "fix-42"]).ok();
    }
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn what_cannot_be_undone_is_told_with_code_4_until_it_is() {
    let production = Production::new();
    let before = production.world();
    let dead = production.envclone(&["branch", "prod", "fix-42", "--die-after-line", "9"]);
    assert_eq!(dead.code, 128 + 9, "{}", dead.stderr);
    let incoming = production.pool().join(".envclone/incoming");
    let stuck = fs::read_dir(&incoming).unwrap().flatten().next().unwrap().path();
    run("chattr", &["+i", stuck.to_str().unwrap()]);
    // Its own work is done, and the rest is told.
    let made = production.envclone(&["branch", "prod", "other", "--json"]);
    assert_eq!(made.code, 4, "{}", made.stderr);
    let url = serde_json::from_str::<serde_json::Value>(&made.stdout).unwrap();
    assert_eq!(ask(&url_of(&url), "SELECT 1").unwrap(), "1");
    let told: serde_json::Value = serde_json::from_str(made.stderr.trim()).unwrap();
    assert_eq!(told["error"]["code"], 4);
    let left = told["error"]["left"].to_string();
    assert!(left.contains(stuck.to_str().unwrap()), "{told}");
    production.envclone(&["destroy", "other"]).refused(
        4,
        &[
            "could not be undone whole",
            "fix-42",
            "left behind:",
            stuck.to_str().unwrap(),
            "envclone doctor --fix",
        ],
    );
    // Also where the command itself is refused.
    production
        .envclone(&["destroy", "nosuch"])
        .refused(4, &["no environment nosuch", "left behind:"]);
    let fixed = production.envclone(&["doctor", "--fix"]);
    assert_eq!(fixed.code, 4, "{}", fixed.stdout);
    assert!(fixed.stdout.contains("left-behind fix-42"), "{}", fixed.stdout);
    run("chattr", &["-i", stuck.to_str().unwrap()]);
    production.envclone(&["doctor", "--fix"]);
    assert_eq!(production.world(), before);
    production
        .envclone(&["destroy", "nosuch"])
        .refused(2, &["no environment nosuch"]);
}
