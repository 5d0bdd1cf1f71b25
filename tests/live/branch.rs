//! `envclone branch` of a production that runs, from one end to the other.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bytes::{checksum, find};
use crate::production::{Ended, Production, RULES, ask, copy, postgres, program, server_programs, template};
use crate::world::{self, kill_9};

/// A schema in which nothing has to be replaced, and its rules.
pub(crate) const PLAIN: &str = "DROP SCHEMA shop CASCADE; CREATE SCHEMA shop; ALTER SCHEMA shop OWNER TO shop; \
    SET ROLE shop; CREATE TABLE shop.words (id serial PRIMARY KEY, word text); \
    INSERT INTO shop.words (word) SELECT 'ordinary word ' || n FROM generate_series(1, 1000) n";
pub(crate) const PLAIN_RULES: &str = r#"
[db."shop.words"]
word = { keep = "ordinary words" }
[uploads]
keep = { "**" = "pictures" }
"#;

pub(crate) fn url_of(document: &Value) -> String {
    document["url"].as_str().unwrap().to_owned()
}

/// The same URL for another role and password.
pub(crate) fn login(document: &Value, role: &str, password: &str) -> String {
    let url = url_of(document);
    let (_, place) = url.rsplit_once('@').unwrap();
    format!("postgres://{role}:{password}@{place}")
}

pub(crate) fn password_of(document: &Value) -> String {
    let url = url_of(document);
    let (user, _) = url.rsplit_once('@').unwrap();
    user.rsplit_once(':').unwrap().1.to_owned()
}

pub(crate) fn clone_of(production: &Production, name: &str) -> PathBuf {
    production
        .pool()
        .join(".envclone/env/shop")
        .join(name)
        .join("clone")
}

fn record_path(production: &Production, name: &str) -> PathBuf {
    production
        .state_dir()
        .join("shop/environments")
        .join(format!("{name}.json"))
}

pub(crate) fn supervisor_of(production: &Production) -> u32 {
    let processes = world::processes_of(production.base());
    let supervisor = processes.iter().find(|one| one.command.contains("__supervise"));
    supervisor.expect("a supervisor").pid
}

#[test]
fn a_branch_is_a_running_masked_copy_and_goes_without_a_trace() {
    let production = Production::new();
    let before = production.world();
    let document = production.branch("fix-42");
    let url = url_of(&document);
    let answer = |sql: &str| ask(&url, sql).unwrap();

    assert_eq!(
        answer("SELECT count(*), count(DISTINCT email) FROM shop.customers"),
        "300|300"
    );
    for (table, column) in [
        (
            "customers",
            "email || full_name || coalesce(notes, '') || profile",
        ),
        ("addresses", "recipient || coalesce(line, '')"),
        ("orders", "coalesce(delivery_note, '')"),
        ("events", "contact"),
        ("customer_orders", "email"),
        ("gold_customers", "email"),
    ] {
        let sql = format!("SELECT count(*) FROM shop.{table} WHERE ({column}) ~* 'kanari'");
        assert_eq!(answer(&sql), "0", "{table}");
    }
    assert_eq!(
        answer("SELECT count(*) FROM shop.customers WHERE segment = 'gold'"),
        "100"
    );
    assert_eq!(
        answer("SELECT count(*) FROM shop.orders WHERE delivery_note IS NOT NULL"),
        "200"
    );
    let both = "SELECT count(*) FROM shop.customer_orders v JOIN shop.customers c USING (id, email)";
    assert_eq!(answer(both), "300", "the view does not agree with its table");
    assert_eq!(
        answer("SELECT (SELECT count(*) FROM shop.sessions), (SELECT count(*) FROM shop.audit_log)"),
        "0|0"
    );
    assert_eq!(answer("SELECT count(*) FROM pg_prepared_xacts"), "0");
    let relations = "INSERT INTO shop.addresses (customer_id, recipient) VALUES (1000, 'x')";
    assert!(ask(&url, relations).unwrap_err().contains("foreign key"));
    answer(
        "UPDATE shop.customers SET notes = 'changed' WHERE id = 1; INSERT INTO shop.customers (email, full_name, segment) VALUES ('a@b.c', 'x', 'plain')",
    );
    assert_eq!(
        answer("SELECT count(*) FROM shop.audit_log"),
        "1",
        "the trigger is gone"
    );

    let uploads = clone_of(&production, "fix-42").join("uploads");
    assert!(uploads.join("public/lamp.txt").is_file());
    assert!(!uploads.join("private/passport.txt").exists());
    assert!(production.root().join("uploads/private/passport.txt").is_file());

    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
    assert!(ask(&url, "SELECT 1").is_err());
}

