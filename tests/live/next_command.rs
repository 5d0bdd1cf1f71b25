//! What the superuser of a branch leaves for root's next command on it. Nothing outside of the branch is read, written,
//! removed or connected to, nothing hangs, and `destroy` always works.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use rustix::fs::{CWD, Mode};
use rustix::process::{Pid, Signal, kill_process};

use crate::kill::until;
use crate::pool::run;
use crate::production::{Ended, MINUTE, Production, ask, postgres, set_mode};
use crate::walls::{shell, with_superuser};

/// A production with a branch `one`, and what of the host must stay as it is.
struct Target {
    production: Production,
    url: String,
    /// Directories and files that everybody may write, with known contents.
    bait: PathBuf,
    connections: Arc<AtomicUsize>,
}

const CONTENT: &str = "bait of the host";

impl Target {
    fn new() -> Self {
        let production = with_superuser();
        let url = production.branch("one")["url"].as_str().unwrap().to_owned();
        let bait = production.base().join("bait");
        for dir in [bait.clone(), bait.join("dir")] {
            fs::create_dir(&dir).unwrap();
            set_mode(&dir, 0o777);
        }
        for file in ["file", "dir/file"] {
            fs::write(bait.join(file), CONTENT).unwrap();
            set_mode(&bait.join(file), 0o666);
        }
        let listener = UnixListener::bind(bait.join(".s.PGSQL.5432")).unwrap();
        set_mode(&bait.join(".s.PGSQL.5432"), 0o777);
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            while listener.accept().is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            production,
            url,
            bait,
            connections,
        }
    }

    /// Runs a command on the branch; it must end within a minute, with one of these codes, and in good order.
    #[track_caller]
    fn run(&self, what: &str, args: &[&str], codes: &[i32]) -> Ended {
        let run = self.production.spawn(args);
        let pid = Pid::from_raw(run.id().cast_signed()).unwrap();
        let (ended, waits) = mpsc::channel();
        thread::spawn(move || ended.send(Ended::of(run.wait_with_output().unwrap())));
        let Ok(ended) = waits.recv_timeout(MINUTE) else {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("{what}: {args:?} hangs");
        };
        assert!(codes.contains(&ended.code), "{what}: {args:?}: {ended:?}");
        for text in [&ended.stdout, &ended.stderr] {
            assert!(
                !text.contains("panicked") && !text.contains(CONTENT),
                "{what}: {args:?}: {text}"
            );
            assert!(!text.contains('\u{1b}'), "{what}: {args:?}: {text:?}");
        }
        assert_eq!(
            ended.code == 0,
            !ended.stderr.contains("error:"),
            "{what}: {ended:?}"
        );
        ended
    }

    /// The commands that root may type next. What fails does so with code 1, 2 for links that leave it, or 5 for
    /// personal data.
    #[track_caller]
    fn next_commands(&self, what: &str) {
        for args in [
            &["show", "one"][..],
            &["logs", "one", "db"],
            &["url", "one"],
            &["list"],
        ] {
            self.run(what, args, &[0]);
        }
        if self.run(what, &["branch", "one", "child"], &[0, 1, 2, 5]).code == 0 {
            self.run(what, &["destroy", "child"], &[0]);
        }
        self.run(what, &["stop", "one"], &[0, 1]);
        self.run(what, &["start", "one"], &[0, 1]);
        self.is_unharmed(what);
    }

    #[track_caller]
    fn is_unharmed(&self, what: &str) {
        let mut names: Vec<_> = fs::read_dir(&self.bait)
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".s.PGSQL.5432", "dir", "file"], "{what}");
        assert_eq!(fs::read_dir(self.bait.join("dir")).unwrap().count(), 1, "{what}");
        for file in ["file", "dir/file"] {
            assert_eq!(
                fs::read_to_string(self.bait.join(file)).unwrap(),
                CONTENT,
                "{what}"
            );
        }
        assert_eq!(self.connections.load(Ordering::SeqCst), 0, "{what}: connected to");
        assert_eq!(
            self.production.sql("SELECT count(*) FROM shop.customers"),
            "300",
            "{what}"
        );
    }

    /// The data directory of the branch on the host, for planting what a superuser inside could plant as well.
    fn data(&self) -> PathBuf {
        self.production
            .pool()
            .join(".envclone/env/shop/one/clone/db/data")
    }
}

/// What is put in the place of a file or directory.
#[derive(Debug, Clone, Copy)]
enum Plant {
    LinkToFile,
    LinkToDir,
    Fifo,
    Sparse,
    Deep,
    Many,
}

