//! Branches of MariaDB: made whole, sealed, refused where they cannot be clean, and gone.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;

use crate::branch::{clone_of, password_of, supervisor_of, url_of};
use crate::bytes::{checksum, find};
use crate::maria::{Maria, ask, by_socket, by_url};
use crate::network::Network;
use crate::production::{Ended, program};
use crate::world::{self, kill_9};

/// The URL for another account and password.
fn login(document: &Value, user: &str, password: &str) -> mysql::Opts {
    let url = url_of(document);
    let (_, place) = url.rsplit_once('@').unwrap();
    by_url(&format!("mysql://{user}:{password}@{place}"))
}

#[test]
fn a_branch_of_a_mariadb_that_is_written_to_is_a_running_copy_of_one_instant() {
    let mut maria = Maria::new();
    let before = maria.production.world();
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = {
        let (stop, written, options) = (Arc::clone(&stop), Arc::clone(&written), maria.superuser());
        std::thread::spawn(move || {
            let mut client = Conn::new(options).unwrap();
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                number += 1;
                let sql = format!("INSERT INTO shop.counter VALUES ({number})");
                client.query_drop(sql).unwrap();
                written.store(number, Ordering::SeqCst);
            }
        })
    };
    while written.load(Ordering::SeqCst) < 50 {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let acknowledged = written.load(Ordering::SeqCst);
    let branch = ["-v", "branch", "prod", "raw", "--type", "staging", "--json"];
    let ended = maria.envclone(&branch);
    assert!(ended.stderr.contains("db: logs flushed"), "{}", ended.stderr);
    let document = ended.json();
    let after = written.load(Ordering::SeqCst);
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    assert!(after > acknowledged, "nothing was written meanwhile");

    assert_eq!(document["environment"]["sanitized"], false);
    assert_eq!(document["services"]["db"]["engine"], "mariadb");
    assert!(
        document["services"]["db"]["version"]
            .as_str()
            .unwrap()
            .starts_with("10.11.")
    );
    let url = by_url(&url_of(&document));
    let answer = |sql: &str| ask(&url, sql).unwrap();
    let counted = answer("SELECT COUNT(*), MAX(n) FROM shop.counter");
    let (count, last) = counted.split_once('|').unwrap();
    assert_eq!(count, last, "a write is missing");
    let last: u64 = last.parse().unwrap();
    assert!(
        (acknowledged..=after).contains(&last),
        "{acknowledged} {last} {after}"
    );
    assert_eq!(answer("SELECT COUNT(*) FROM shop.customers"), "300");
    assert_eq!(answer("SELECT word FROM shop.words WHERE id = 2"), "two");
    assert_eq!(answer("SELECT COUNT(*) FROM shop.old"), "1");
    assert_eq!(
        answer("SELECT COUNT(*) FROM shop.few"),
        "2",
        "a view lost the account that defines it"
    );

    // Neither sees what the other writes.
    answer("UPDATE shop.words SET word = 'of the branch' WHERE id = 1");
    assert_eq!(maria.sql("SELECT word FROM shop.words WHERE id = 1"), "one");
    maria.sql("UPDATE shop.words SET word = 'of production' WHERE id = 2");
    assert_eq!(answer("SELECT word FROM shop.words WHERE id = 2"), "two");

    // By the socket of the branch, and by commands inside.
    let socket = Path::new(document["services"]["db"]["socket"].as_str().unwrap()).join("mysqld.sock");
    let by_socket = by_socket(&socket, "shop", &password_of(&document));
    assert_eq!(ask(&by_socket, "SELECT 1").unwrap(), "1");
    let query = "SELECT word FROM shop.words WHERE id = 1";
    let connect = [
        "connect",
        "raw",
        "db",
        "--",
        "--batch",
        "--skip-column-names",
        "-e",
        query,
    ];
    assert_eq!(maria.envclone(&connect).ok().trim(), "of the branch");
    let exec = [
        "exec",
        "raw",
        "db",
        "--",
        "cat",
        &format!("{}/aria_log_control", maria.data().display()),
    ];
    assert!(
        maria
            .envclone(&["exec", "raw", "db", "--", "id", "-u"])
            .ok()
            .trim()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert_eq!(
        maria.production.command(&exec).output().unwrap().status.code(),
        Some(0)
    );
    maria.envclone(&["logs", "raw", "db"]).ok();

    maria.envclone(&["destroy", "raw"]).ok();
    assert_eq!(maria.production.world(), before);
    assert!(maria.is_running(), "production was stopped");
}

#[test]
fn a_raw_branch_of_mariadb_says_so_and_keeps_its_url_through_a_stop_and_a_kill() {
    let maria = Maria::new();
    let document = maria.branch("raw");
    let url = by_url(&url_of(&document));
    let answer = |sql: &str| ask(&url, sql).unwrap();
    answer("UPDATE shop.words SET word = 'of the branch' WHERE id = 1");
    assert!(
        maria
            .envclone(&["list"])
            .ok()
            .lines()
            .any(|line| line.contains("raw") && line.contains("staging"))
    );
    let shown = maria.envclone(&["show", "raw", "--json"]).json();
    assert_eq!(shown["environment"]["sanitized"], false);
    assert_eq!(shown["url"], document["url"]);
    maria.envclone(&["stop", "raw"]).ok();
    assert!(ask(&url, "SELECT 1").is_err());
    maria.envclone(&["start", "raw"]).ok();
    assert_eq!(
        answer("SELECT word FROM shop.words WHERE id = 1"),
        "of the branch"
    );
    kill_9(supervisor_of(&maria.production));
    maria.envclone(&["start", "raw"]).ok();
    assert_eq!(
        answer("SELECT word FROM shop.words WHERE id = 1"),
        "of the branch"
    );
    maria.envclone(&["destroy", "raw"]).ok();
}

#[test]
fn a_branch_that_would_have_to_be_sanitized_is_refused_before_anything_is_made() {
    let maria = Maria::new();
    let before = maria.production.world();
    let said = ["service db", "MariaDB", "raw-types", "development"];
    let refused = |args: &[&str]| maria.envclone(args).refused(5, &said);
    refused(&["branch", "prod", "fix-42"]);
    refused(&["branch", "prod", "fix-42", "--dry-run"]);
    // No rule makes it another matter.
    let keep = "[db.\"shop.customers\"]\nid = { keep = \"a number\" }\nemail = { keep = \"why not\" }\n";
    maria.configure_with("raw-types = [\"staging\"]\n", "", keep);
    refused(&["branch", "prod", "fix-42"]);
    maria
        .envclone(&["sanitize", "check"])
        .refused(5, &["service db", "MariaDB", "raw-types"]);
    // What nobody looked into is not passed over in silence.
    let scanned = maria.envclone(&["sanitize", "scan", "--json"]).json();
    assert_eq!(scanned["not_looked_at"], serde_json::json!(["db"]));
    maria.configure("");
    let staging = ["branch", "prod", "fix-42", "--type", "staging"];
    maria
        .envclone(&staging)
        .refused(5, &["service db", "raw-types", "staging"]);
    assert_eq!(maria.production.world(), before);

    // Nor is a raw branch a way to one that is not.
    maria.configure("raw-types = [\"staging\"]\n");
    maria.branch("raw");
    refused(&["branch", "raw", "child"]);
    maria.envclone(&["stop", "raw"]).ok();
    maria.configure("");
    maria
        .envclone(&["start", "raw"])
        .refused(5, &["raw is raw", "staging"]);
    maria.envclone(&["destroy", "raw"]).ok();
    assert_eq!(maria.production.world(), before);
}

/// What production holds of secrets beside its data.
const SECRETS: [&str; 7] = [
    "kanari-frm-secre",
    "kanari-password-of-shop",
    "kanari-password-of-primary",
    "kanari-password-of-server",
    "kanari-in-a-dump",
    "kanari-old-password",
    "kanari-uuid",
];

/// A production that replicates from `network`, with everything else that acts on the outside.
fn trap(maria: &mut Maria, network: &mut Network) -> Vec<String> {
    let (port, second) = (network.port("primary"), network.port("second"));
    let host = maria.production.address();
    for sql in [
        "ALTER USER 'shop'@'%' IDENTIFIED BY 'kanari-old-password'",
        "ALTER USER 'shop'@'%' IDENTIFIED BY 'kanari-password-of-shop'",
        "CREATE SERVER other_side FOREIGN DATA WRAPPER mysql OPTIONS (HOST '192.0.2.1', USER 'u', PASSWORD 'kanari-password-of-server', DATABASE 'd')",
        "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO INSERT IGNORE INTO shop.words VALUES (77, 'an event ran')",
        "SET GLOBAL gtid_slave_pos = '0-1-42'",
        "INSERT INTO mysql.func VALUES ('lib_mysqludf_sys', 2, 'udf.so', 'function')",
        "INSERT INTO mysql.plugin VALUES ('feedback', 'feedback.so')",
    ] {
        maria.sql(sql);
    }
    // Accounts that functions for JSON may take for roles, or find no password in, and the server not.
    let hash = maria.sql("SELECT PASSWORD('kanari-password-of-back')");
    for (name, more) in [
        ("back1", r#""is_role":"1","#.to_owned()),
        ("back2", format!(r#""authentication_string":"{hash}","#)),
        ("back3", r#""is_role":{},"is_role":true,"#.to_owned()),
    ] {
        maria.sql(&format!(
            r#"INSERT INTO mysql.global_priv VALUES ('%', '{name}', '{{"access":18446744073709551615,{more}"plugin":"mysql_native_password","authentication_string":"{hash}"}}')"#
        ));
    }
    maria.sql("FLUSH PRIVILEGES");
    let primary = format!(
        "CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD='kanari-password-of-primary', \
         MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos"
    );
    maria.sql(&primary);
    let second = primary
        .replacen("MASTER TO", "MASTER 'second' TO", 1)
        .replace(&port.to_string(), &second.to_string());
    maria.sql(&second);
    let verifiers = maria.sql(
        "SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv WHERE User IN ('shop', 'report', 'back1')",
    );
    let data = maria.data();
    for (name, text) in [
        ("auto.cnf", "[auto]\nserver-uuid=kanari-uuid\n"),
        ("mysqld-auto.cnf", "{ \"kanari-uuid\": 1 }"),
        ("my.cnf", "[mysqld]\ninit_file=/tmp/kanari-uuid\n"),
        ("grastate.dat", "# GALERA saved state\nuuid: kanari-uuid\n"),
        ("old.pid", "1\n"),
        ("dump.sql", "kanari-in-a-dump"),
        ("shop/dump.sql", "kanari-in-a-dump"),
    ] {
        fs::write(data.join(name), text).unwrap();
    }
    let verifiers: Vec<String> = verifiers
        .lines()
        .map(|line| line.trim_start_matches('*').to_owned())
        .collect();
    // A table whose rows another server has, as a server with that engine defined it.
    let federated = include_bytes!("../fixtures/mariadb/federated.frm");
    fs::write(data.join("shop/far_away.frm"), federated).unwrap();
    assert!(
        verifiers.len() >= 2 && verifiers.iter().all(|one| one.len() == 40),
        "{verifiers:?}"
    );
    verifiers
}

/// What was read back of the branch, and what it does not have, by its receipt.
fn receipt_tells(maria: &Maria) {
    let receipt = maria.envclone(&["show", "raw", "--receipt", "--json"]).json()["receipt"].clone();
    let neutrality = receipt["neutrality"].to_string();
    for what in [
        "setting event_scheduler",
        "setting plugin_dir",
        "setting log_bin",
        "servers that it replicates from",
        "connections to other servers",
        "events that are not disabled",
        "accounts that may log in",
        "login of envclone's own account",
    ] {
        assert!(
            neutrality.contains(what),
            "{what} was not read back: {neutrality}"
        );
    }
    let removed = receipt["removed"].to_string();
    for what in [
        "auto.cnf",
        "grastate.dat",
        "master.info",
        "dump.sql",
        "far_away.frm",
        "other_side",
        "feedback",
        "lib_mysqludf_sys",
    ] {
        assert!(removed.contains(what), "{what} is not told: {removed}");
    }
}

#[test]
fn a_branch_of_a_booby_trapped_mariadb_reaches_nobody_and_holds_no_secret_of_productions() {
    let mut maria = Maria::new();
    let mut network = Network::new(maria.production.address(), maria.production.base());
    let verifiers = trap(&mut maria, &mut network);
    let secrets: Vec<String> = SECRETS
        .iter()
        .map(|text| (*text).to_owned())
        .chain(verifiers)
        .collect();
    let there = find(&[&maria.volume()], &secrets);
    let absent: Vec<_> = secrets
        .iter()
        .filter(|secret| !there.contains_key(secret.as_str()))
        .collect();
    // Passwords in plain text are written nowhere but where a server logs in with them.
    let plain = ["kanari-password-of-shop", "kanari-old-password"];
    assert!(
        absent.iter().all(|one| plain.contains(&one.as_str())),
        "the fixture lacks {absent:?}"
    );
    let document = maria.branch("raw");
    assert_eq!(network.visitors(), Vec::<&str>::new());

    let url = by_url(&url_of(&document));
    let answer = |sql: &str| ask(&url, sql).unwrap();
    assert_eq!(answer("SELECT COUNT(*) FROM shop.words WHERE id = 77"), "0");
    assert_eq!(
        answer("SELECT @@GLOBAL.event_scheduler, @@GLOBAL.log_bin, @@GLOBAL.gtid_slave_pos"),
        "DISABLED|0|"
    );
    // Production's logins do not work, whoever comes from where.
    for (user, password) in [
        ("shop", "kanari-password-of-shop"),
        ("root", ""),
        ("report", "kanari-password-of-report"),
        ("back1", "kanari-password-of-back"),
        ("back2", "kanari-password-of-back"),
        ("back3", "kanari-password-of-back"),
        ("postgres", ""),
        ("", "kanari-password-of-nobody"),
        ("envclone-sealed", ""),
    ] {
        let said = ask(&login(&document, user, password), "SELECT 1").unwrap_err();
        assert!(
            said.contains("1045") || said.contains("4151") || said.contains("1698"),
            "{user}: {said}"
        );
    }
    let inside = [
        "exec",
        "raw",
        "db",
        "--",
        "mariadb",
        "--no-defaults",
        "--socket=/run/mysqld/mysqld.sock",
        "-e",
        "SELECT 1",
    ];
    maria.envclone(&inside).refused(1, &[]);

    receipt_tells(&maria);
    let shown = maria.envclone(&["show", "raw", "--json"]).json();
    assert_eq!(shown["out_no_routes"], 0, "it tried to leave");

    let clone = clone_of(&maria.production, "raw").join("maria");
    let control = ["kanari.17@original-mail.test".to_owned()];
    maria.envclone(&["stop", "raw"]).ok();
    assert_eq!(find(&[&clone], &control).len(), 1, "the search is blind");
    let left = find(&[&clone], &secrets);
    assert!(
        left.is_empty(),
        "secrets of production are in the branch: {left:?}"
    );
    assert_eq!(network.visitors(), Vec::<&str>::new());
    maria.envclone(&["destroy", "raw"]).ok();

    // The control: the same data, started as production would be, is at the primary's door at once.
    maria.stop();
    maria.with(&["--event-scheduler=ON"]);
    maria.start();
    network.all_come(&["primary", "second"], Duration::from_secs(60));
    let ran = || maria.sql("SELECT COUNT(*) FROM shop.words WHERE id = 77") == "1";
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while !ran() {
        assert!(std::time::Instant::now() < until, "the event does not run");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn data_that_cannot_be_branched_is_refused_by_name_and_production_stays_as_it_was() {
    let mut maria = Maria::new();
    maria.sql("CREATE TABLE shop.lost (id INT PRIMARY KEY) ENGINE=InnoDB");
    maria.stop();
    let data = maria.data();
    let staging = ["branch", "prod", "raw", "--type", "staging"];
    let refused = |code: i32, said: &[&str]| {
        let (before, sum) = (maria.production.world(), checksum(&data));
        maria.envclone(&staging).refused(code, said);
        assert_eq!(maria.production.world(), before);
        assert_eq!(checksum(&data), sum, "production was changed");
    };
    let with = |name: &str, change: &dyn Fn(&Path), code: i32, said: &[&str]| {
        let (path, aside) = (data.join(name), maria.volume().join("aside"));
        let had = path.exists();
        if had {
            crate::production::copy(&path, &aside);
        }
        change(&path);
        refused(code, said);
        if path.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            fs::remove_file(&path).unwrap();
        }
        if had {
            fs::rename(&aside, &path).unwrap();
        }
    };
    let write = |text: &'static str| move |path: &Path| fs::write(path, text).unwrap();
    with(
        "mysql_upgrade_info",
        &write("10.6.18-MariaDB"),
        1,
        &["service db", "10.6.18", "10.11"],
    );
    with(
        "mariadb_upgrade_info",
        &write("11.8.3-MariaDB"),
        1,
        &["service db", "11.8.3", "10.11"],
    );
    with("mysql.ibd", &write(""), 1, &["service db", "MySQL"]);
    with(
        "ibdata1",
        &|path| fs::remove_file(path).unwrap(),
        2,
        &["service db", "ibdata1", "innodb_data_home_dir"],
    );
    let encrypt = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[0] |= 0x80;
        fs::write(path, bytes).unwrap();
    };
    with("ib_logfile0", &encrypt, 1, &["service db", "encrypted"]);
    with(
        "shop/lost.ibd",
        &|path| fs::remove_file(path).unwrap(),
        1,
        &["service db", "shop.lost"],
    );
    with(
        "shop/lost.isl",
        &write("/elsewhere/lost.ibd"),
        2,
        &["service db", "lost.isl", "DATA DIRECTORY"],
    );
    with(
        "linked",
        &|path| symlink("/etc", path).unwrap(),
        2,
        &["service db", "linked", "symbolic link"],
    );
    // A server that starts and dies: what it says is shown.
    with(
        "ibdata1",
        &|path| fs::write(path, vec![0; 12 << 20]).unwrap(),
        1,
        &["service db", "did not start", "[ERROR]"],
    );
    // What the configuration names is not there.
    let raw = "raw-types = [\"staging\"]\n";
    maria.configure(raw);
    let configuration = |from: &str, to: &str| {
        let path = maria.production.etc().join("envclone.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(&path, text.replace(from, to)).unwrap();
    };
    configuration("user = \"shop\"", "user = \"nobody-here\"");
    refused(2, &["service db", "nobody-here", "`user`"]);
    configuration("user = \"nobody-here\"", "user = \"report\"");
    refused(2, &["service db", "report", "10.0.0.%", "localhost"]);
    configuration("user = \"report\"", "user = \"shop\"");
    configuration("database = \"shop\"", "database = \"shops\"");
    refused(2, &["service db", "shops", "`database`"]);
    configuration("database = \"shops\"", "database = \"shop\"");
    // And as it is now, it can.
    maria.branch("raw");
    maria.envclone(&["destroy", "raw"]).ok();
}

#[test]
fn a_mariadb_that_crashed_with_transactions_under_way_is_branched_with_all_that_it_acknowledged() {
    let mut maria = Maria::new();
    for number in 1..=20 {
        maria.sql(&format!("INSERT INTO shop.counter VALUES ({number})"));
    }
    let mut open = Conn::new(maria.superuser()).unwrap();
    open.query_drop("BEGIN").unwrap();
    open.query_drop("INSERT INTO shop.counter VALUES (1000)").unwrap();
    maria.crash();
    let document = maria.branch("raw");
    let counted = ask(
        &by_url(&url_of(&document)),
        "SELECT COUNT(*), MAX(n) FROM shop.counter",
    )
    .unwrap();
    assert_eq!(counted, "20|20");
    maria.envclone(&["destroy", "raw"]).ok();
}

/// The server of a branch, if one runs.
fn server_of_a_branch(maria: &Maria) -> Option<u32> {
    let processes = world::processes_of(maria.production.base());
    let server = |one: &&world::Process| {
        one.command
            .starts_with("/usr/sbin/mariadbd --defaults-file=/run/")
    };
    Some(processes.iter().find(server)?.pid)
}

/// What the server of a branch answers to a client that entered its namespaces as its own account, if it lets it in.
fn knock(maria: &Maria, way: &[&str], user: &str, password: &str) -> Option<String> {
    let server = server_of_a_branch(maria)?.to_string();
    let mut client = program("/usr/bin/nsenter");
    client.args(["--target", &server, "--net", "--mount"]);
    client.args(["setpriv", "--reuid", "postgres", "--clear-groups", "/usr/bin/env"]);
    client.args([
        &format!("MYSQL_PWD={password}"),
        "/usr/bin/mariadb",
        "--no-defaults",
        "--connect-timeout=5",
    ]);
    client.args(way).arg(format!("--user={user}"));
    let said = client
        .args([
            "--batch",
            "--skip-column-names",
            "-e",
            "SELECT COUNT(*) FROM shop.customers",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    said.status.success().then_some(text)
}

const BY_NETWORK: [&str; 3] = ["--protocol=tcp", "--host=127.0.0.1", "--port=3306"];
const BY_SOCKET: [&str; 1] = ["--socket=/run/mysqld/mysqld.sock"];

/// Tries every way in that there may be; those that let somebody in, in words.
fn ways_in(maria: &Maria) -> Vec<String> {
    let mut open = Vec::new();
    for port in 20001..20004 {
        if TcpStream::connect((maria.production.address(), port)).is_ok() {
            open.push(format!("port {port}"));
        }
    }
    for (user, password) in [
        ("root", ""),
        ("shop", "kanari-password-of-shop"),
        ("postgres", ""),
        ("nobody", "kanari-password-of-nobody"),
        ("envclone-sealed", ""),
    ] {
        for way in [&BY_NETWORK[..], &BY_SOCKET[..]] {
            if let Some(said) = knock(maria, way, user, password) {
                open.push(format!("{user} inside by {way:?}: {said}"));
            }
        }
    }
    open
}

#[test]
fn nobody_gets_in_to_a_mariadb_before_there_is_a_receipt() {
    let maria = Maria::new();
    let mut run = maria
        .production
        .spawn(&["branch", "prod", "raw", "--type", "staging", "--json"]);
    let record = maria.production.state_dir().join("shop/environments/raw.json");
    let receipt = || {
        fs::read(&record)
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            .is_some_and(|record| !record["receipt"].is_null())
    };
    let (mut tries, mut inside) = (0, 0);
    while run.try_wait().unwrap().is_none() {
        let open = ways_in(&maria);
        // Looked at after the tries: a way in that opened meanwhile has its receipt by then.
        let published = receipt();
        assert!(
            published || open.is_empty(),
            "open before there is a receipt: {open:?}"
        );
        tries += 1;
        inside += usize::from(server_of_a_branch(&maria).is_some());
    }
    let document = Ended::of(run.wait_with_output().unwrap()).json();
    assert!(
        tries > 2 && inside > 0,
        "{tries} tries, {inside} while a server ran"
    );
    // The control: where somebody may, the same tries let him in; and nobody else, even now.
    let open = ways_in(&maria);
    assert!(
        open.iter().any(|one| one.starts_with("port")),
        "the tries are blind"
    );
    assert!(open.iter().all(|one| !one.contains("inside")), "{open:?}");
    let by_password = knock(&maria, &BY_NETWORK, "shop", &password_of(&document));
    assert_eq!(by_password.as_deref(), Some("300"), "the tries inside are blind");
}

#[test]
fn killed_at_any_line_of_its_journal_a_run_with_a_mariadb_leaves_nothing_behind() {
    let mut maria = Maria::new();
    maria.stop();
    let files = checksum(&maria.production.root());
    let before = maria.production.world();
    let mut line = 0;
    loop {
        line += 1;
        let at = line.to_string();
        let run = [
            "branch",
            "prod",
            "raw",
            "--type",
            "staging",
            "--die-after-line",
            &at,
        ];
        let ended = maria.envclone(&run);
        if ended.code == 0 {
            break;
        }
        assert_eq!(ended.code, 128 + 9, "line {line}: {}", ended.stderr);
        // What changes something cleans up first; one that was published before its run died stays.
        assert_eq!(maria.envclone(&["destroy", "nosuch"]).code, 2);
        if maria.envclone(&["list"]).ok().contains("raw") {
            maria.envclone(&["destroy", "raw"]).ok();
        }
        assert_eq!(maria.production.world(), before, "line {line}");
    }
    assert!(line > 10, "it had only {line} lines");
    maria.envclone(&["destroy", "raw"]).ok();
    assert_eq!(maria.production.world(), before);
    assert_eq!(checksum(&maria.production.root()), files);
}

#[test]
fn after_a_crash_of_the_host_a_branch_goes_back_to_its_snapshot_and_is_sealed_again_under_its_url() {
    let mut maria = Maria::new();
    let before = maria.production.world();
    let document = maria.branch("raw");
    let url = by_url(&url_of(&document));
    ask(&url, "UPDATE shop.words SET word = 'of the branch' WHERE id = 1").unwrap();
    maria.stop();
    maria.production.reboot();
    let said = maria.envclone(&["start", "--all"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        ask(&url, "SELECT word FROM shop.words WHERE id = 1").unwrap(),
        "one"
    );
    let old = login(&document, "shop", "kanari-password-of-shop");
    assert!(ask(&old, "SELECT 1").is_err());
    maria.envclone(&["destroy", "raw"]).ok();
    maria.start();
    assert_eq!(maria.production.world(), before);
}