#[test]
fn the_document_of_a_branch_says_what_was_measured() {
    let production = Production::new();
    let document = production.branch("fix-42");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(document["schema"], 1);
    let environment = &document["environment"];
    for (key, value) in [
        ("name", "fix-42"),
        ("parent", "prod"),
        ("type", "development"),
        ("state", "ready"),
    ] {
        assert_eq!(environment[key], value);
    }
    assert_eq!(environment["sanitized"], true);
    let db = &document["services"]["db"];
    assert_eq!(db["engine"], "postgres");
    assert!(db["version"].as_str().unwrap().starts_with("15"));
    assert_eq!(document["url"], db["url"]);
    assert!(url_of(&document).contains(&format!(":{}/", db["port"])));
    let snapshot = &document["snapshot"];
    assert_eq!(
        (&snapshot["atomic"], &snapshot["source_pause_ms"]),
        (&Value::Bool(true), &0.into())
    );
    let sanitized = &document["sanitization"];
    assert!(sanitized["policy"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(
        (&sanitized["found"], &sanitized["skipped"]),
        (&0.into(), &Value::Null)
    );
    assert!(sanitized["needles"].as_u64().unwrap() > 1000, "{sanitized}");
    assert!(
        sanitized["bytes_scanned"].as_u64().unwrap() > 10_000_000,
        "{sanitized}"
    );
    // Three tables with TOAST and indexes at least, and the WAL.
    assert!(sanitized["written_anew"].as_u64().unwrap() > 10, "{sanitized}");
    assert!(sanitized["columns"].as_u64().unwrap() >= 8, "{sanitized}");
    let steps = "reserve quiesce snapshot clone seal sanitize prove checkpoint start publish total";
    let mut steps: Vec<&str> = steps.split(' ').collect();
    steps.sort_unstable();
    assert_eq!(keys(&document["timings_ms"]), steps);

    // By the Unix socket too.
    let socket = db["socket"].as_str().unwrap();
    let config = format!(
        "host={socket} port={} user=shop dbname=shop password={}",
        db["port"],
        password_of(&document)
    );
    assert_eq!(ask(&config, "SELECT 6 * 7").unwrap(), "42");

    let shown = production.envclone(&["show", "fix-42", "--json"]).json();
    for part in [
        "environment",
        "url",
        "services",
        "snapshot",
        "sanitization",
        "timings_ms",
    ] {
        assert_eq!(shown[part], document[part], "{part}");
    }
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    assert!(
        receipt.contains("db.shop.customers.email by email: 300 values, 0 unchanged"),
        "{receipt}"
    );
}

#[test]
fn two_branches_live_side_by_side_and_every_command_finds_its_own() {
    let production = Production::new();
    let (one, two) = (production.branch("one"), production.branch("two"));
    assert_ne!(one["services"]["db"]["port"], two["services"]["db"]["port"]);
    assert_ne!(password_of(&one), password_of(&two));
    ask(&url_of(&one), "UPDATE shop.orders SET status = 'only in one'").unwrap();
    assert_eq!(
        ask(
            &url_of(&two),
            "SELECT count(*) FROM shop.orders WHERE status = 'paid'"
        )
        .unwrap(),
        "400"
    );
    // The same original has the same fake in both.
    let email = "SELECT email FROM shop.customers WHERE id = 42";
    assert_eq!(ask(&url_of(&one), email), ask(&url_of(&two), email));
    assert!(ask(&login(&two, "shop", &password_of(&one)), "SELECT 1").is_err());

    let listed = production.envclone(&["list", "--json"]).json();
    let names: Vec<&str> = listed["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["prod", "one", "two"]);
    let url = url_of(&one);
    assert_eq!(production.envclone(&["url", "one", "db"]).ok().trim(), url);
    let env = production.envclone(&["url", "one", "--format", "env"]).ok();
    assert!(env.contains(&format!("DATABASE_URL={url}\n")), "{env}");
    let who = ["connect", "one", "db", "--", "-At", "-c", "SELECT current_user"];
    assert_eq!(production.envclone(&who).ok().trim(), "shop");
    let inside = [
        "exec",
        "two",
        "db",
        "--",
        "sh",
        "-c",
        "id -un; ls /run/postgresql; exit 7",
    ];
    let ended = production.envclone(&inside);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("postgres\n"), "{}", ended.stdout);
    assert!(ask(&url, "SELECT 1 / 0").is_err());
    let log = production.envclone(&["logs", "one", "db"]).ok();
    assert!(log.contains("division by zero"), "{log}");
    let log = production.envclone(&["logs", "two", "db"]).ok();
    assert!(!log.contains("division by zero"), "{log}");

    production.envclone(&["stop", "one"]).ok();
    assert!(ask(&url, "SELECT 1").is_err(), "a stopped branch answers");
    production.envclone(&["stop", "one"]).ok();
    production
        .envclone(&["connect", "one", "db"])
        .refused(1, &["envclone start one"]);
    assert_eq!(ask(&url_of(&two), "SELECT 1").unwrap(), "1");
    production.envclone(&["start", "one"]).ok();
    assert_eq!(
        ask(
            &url,
            "SELECT count(*) FROM shop.orders WHERE status = 'only in one'"
        )
        .unwrap(),
        "400"
    );
    production.envclone(&["destroy", "one", "two"]).ok();
    production
        .envclone(&["destroy", "one"])
        .refused(2, &["no environment one"]);
}

#[test]
fn after_a_reboot_branches_come_back_under_their_urls_from_their_checkpoints() {
    let production = Production::new();
    let document = production.branch("fix-42");
    ask(&url_of(&document), "UPDATE shop.orders SET status = 'unsynced'").unwrap();
    // What a reboot does: every process goes, and /run is empty.
    kill_9(supervisor_of(&production));
    world::empty(&production.run_dir());
    let path = record_path(&production, "fix-42");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    record["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
    fs::write(&path, record.to_string()).unwrap();

    let ended = production.envclone(&["start", "--all"]);
    assert!(
        ended.stderr.contains("fix-42 went back to its checkpoint"),
        "{}",
        ended.stderr
    );
    ended.ok();
    let url = url_of(&document);
    assert_eq!(
        ask(&url, "SELECT count(*) FROM shop.orders WHERE status = 'paid'").unwrap(),
        "400"
    );
    let shown = production.envclone(&["show", "fix-42", "--json"]).json();
    assert_eq!(shown["url"], document["url"]);
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_source_that_is_down_is_branched_from_its_files_which_stay_as_they_are() {
    let mut production = Production::new();
    production.stop();
    let (before, files) = (production.world(), checksum(&production.root()));
    let document = production.branch("fix-42");
    assert_eq!(
        ask(&url_of(&document), "SELECT count(*) FROM shop.customers").unwrap(),
        "300"
    );
    production.envclone(&["stop", "fix-42"]).ok();
    production.envclone(&["start", "fix-42"]).ok();
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(
        checksum(&production.root()),
        files,
        "the production's files are not what they were"
    );
    assert_eq!(production.world(), before);
}

/// Adds a second database, `second`, whose server does not run, and rules for it.
fn with_second_database(production: &Production, configuration: &str, source: &str) {
    let volume = production.root().join("second");
    fs::create_dir(&volume).unwrap();
    std::os::unix::fs::chown(&volume, Some(postgres().0), Some(postgres().1)).unwrap();
    copy(&template(Path::new(server_programs())), &volume.join("data"));
    let settings = "port = 5433\nmax_prepared_transactions = 5\n";
    fs::write(volume.join("data/postgresql.conf"), settings).unwrap();
    let service = format!(
        "[services.second]\nengine = \"postgres\"\nvolume = \"second\"\ndata = \"data\"\ndatabase = \"shop\"\n\
         user = \"shop\"\nsource = {source:?}\n"
    );
    let (of_database, _) = RULES.split_once("[uploads]").unwrap();
    let rules = format!("{}{RULES}", of_database.replace("[db.", "[second."));
    production.configure(&format!("{configuration}{service}"), &rules);
}

#[test]
fn sources_that_hang_delay_a_branch_of_two_databases_only_as_long_as_the_limit() {
    let production = Production::new();
    // Connections are taken by the kernel, and nobody answers.
    let silent = TcpListener::bind((production.address(), 0)).unwrap();
    let source = format!("postgres://postgres@{}/shop", silent.local_addr().unwrap());
    let configuration = production.configuration();
    let line = configuration
        .lines()
        .find(|line| line.starts_with("source = "))
        .unwrap();
    let configuration = configuration.replace(line, &format!("source = {source:?}"));
    with_second_database(&production, &configuration, &source);
    let before = production.world();
    let document = production.branch("fix-42");
    let waited = document["timings_ms"]["quiesce"].as_u64().unwrap();
    assert!((1_000..25_000).contains(&waited), "it waited {waited} ms");
    let url = |service: &str| document["services"][service]["url"].as_str().unwrap().to_owned();
    let (one, other) = (url("db"), url("second"));
    assert_eq!(url_of(&document), one);
    assert_ne!(one, other);
    for url in [&one, &other] {
        let customers = "SELECT count(*), count(*) FILTER (WHERE email ~* 'kanari') FROM shop.customers";
        assert_eq!(ask(url, customers).unwrap(), "300|0");
    }
    let email = "SELECT email FROM shop.customers WHERE id = 42";
    assert_eq!(ask(&one, email), ask(&other, email), "one original has two fakes");
    ask(&one, "UPDATE shop.orders SET status = 'of one'").unwrap();
    let of_one = "SELECT count(*) FROM shop.orders WHERE status = 'of one'";
    assert_eq!(ask(&other, of_one).unwrap(), "0");
    production.envclone(&["stop", "fix-42"]).ok();
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&one, of_one).unwrap(), "400");
    assert_eq!(ask(&other, of_one).unwrap(), "0");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn only_the_role_of_the_url_gets_in_and_only_with_its_new_password() {
    let production = Production::new();
    let document = production.branch("fix-42");
    let new = password_of(&document);
    for role in ["postgres", "shop", "reporting", "admin"] {
        let old = format!("kanari-password-of-{role}");
        let own = format!("postgres://{role}:{old}@{}:5432/shop", production.address());
        assert_eq!(
            ask(&own, "SELECT 1").unwrap(),
            "1",
            "the fixture's own password is wrong"
        );
        assert!(
            ask(&login(&document, role, &old), "SELECT 1").is_err(),
            "{role} gets in as in production"
        );
        let with_new = ask(&login(&document, role, &new), "SELECT 1");
        assert_eq!(with_new.is_ok(), role == "shop", "{role}: {with_new:?}");
        let new_in_production = format!("postgres://{role}:{new}@{}:5432/shop", production.address());
        assert!(
            ask(&new_in_production, "SELECT 1").is_err(),
            "the branch's password opens production"
        );
    }
    let others = "SELECT count(*) FROM pg_roles WHERE rolname = 'shop' AND rolsuper";
    assert_eq!(ask(&url_of(&document), others).unwrap(), "0", "its rights grew");
}

/// Everything that must be gone, in any case of its letters.
pub(crate) fn originals(production: &Production) -> Vec<String> {
    let mut needles = vec!["kanari".to_owned()];
    let verifiers = production.sql("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL");
    let phones = production.sql("SELECT phone FROM shop.customers");
    needles.extend(verifiers.lines().chain(phones.lines()).map(str::to_owned));
    assert_eq!(needles.len(), 1 + 4 + 300);
    needles
}

#[test]
fn no_original_is_in_any_byte_of_a_branch_or_of_what_is_remembered_of_it() {
    let mut production = Production::new();
    let needles = originals(&production);
    // The control: what is searched for lies in the files of production, each in its hiding place.
    let hiding_places: Vec<String> = [
        "kanari.17@original-mail.test",
        "kanarifirst17",
        "kanariiban17",
        "kanari dead line 17",
        "kanari-session-95",
        "kanari-prepared-session",
        "kanari-alias-17",
        "kanari toast kanari toast",
        "kanari wal only",
        "kanari passport",
        "kanari-legacy-person-17",
    ]
    .map(str::to_owned)
    .into();
    let root = production.root();
    let control = find(&[&root], &hiding_places);
    let missing: Vec<&String> = hiding_places
        .iter()
        .filter(|needle| !control.contains_key(needle.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not in the production");
    assert_eq!(
        find(&[&root], &needles).len(),
        needles.len(),
        "the control does not hold all originals"
    );
    assert!(
        find(&[&root.join("db/data/log")], &needles).contains_key("kanari"),
        "the server's log is clean"
    );

    production.branch("fix-42");
    production.stop();
    let of_the_branch = production.pool().join(".envclone");
    let places = [of_the_branch, production.state_dir(), production.run_dir()];
    let places: Vec<&Path> = places.iter().map(PathBuf::as_path).collect();
    let nothing = find(&places, &needles);
    assert!(nothing.is_empty(), "while it runs: {nothing:?}");
    production.envclone(&["stop", "fix-42"]).ok();
    let nothing = find(&places, &needles);
    assert!(nothing.is_empty(), "after a stop: {nothing:?}");
}

#[test]
fn a_branch_in_which_nothing_is_replaced_starts_once_and_still_holds_no_verifier() {
    let production = Production::new();
    let verifiers: Vec<String> = originals(&production)
        .into_iter()
        .filter(|one| one.starts_with("SCRAM"))
        .collect();
    // It holds locks.
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(PLAIN);
    production.configure(&production.configuration(), PLAIN_RULES);
    let before = production.world();
    let document = production.branch("fix-42");
    let why = document["sanitization"]["skipped"].as_str().expect("a reason");
    assert!(!why.is_empty());
    let url = url_of(&document);
    let words = "SELECT count(*) FROM shop.words WHERE word LIKE 'ordinary word %'";
    assert_eq!(ask(&url, words).unwrap(), "1000");
    assert!(ask(&login(&document, "shop", "kanari-password-of-shop"), "SELECT 1").is_err());

    // The server that was sealed is the one that is published.
    let taken: jiff::Timestamp = document["snapshot"]["taken_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let ms = |step: &str| document["timings_ms"][step].as_i64().unwrap();
    let since = format!(
        "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint - {}",
        taken.as_millisecond()
    );
    let started: i64 = ask(&url, &since).unwrap().parse().unwrap();
    assert!(
        started <= ms("clone") + ms("seal") + 10,
        "started again {started} ms after the snapshot: {document}"
    );

    production.envclone(&["stop", "fix-42"]).ok();
    let clone = clone_of(&production, "fix-42");
    let control = ["ordinary word 17".to_owned()];
    assert_eq!(find(&[&clone], &control).len(), 1, "the search is blind");
    let left = find(&[&clone], &verifiers);
    assert!(left.is_empty(), "verifiers are in the branch: {left:?}");
    let dropped = ["kanari".to_owned()];
    let left = find(&[&clone.join("db")], &dropped);
    assert!(
        left.is_empty(),
        "what was dropped in production is in the branch: {left:?}"
    );
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, words).unwrap(), "1000");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn a_branch_of_a_cluster_laid_out_as_debian_does_sees_its_usual_paths() {
    let mut production = Production::new();
    production.stop();
    let main = production.volume().join("15/main");
    fs::create_dir(production.volume().join("15")).unwrap();
    fs::rename(production.data(), &main).unwrap();
    fs::remove_file(main.join("postgresql.conf")).unwrap();
    fs::remove_file(main.join("pg_hba.conf")).unwrap();
    let elsewhere = production.base().join("etc-postgresql");
    fs::create_dir_all(elsewhere.join("15/main")).unwrap();
    let path = production.base().join("var-lib-postgresql");
    let settings = format!(
        "data_directory = '{}/15/main'\t\t# use data in another directory\nport = 5433\nmax_connections = 77\nmax_prepared_transactions = 5\n\
         timezone = 'Europe/Paris'\nssl = on\nssl_key_file = '/etc/ssl/private/ssl-cert-snakeoil.key'\nexternal_pid_file = '/var/run/postgresql/15-main.pid'\n",
        path.display()
    );
    fs::write(elsewhere.join("15/main/postgresql.conf"), settings).unwrap();
    let configuration = production.configuration();
    let data = "data = \"data\"";
    let debian = format!("data = \"15/main\"\npath = {:?}", path.to_str().unwrap());
    production.configure(&configuration.replace(data, &debian), RULES);

    let ended = with_mount(
        &elsewhere,
        Path::new("/etc/postgresql"),
        &production.command(&["branch", "prod", "fix-42", "--json"]),
    );
    let document = ended.json();
    let url = url_of(&document);
    assert_eq!(ask(&url, "SHOW max_connections").unwrap(), "77");
    assert_eq!(ask(&url, "SHOW timezone").unwrap(), "Europe/Paris");
    assert_eq!(ask(&url, "SHOW ssl").unwrap(), "off");
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    let inside = [
        "exec",
        "fix-42",
        "db",
        "--",
        "cat",
        &format!("{}/15/main/PG_VERSION", path.display()),
    ];
    assert_eq!(production.envclone(&inside).ok().trim(), "15");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert!(!path.exists(), "the path was made on the host");
}

/// Runs a command in a mount namespace of its own, in which `source` lies over `target`.
pub(crate) fn with_mount(source: &Path, target: &Path, command: &Command) -> Ended {
    let mut inside = program("/usr/bin/unshare");
    inside.args(["--mount", "--propagation", "private", "sh", "-c"]);
    inside
        .arg("mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"")
        .arg("sh");
    inside
        .arg(source)
        .arg(target)
        .arg(command.get_program())
        .args(command.get_args());
    Ended::of(inside.output().unwrap())
}

/// Tries every way in that there may be; those that let somebody in, in words.
fn ways_in(production: &Production) -> Vec<String> {
    let mut open = Vec::new();
    for port in 20001..20004 {
        if TcpStream::connect((production.address(), port)).is_ok() {
            open.push(format!("port {port}"));
        }
    }
    let of_branches = format!("socket {}", production.run_dir().display());
    let sockets = world::list(production).into_iter();
    open.extend(sockets.filter(|one| one.starts_with(&of_branches) && one.contains(".s.PGSQL")));
    for args in [&["url", "fix-42"][..], &["exec", "fix-42", "db", "--", "true"]] {
        if production.envclone(args).code == 0 {
            open.push(format!("envclone {}", args.join(" ")));
        }
    }
    for account in ["root", "postgres"] {
        for role in ["postgres", "shop"] {
            for host in ["127.0.0.1", "/run/postgresql"] {
                let password = format!("kanari-password-of-{role}");
                if let Some(said) = knock(production, account, host, role, &password) {
                    open.push(format!("{role} as {account} at {host} inside: {said}"));
                }
            }
        }
    }
    open
}

pub(crate) fn server_of_a_branch(production: &Production) -> Option<u32> {
    let processes = world::processes_of(production.base());
    let of_production =
        |one: &world::Process| [one.pid, one.parent].contains(&production.server_pid().unwrap());
    let server = |one: &&world::Process| one.command.starts_with(server_programs()) && !of_production(one);
    Some(processes.iter().find(server)?.pid)
}

/// What the server of a branch answers to a client that entered its namespaces, if there is one and it lets it in.
fn knock(production: &Production, account: &str, host: &str, role: &str, password: &str) -> Option<String> {
    let server = server_of_a_branch(production)?.to_string();
    let mut client = program("/usr/bin/nsenter");
    client.args(["--target", &server, "--net", "--mount"]);
    client.args(["setpriv", "--reuid", account, "--clear-groups", "/usr/bin/env"]);
    client.args([&format!("PGPASSWORD={password}"), "PGCONNECT_TIMEOUT=5"]);
    client.args([
        &format!("{}/psql", server_programs()),
        "-w",
        "-At",
        "-h",
        host,
        "-U",
        role,
        "-d",
        "shop",
    ]);
    let said = client
        .args(["-c", "SELECT count(*) FROM shop.customers"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    said.status.success().then_some(text)
}

#[test]
fn nobody_gets_in_before_there_is_a_receipt() {
    nobody_gets_in_too_early(&Production::new(), 6);
}

#[test]
fn nobody_gets_in_before_there_is_a_receipt_where_nothing_is_rewritten() {
    let production = Production::new();
    production.keep_all();
    nobody_gets_in_too_early(&production, 2);
}

/// Tries every way in again and again while a branch is made, at least so many times.
fn nobody_gets_in_too_early(production: &Production, least: u32) {
    let mut run = production.spawn(&["branch", "prod", "fix-42", "--json"]);
    let record = record_path(production, "fix-42");
    let receipt = || {
        fs::read(&record)
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            .is_some_and(|record| !record["receipt"].is_null())
    };
    let (mut tries, mut inside) = (0, 0);
    while run.try_wait().unwrap().is_none() {
        let open = ways_in(production);
        // Looked at after the tries: a way in that opened meanwhile has its receipt by then.
        let published = receipt();
        assert!(
            published || open.is_empty(),
            "open before there is a receipt: {open:?}"
        );
        tries += 1;
        inside += u32::from(server_of_a_branch(production).is_some());
    }
    let ended = Ended::of(run.wait_with_output().unwrap());
    assert!(
        tries >= least && inside > 0,
        "{tries} tries, {inside} while a server ran"
    );
    let document = ended.json();
    assert_eq!(ask(&url_of(&document), "SELECT 1").unwrap(), "1");
    // The control: the same tries succeed where they may.
    let open = ways_in(production);
    for way in ["port", "socket", "envclone url", "envclone exec"] {
        assert!(
            open.iter().any(|one| one.starts_with(way)),
            "the tries are blind: {open:?}"
        );
    }
    assert!(open.iter().all(|one| !one.contains("inside")), "{open:?}");
    let by_password = knock(
        production,
        "postgres",
        "127.0.0.1",
        "shop",
        &password_of(&document),
    );
    assert_eq!(by_password.as_deref(), Some("300"), "the tries inside are blind");
}

#[test]
fn a_branch_whose_supervisor_is_killed_is_stopped_and_can_be_started() {
    let production = Production::new();
    let before = production.world();
    let document = production.branch("fix-42");
    kill_9(supervisor_of(&production));
    assert!(ask(&url_of(&document), "SELECT 1").is_err());
    let listed = production.envclone(&["list", "--json"]).json();
    assert_eq!(listed["environments"][1]["state"], "stopped", "{listed}");
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(
        ask(&url_of(&document), "SELECT count(*) FROM shop.customers").unwrap(),
        "300"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn a_branch_of_a_branch_is_clean_at_once_and_holds_its_parent() {
    let production = Production::new();
    let before = production.world();
    let parent = production.branch("fix-42");
    ask(
        &url_of(&parent),
        "UPDATE shop.orders SET status = 'of the parent'",
    )
    .unwrap();
    let child = ["branch", "fix-42", "child", "--json"];
    let child = production.envclone(&child).json();
    assert_eq!(child["environment"]["parent"], "fix-42");
    assert_eq!(child["environment"]["sanitized"], true);
    assert_ne!(password_of(&child), password_of(&parent));
    let status = "SELECT count(*) FROM shop.orders WHERE status = 'of the parent'";
    assert_eq!(ask(&url_of(&child), status).unwrap(), "400");
    ask(&url_of(&child), "UPDATE shop.orders SET status = 'of the child'").unwrap();
    production
        .envclone(&["destroy", "fix-42"])
        .refused(2, &["fix-42 has branches: child"]);
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url_of(&parent), status).unwrap(), "400");
    production.envclone(&["destroy", "child"]).ok();
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn a_type_that_may_stay_raw_says_so_everywhere_and_the_others_are_masked() {
    let production = Production::new();
    let configuration = production.configuration() + "raw-types = [\"staging\"]\n";
    production.configure(&configuration, RULES);
    let raw = ["branch", "prod", "raw", "--type", "staging", "--json"];
    let raw = production.envclone(&raw).json();
    assert_eq!(raw["environment"]["sanitized"], false);
    let email = "SELECT email FROM shop.customers WHERE id = 17";
    assert_eq!(ask(&url_of(&raw), email).unwrap(), "kanari.17@original-mail.test");
    assert!(ask(&login(&raw, "shop", "kanari-password-of-shop"), "SELECT 1").is_err());
    assert!(
        production
            .envclone(&["list"])
            .ok()
            .lines()
            .any(|line| line.contains("raw") && line.contains("staging"))
    );
    let shown = production.envclone(&["show", "raw", "--json"]).json();
    assert_eq!(shown["environment"]["sanitized"], false);
    production.envclone(&["stop", "raw"]).ok();
    production.configure(&production.configuration(), RULES);
    production
        .envclone(&["start", "raw"])
        .refused(5, &["raw is raw", "staging"]);
    assert!(ask(&url_of(&raw), "SELECT 1").is_err());
    production.configure(&configuration, RULES);
    production.envclone(&["start", "raw"]).ok();
    assert_eq!(ask(&url_of(&raw), "SELECT 1").as_deref(), Ok("1"));
    let clean = production.branch("clean");
    assert_eq!(clean["environment"]["sanitized"], true);
    assert_ne!(
        ask(&url_of(&clean), email).unwrap(),
        "kanari.17@original-mail.test"
    );
}

#[test]
fn the_owners_sql_runs_before_the_proof_and_a_dry_run_makes_nothing() {
    let production = Production::new();
    let after = |sql: &str| {
        fs::write(production.etc().join("after.sql"), sql).unwrap();
        production.configure(&(production.configuration() + "after = [\"after.sql\"]\n"), RULES);
    };
    let before = production.world();
    after(
        "UPDATE shop.customers SET email = 'known@example.com' WHERE id = 1;\nCREATE TABLE shop.flags AS SELECT 'test' AS site;\nALTER TABLE shop.flags OWNER TO shop;\n",
    );
    let plan = production
        .envclone(&["branch", "prod", "fix-42", "--dry-run", "--json"])
        .json();
    assert_eq!(plan["steps"].as_array().unwrap().len(), 10);
    assert_eq!(production.world(), before, "a dry run made something");
    let document = production.branch("fix-42");
    let known = "SELECT email, site FROM shop.customers, shop.flags WHERE id = 1";
    assert_eq!(ask(&url_of(&document), known).unwrap(), "known@example.com|test");
    production.envclone(&["destroy", "fix-42"]).ok();

    after("DROP TABLE shop.sessions; ALTER TABLE shop.audit_log RENAME TO audits");
    let document = production.branch("fix-42");
    let told = document["sanitization"]["not_covered"].to_string();
    assert!(
        told.contains("shop.sessions vanished by the owner's SQL"),
        "{told}"
    );
    let there = "SELECT to_regclass('shop.sessions') IS NULL, count(*) FROM shop.audits";
    assert_eq!(ask(&url_of(&document), there).unwrap(), "t|0");
    production.envclone(&["destroy", "fix-42"]).ok();

    // What brings an original back is found; what fails is named, without its values.
    after("UPDATE shop.customers SET notes = 'kanari.17@original-mail.test' WHERE id = 1");
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(5, &["customers.email"]);
    after("INSERT INTO shop.customers (id, email, full_name, segment) VALUES (1, 'kanari', 'x', 'y')");
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(1, &["after.sql"]);
    assert_eq!(production.world(), before);
}