impl Plant {
    fn put(self, path: &Path, bait: &Path) {
        let (uid, gid) = postgres();
        let own = |path: &Path| chown(path, Some(uid), Some(gid)).unwrap();
        match self {
            Self::LinkToFile => symlink(bait.join("file"), path).unwrap(),
            Self::LinkToDir => symlink(bait.join("dir"), path).unwrap(),
            Self::Fifo => {
                rustix::fs::mkfifoat(CWD, path, Mode::from_raw_mode(0o666)).unwrap();
                own(path);
            }
            Self::Sparse => {
                fs::File::create(path)
                    .unwrap()
                    .set_len(i64::MAX as u64 - 8192)
                    .unwrap();
                own(path);
            }
            Self::Deep => {
                fs::create_dir(path).unwrap();
                own(path);
                let mut dir = rustix::fs::open(path, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
                for _ in 0..5000 {
                    rustix::fs::mkdirat(&dir, "d", Mode::RWXU).unwrap();
                    dir =
                        rustix::fs::openat(&dir, "d", rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
                }
            }
            Self::Many => {
                fs::create_dir(path).unwrap();
                own(path);
                for number in 0..20_000 {
                    fs::File::create(path.join(number.to_string())).unwrap();
                }
            }
        }
    }
}

/// Plants each, runs `start` and `branch`, and puts the original back.
fn plant_each(plants: &[(&str, Plant)]) {
    let target = Target::new();
    // What is planted here by root is what its users can plant: the control.
    let said = shell(
        &target.url,
        &format!(
            "cd {} && ln -s /x planted && mkfifo fifo && rm planted fifo && echo done",
            target.production.data().display()
        ),
    );
    assert_eq!(said, "done");
    target.production.envclone(&["stop", "one"]).ok();
    let aside = target.data().parent().unwrap().join("aside");
    for (name, plant) in plants {
        let what = format!("{name}: {plant:?}");
        let path = target.data().join(name);
        let there = path.symlink_metadata().is_ok();
        if there {
            fs::rename(&path, &aside).unwrap();
        }
        plant.put(&path, &target.bait);
        target.run(&what, &["show", "one"], &[0]);
        if target.run(&what, &["branch", "one", "child"], &[0, 1, 2, 5]).code == 0 {
            target.run(&what, &["destroy", "child"], &[0]);
        }
        if target.run(&what, &["start", "one"], &[0, 1]).code == 0 {
            target.run(&what, &["stop", "one"], &[0, 1]);
        }
        target.is_unharmed(&what);
        // A start removes what is stale itself.
        run("rm", &["-rf", "--", path.to_str().unwrap()]);
        if there {
            fs::rename(&aside, &path).unwrap();
        }
    }
    target.run("at the end", &["start", "one"], &[0]);
    assert_eq!(
        ask(&target.url, "SELECT count(*) FROM shop.customers").unwrap(),
        "300"
    );
    target.run("at the end", &["destroy", "one"], &[0]);
}

#[test]
fn links_in_the_place_of_files_and_directories_lead_nowhere() {
    use Plant::{LinkToDir, LinkToFile};
    plant_each(&[
        ("PG_VERSION", LinkToFile),
        ("global/pg_control", LinkToFile),
        ("postgresql.auto.conf", LinkToFile),
        ("pg_hba.conf", LinkToFile),
        ("postmaster.pid", LinkToFile),
        ("backup_label", LinkToFile),
        ("log", LinkToDir),
        ("pg_replslot", LinkToDir),
        ("pg_replslot/slot", LinkToDir),
        ("pg_wal", LinkToDir),
        ("pg_stat_tmp", LinkToDir),
        ("pg_logical/snapshots", LinkToDir),
        ("pg_tblspc/99999", LinkToDir),
        ("base", LinkToDir),
    ]);
}

#[test]
fn pipes_endless_files_and_endless_directories_keep_nobody_waiting() {
    use Plant::{Deep, Fifo, Many, Sparse};
    plant_each(&[
        ("postmaster.pid", Fifo),
        ("postgresql.auto.conf", Fifo),
        ("PG_VERSION", Fifo),
        ("base/1/fifo", Fifo),
        ("PG_VERSION", Sparse),
        ("postgresql.auto.conf", Sparse),
        ("base/1/4711", Sparse),
        ("pg_stat/pgstat.stat", Sparse),
        ("pg_replslot/deep", Deep),
        ("planted", Deep),
        ("pg_stat_tmp/many", Many),
    ]);
}

#[test]
fn a_socket_that_leads_to_the_hosts_is_not_taken() {
    let target = Target::new();
    let plant = format!(
        "rm -f /run/postgresql/.s.PGSQL.5432; ln -s {}/.s.PGSQL.5432 /run/postgresql/.s.PGSQL.5432; ls -la /run/postgresql",
        target.bait.display()
    );
    let said = shell(&target.url, &plant);
    assert!(said.contains("bait"), "{said}");
    target.run("socket", &["connect", "one", "db", "--", "-c", "SELECT 1"], &[0]);
    target.next_commands("socket");
    target.run("socket", &["destroy", "one"], &[0]);
}

#[test]
fn a_server_that_is_held_still_by_its_users_keeps_nobody_waiting() {
    let target = Target::new();
    shell(&target.url, "kill -STOP 2");
    target.run("stopped postmaster", &["show", "one"], &[0]);
    target.run("stopped postmaster", &["branch", "one", "child"], &[0]);
    target.run("stopped postmaster", &["stop", "one"], &[0]);
    target.run("stopped postmaster", &["start", "one"], &[0]);
    shell(&target.url, "kill -STOP 2");
    target.run("stopped postmaster", &["destroy", "child"], &[0]);
    target.run("stopped postmaster", &["destroy", "one"], &[0]);
    target.is_unharmed("stopped postmaster");
}

/// Everything that a setting can say against envclone.
const SETTINGS: &str = "
ALTER SYSTEM SET archive_mode = on;
ALTER SYSTEM SET archive_command = 'touch BAIT/archived';
ALTER SYSTEM SET restore_command = 'touch BAIT/restored';
ALTER SYSTEM SET primary_conninfo = 'host=BAIT';
ALTER SYSTEM SET listen_addresses = '*';
ALTER SYSTEM SET unix_socket_directories = 'BAIT';
ALTER SYSTEM SET log_min_messages = panic;
ALTER SYSTEM SET logging_collector = on;
ALTER SYSTEM SET log_directory = 'BAIT';
ALTER SYSTEM SET external_pid_file = 'BAIT/pid';
ALTER SYSTEM SET hba_file = 'BAIT/file';
ALTER SYSTEM SET shared_preload_libraries = 'nothing';
ALTER SYSTEM SET ssl = on;
ALTER SYSTEM SET max_connections = 7;
ALTER ROLE postgres SET session_preload_libraries = 'nothing';
ALTER ROLE postgres SET role = 'shop';
ALTER ROLE postgres SET default_transaction_read_only = on;
ALTER ROLE postgres SET statement_timeout = 1;
ALTER ROLE postgres SET search_path = 'evil';
ALTER ROLE postgres SET log_min_messages = panic;
ALTER ROLE postgres SET client_encoding = 'latin1';
ALTER DATABASE shop SET password_encryption = md5;
ALTER DATABASE shop SET lc_messages = 'C.UTF-8';
ALTER DATABASE shop SET statement_timeout = 1;
ALTER ROLE admin IN DATABASE shop SET dynamic_library_path = 'BAIT'";

#[test]
fn settings_of_the_branch_beat_none_of_envclones() {
    let target = Target::new();
    for statement in SETTINGS.split(';') {
        ask(
            &target.url,
            &statement.replace("BAIT", target.bait.to_str().unwrap()),
        )
        .unwrap();
    }
    target.run("settings", &["stop", "one"], &[0]);
    target.run("settings", &["start", "one"], &[0]);
    let made = target.run("settings", &["branch", "one", "child", "--json"], &[0]);
    let child = made.json()["url"].as_str().unwrap().to_owned();
    let read = "SELECT current_setting('archive_mode') || current_setting('session_preload_libraries') || current_setting('log_min_messages') || current_setting('password_encryption')";
    assert_eq!(ask(&child, read).unwrap(), "offwarningscram-sha-256");
    target.is_unharmed("settings");
    target.run("settings", &["destroy", "child"], &[0]);
    target.next_commands("settings");
    target.run("settings", &["destroy", "one"], &[0]);
}

#[test]
fn a_branch_whose_roles_were_changed_starts_and_says_so() {
    let target = Target::new();
    ask(&target.url, "ALTER ROLE admin PASSWORD 'another'").unwrap();
    target.run("password", &["stop", "one"], &[0]);
    let started = target.run("password", &["start", "one"], &[0]);
    assert!(started.stderr.contains("28P01"), "{}", started.stderr);
    let made = target.run("password", &["branch", "one", "child", "--json"], &[0]);
    assert_eq!(
        ask(made.json()["url"].as_str().unwrap(), "SELECT 1").unwrap(),
        "1"
    );
    target.run("password", &["destroy", "child"], &[0]);
    let exec = ["exec", "one", "db", "--", "psql", "-At", "-c"];
    let other = target.url.split('@').nth(1).unwrap();
    let url = format!("postgres://admin:another@{other}");
    // The superuser by which envclone seals is gone, and there are names that a terminal would obey.
    ask(&url, "ALTER ROLE postgres RENAME TO \"gone\u{1b}[2J\"").unwrap();
    target.next_commands("renamed superuser");
    ask(&url, "ALTER ROLE \"gone\u{1b}[2J\" RENAME TO postgres; CREATE TABLE shop.\"evil\u{1b}[2J\nerror: all is lost\" (\"a\u{7}\" text)").unwrap();
    target.next_commands("a table with a name");
    ask(&url, "DROP TABLE shop.\"evil\u{1b}[2J\nerror: all is lost\"").unwrap();
    ask(&url, "CREATE DATABASE \"evil\u{1b}[2J\"").unwrap();
    target.next_commands("a database with a name");
    // Triggers that act whatever a session asks for.
    ask(
        &url,
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'canary: no'; END $$; \
         CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION public.refuse(); \
         ALTER EVENT TRIGGER refuse ENABLE ALWAYS",
    )
    .unwrap();
    target.next_commands("event trigger");
    target.run("at the end", &[&exec[..], &["SELECT 1"]].concat(), &[2]);
    target.run("at the end", &["destroy", "one"], &[0]);
}

/// Plants among uploads: what is kept, what goes, and what is no file at all.
fn plant_uploads(uploads: &Path, bait: &Path) {
    for dir in ["public", "private"].map(|dir| uploads.join(dir)) {
        fs::create_dir_all(&dir).unwrap();
        Plant::LinkToFile.put(&dir.join("link"), bait);
        Plant::LinkToDir.put(&dir.join("dir"), bait);
        Plant::Fifo.put(&dir.join("fifo"), bait);
        Plant::Sparse.put(&dir.join("sparse"), bait);
        Plant::Deep.put(&dir.join("deep"), bait);
        drop(UnixListener::bind(dir.join("socket")).unwrap());
    }
}

/// What is below a directory of uploads, links as what they are.
fn kinds(uploads: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for dir in ["public", "private"] {
        for entry in fs::read_dir(uploads.join(dir)).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            let kind = match (kind.is_symlink(), kind.is_file()) {
                (true, _) => "link",
                (_, true) => "file",
                _ => "other",
            };
            found.push(format!("{kind} {dir}/{}", entry.file_name().display()));
        }
    }
    found.sort();
    found
}

#[test]
fn links_pipes_and_endless_files_among_uploads_lead_nowhere() {
    let target = Target::new();
    let uploads_of = |name: &str| {
        let environment = target.production.pool().join(".envclone/env/shop").join(name);
        environment.join("clone/uploads")
    };
    let kept = [
        "file public/lamp.txt",
        "file public/sparse",
        "link public/dir",
        "link public/link",
        "other public/deep",
    ];

    // In production, by whoever may upload.
    let of_production = target.production.root().join("uploads");
    plant_uploads(&of_production, &target.bait);
    // What lies deeper than any path can say is not deleted by its path: an error, and no branch.
    let refused = target.run("uploads", &["branch", "prod", "two"], &[1]);
    assert!(
        refused.stderr.contains("File name too long"),
        "{}",
        refused.stderr
    );
    let remove_deep = |uploads: &Path| {
        run(
            "rm",
            &["-rf", "--", uploads.join("private/deep").to_str().unwrap()],
        )
    };
    remove_deep(&of_production);
    let planted = kinds(&of_production);
    target.run("uploads", &["branch", "prod", "two"], &[0]);
    assert_eq!(kinds(&uploads_of("two")), kept);
    assert_eq!(kinds(&of_production), planted, "production lost something");
    target.is_unharmed("uploads of production");

    // In a branch: a branch of it, and every other command.
    let of_branch = uploads_of("one");
    plant_uploads(&of_branch, &target.bait);
    remove_deep(&of_branch);
    target.run("uploads", &["branch", "one", "child"], &[0]);
    assert_eq!(kinds(&uploads_of("child")), kept);
    target.next_commands("uploads of a branch");
    // What goes with a branch goes as what it is, not as what it leads to.
    target.run("uploads", &["destroy", "child", "two"], &[0]);
    target.run("uploads", &["destroy", "one"], &[0]);
    target.is_unharmed("at the end");
}

/// Puts a function of the superuser's in the place of one that envclone asks: its name, what it takes, and what it does.
const LIE: &str = "SET allow_system_table_mods = on; \
    UPDATE pg_proc SET proname = 'true_NAME' WHERE proname = 'NAME' AND pronamespace = 11 AND pronargs = COUNT; \
    CREATE FUNCTION pg_catalog.NAME(TAKES) RETURNS text LANGUAGE plpgsql AS $$ BEGIN BODY; END $$";
const TRUTH: &str = "SET allow_system_table_mods = on; DROP FUNCTION pg_catalog.NAME(TAKES); \
    UPDATE pg_proc SET proname = 'NAME' WHERE proname = 'true_NAME'";

/// What envclone asks while it seals, and the database in which it does.
#[derive(Clone, Copy)]
struct Asked(&'static str, &'static str, &'static str);

const SETTING: Asked = Asked("current_setting", "text", "shop");
const OWNER: Asked = Asked("pg_get_userbyid", "oid", "template1");
const RECOVERY: Asked = Asked("pg_is_in_recovery", "", "shop");

impl Target {
    fn ask_in(&self, asked: Asked, sql: &str, body: &str) {
        let Asked(name, takes, database) = asked;
        let count = usize::from(!takes.is_empty()).to_string();
        let sql = sql.replace("NAME", name).replace("TAKES", takes);
        let sql = sql.replace("COUNT", &count).replace("BODY", body);
        let url = self.url.replace("/shop", &format!("/{database}"));
        ask(&url, &sql).unwrap();
    }

    /// Whether the server of a branch that is being made has been asked, and has begun to lie.
    fn is_lied_to(&self) -> bool {
        let runs = fs::read_dir(self.production.pool().join(".envclone/incoming"));
        let mut runs = runs.into_iter().flatten().flatten();
        runs.any(|run| run.path().join("clone/db/lied").exists())
    }
}

#[test]
fn a_server_that_answers_lies_is_not_believed_and_keeps_nobody_waiting() {
    let target = Target::new();
    let large = "RETURN repeat('x', 100000000)";
    let escapes = "RETURN E'\\x1b[2J\\nerror: all is lost'";
    let fails = "RAISE EXCEPTION E'\\x1b[2J% canary', repeat('x', 1000000)";
    for (asked, body, codes) in [
        (SETTING, large, &[1][..]),
        (SETTING, escapes, &[1]),
        (SETTING, fails, &[1]),
        // The role of the URL is named by the configuration; of the owner nothing depends.
        (OWNER, large, &[0, 1]),
        (OWNER, escapes, &[0, 1]),
        (OWNER, fails, &[0, 1]),
        (RECOVERY, large, &[1]),
        (RECOVERY, escapes, &[1]),
        (RECOVERY, fails, &[1]),
    ] {
        let what = format!("{} does {body:?}", asked.0);
        target.ask_in(asked, LIE, body);
        if target.run(&what, &["branch", "one", "child"], codes).code == 0 {
            target.run(&what, &["destroy", "child"], &[0]);
        }
        target.is_unharmed(&what);
        target.ask_in(asked, TRUTH, "");
    }
    // One that never answers is waited for as long as questions to a catalog may take, or until whoever waits has enough.
    let volume = target.production.volume();
    let never = format!(
        "COPY (SELECT 1) TO '{}/lied'; PERFORM pg_sleep(100000)",
        volume.display()
    );
    target.ask_in(SETTING, LIE, &never);
    let run = target.production.spawn(&["branch", "one", "child"]);
    until("the lie", || target.is_lied_to());
    kill_process(Pid::from_raw(run.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    let (ended, waits) = mpsc::channel();
    thread::spawn(move || ended.send(Ended::of(run.wait_with_output().unwrap())));
    let ended = waits.recv_timeout(MINUTE / 4).expect("it waits for the liar");
    ended.refused(130, &["interrupted", "undone"]);
    // No other command asks, but by logging in.
    for args in [
        &["show", "one"][..],
        &["logs", "one", "db"],
        &["stop", "one"],
        &["start", "one"],
    ] {
        target.run("never answers", args, &[0]);
    }
    target.is_unharmed("never answers");
    target.ask_in(SETTING, TRUTH, "");
    // The control: nothing but the lies kept it from being branched.
    target.run("the truth", &["branch", "one", "child"], &[0]);
    target.run("the truth", &["destroy", "child"], &[0]);
    for asked in [SETTING, OWNER, RECOVERY] {
        target.ask_in(asked, LIE, escapes);
    }
    target.run("lies at the end", &["stop", "one"], &[0]);
    target.run("lies at the end", &["start", "one"], &[0]);
    target.run("lies at the end", &["show", "one", "--receipt"], &[0]);
    target.run("lies at the end", &["destroy", "one"], &[0]);
    target.is_unharmed("lies at the end");
}
