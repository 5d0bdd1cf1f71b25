//! A production full of what acts on the world: its branch does nothing of it. That each trap works is shown on
//! production itself, afterwards: a trap that nobody would fall into proves nothing.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::branch::url_of;
use crate::bytes::find;
use crate::network::Network;
use crate::production::{
    Ended, MINUTE, Production, RULES, as_postgres, ask, postgres, server_programs, set_mode,
};
use crate::world;

/// `pg_cron` looks once a minute, at its beginning, and needs some time for what it then does.
const A_TURN_OF_CRON: Duration = Duration::from_secs(100);

const TRAP_RULES: &str = r#"
[db."shop.in_a_tablespace"]
who = "name"

[db."cron.job"]
schedule = { keep = "when" }
command = { transform = "fixed", value = "SELECT 1" }
nodename = { keep = "this host" }
database = { keep = "a name of the schema" }
username = { keep = "a name of the schema" }
jobname = { keep = "a name of the schema" }

[db."cron.job_run_details"]
rows = "delete"
"#;

/// Secrets that production holds in its catalogs and its configuration.
const SECRETS: [&str; 7] = [
    "kanari-subscription-password",
    "kanari-mapping-password",
    "kanari-server-password",
    "kanari-wrapper-password",
    "kanari-standby-password",
    "kanari-cron-password",
    "kanari-setting-secret",
];

/// What connects when production is started as it is.
const OF_A_PRIMARY: [&str; 3] = ["subscription", "subscription-by-socket", "ssl_passphrase_command"];
/// What connects when it is started as a standby.
const OF_A_STANDBY: [&str; 2] = ["primary_conninfo", "restore_command"];

struct Trapped {
    production: Production,
    network: Network,
    outside: PathBuf,
    secrets: Vec<String>,
}

impl Trapped {
    /// The traps are laid by a server that cannot fall into them; then it crashes.
    fn new() -> Self {
        let mut production = Production::stopped(2048);
        let network = Network::new(production.address(), production.base());
        let outside = production.base().join("outside");
        let (uid, gid) = postgres();
        for dir in [
            outside.clone(),
            outside.join("archive"),
            production.volume().join("space"),
        ] {
            fs::create_dir(&dir).unwrap();
            set_mode(&dir, 0o755);
            chown(&dir, Some(uid), Some(gid)).unwrap();
        }
        let configuration = production
            .configuration()
            .replace("user = \"shop\"", "user = \"admin\"");
        production.configure(&configuration, &format!("{RULES}{TRAP_RULES}"));
        append(
            &production.data().join("postgresql.conf"),
            "wal_level = logical\narchive_mode = on\narchive_command = 'false'\nmax_logical_replication_workers = 0\nshared_preload_libraries = 'pg_cron'\ncron.database_name = 'shop'\n",
        );
        production.start();
        let mut trapped = Self {
            production,
            network,
            outside,
            secrets: SECRETS.map(str::to_owned).into(),
        };
        trapped.lay_traps();
        let verifiers = "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL";
        let verifiers = trapped.production.sql(verifiers);
        trapped.secrets.extend(verifiers.lines().map(str::to_owned));
        trapped.production.crash();
        trapped.arm();
        assert!(trapped.network.visitors().is_empty(), "sprung too early");
        trapped
    }

    fn lay_traps(&mut self) {
        let address = self.production.address();
        let tcp = self.network.port("subscription");
        let dir = self.network.socket_dir("subscription-by-socket");
        let foreign = self.network.port("foreign table");
        let job = self.network.port("pg_cron");
        let own = self.production.base().join("sock");
        let (dir, own, space) = (
            dir.display(),
            own.display(),
            self.production.volume().join("space"),
        );
        let secret = |place: &str| format!("user=repl password=kanari-{place}-password");
        for sql in [
            // A transaction that nobody ends would keep the logical slot from being made.
            "ROLLBACK PREPARED 'stale'".to_owned(),
            "SELECT pg_create_physical_replication_slot('standby', true), pg_create_logical_replication_slot('changes', 'pgoutput')".to_owned(),
            "CREATE PUBLICATION everything FOR ALL TABLES".to_owned(),
            format!(
                "CREATE SUBSCRIPTION one CONNECTION 'host={address} port={tcp} dbname=shop {}' PUBLICATION p WITH (connect = false, slot_name = 'one')",
                secret("subscription")
            ),
            format!(
                "CREATE SUBSCRIPTION two CONNECTION 'host={dir} dbname=shop {}' PUBLICATION p WITH (connect = false, slot_name = 'two')",
                secret("subscription")
            ),
            "ALTER SUBSCRIPTION one ENABLE; ALTER SUBSCRIPTION two ENABLE".to_owned(),
            "CREATE EXTENSION postgres_fdw; CREATE EXTENSION dblink; CREATE EXTENSION pg_cron".to_owned(),
            "CREATE FOREIGN DATA WRAPPER odd OPTIONS (access_token 'kanari-wrapper-password')".to_owned(),
            "CREATE SERVER odd FOREIGN DATA WRAPPER odd OPTIONS (api_key 'kanari-server-password')".to_owned(),
            format!("CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{own}', dbname 'shop')"),
            "CREATE USER MAPPING FOR public SERVER far OPTIONS (user 'postgres', password 'kanari-mapping-password')".to_owned(),
            "CREATE FOREIGN TABLE shop.far_customers (id int, email text) SERVER far OPTIONS (schema_name 'shop', table_name 'customers')".to_owned(),
            "CREATE VIEW shop.far_view AS SELECT * FROM shop.far_customers".to_owned(),
            "CREATE MATERIALIZED VIEW shop.from_far AS SELECT * FROM shop.far_view".to_owned(),
            "CREATE MATERIALIZED VIEW shop.from_from_far AS SELECT count(*), max(email) FROM shop.from_far".to_owned(),
            format!(
                "CREATE MATERIALIZED VIEW shop.by_dblink AS SELECT * FROM dblink('host={own} user=postgres dbname=shop', \
                 'SELECT email FROM shop.customers') AS far(email text)"
            ),
            format!("ALTER SERVER far OPTIONS (SET host '{address}', ADD port '{foreign}')"),
            "CREATE TABLE shop.visits (id int, who_called bigint) PARTITION BY RANGE (id)".to_owned(),
            "CREATE TABLE shop.visits_here PARTITION OF shop.visits FOR VALUES FROM (1) TO (100)".to_owned(),
            "CREATE FOREIGN TABLE shop.visits_far PARTITION OF shop.visits FOR VALUES FROM (100) TO (200) SERVER far".to_owned(),
            "INSERT INTO shop.visits SELECT n, n FROM generate_series(1, 99) n".to_owned(),
            "CREATE TABLE shop.cron_was_here (at timestamptz)".to_owned(),
            format!(
                "SET session_replication_role = replica; INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname, active) \
                 VALUES ('* * * * *', $$SELECT dblink_connect('host={address} port={job} {}')$$, '{own}', 5432, 'shop', 'postgres', 'out', false), \
                 ('* * * * *', 'INSERT INTO shop.cron_was_here VALUES (now())', '{own}', 5432, 'shop', 'postgres', 'in', false); \
                 INSERT INTO cron.job_run_details VALUES (1, -1, 1, 'shop', 'postgres', 'SELECT ''kanari-cron-password''', 'failed', 'kanari-cron-password', now(), now())",
                secret("cron")
            ),
            format!("CREATE TABLESPACE inside LOCATION '{}'", space.display()),
            "CREATE TABLE shop.in_a_tablespace (id serial PRIMARY KEY USING INDEX TABLESPACE inside, who text) TABLESPACE inside; \
             INSERT INTO shop.in_a_tablespace (who) SELECT 'Kanari Tablespace ' || n FROM generate_series(1, 200) n".to_owned(),
            "ALTER DATABASE shop SET \"app.jwt_secret\" = 'kanari-setting-secret'; ALTER ROLE shop SET \"app.api_key\" = 'kanari-setting-secret'".to_owned(),
            "ALTER DATABASE shop SET session_preload_libraries = auto_explain; ALTER ROLE admin SET local_preload_libraries = auto_explain; \
             ALTER ROLE postgres IN DATABASE shop SET log_min_messages = panic; ALTER ROLE ALL SET log_statement = 'all'".to_owned(),
            // In the WAL only.
            "BEGIN; INSERT INTO shop.sessions VALUES ('kanari-session-of-nobody', 1); PREPARE TRANSACTION 'of nobody'".to_owned(),
            "SELECT pg_switch_wal()".to_owned(),
            // Unseen by the running pg_cron.
            "SET session_replication_role = replica; UPDATE cron.job SET active = true".to_owned(),
        ] {
            ask(&self.production.superuser(), &sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
        for row in self.production.sql("SELECT count(*) FROM shop.from_far").lines() {
            assert_eq!(row, "300", "the fixture reads nothing from afar");
        }
    }

    /// Writes the configuration with which the next start springs the traps.
    fn arm(&mut self) {
        let (data, outside) = (self.production.data(), self.outside.clone());
        let passphrase = self.network.command("ssl_passphrase_command");
        let included = outside.join("conf.d");
        fs::create_dir(&included).unwrap();
        fs::write(
            included.join("more.conf"),
            "max_prepared_transactions = 20\nwal_level = logical\n",
        )
        .unwrap();
        fs::write(
            outside.join("more.conf"),
            "shared_preload_libraries = 'pg_cron'\narchive_mode = on\n",
        )
        .unwrap();
        fs::write(
            outside.join("pg_hba.conf"),
            "local all all trust\nhost all all all trust\n",
        )
        .unwrap();
        fs::write(outside.join("pg_ident.conf"), "").unwrap();
        make_certificate(&data);
        let place = |name: &str| quoted(&outside.join(name).display().to_string());
        let settings = [
            ("include", place("more.conf")),
            ("include_dir", place("conf.d")),
            ("listen_addresses", quoted(&self.production.address().to_string())),
            (
                "unix_socket_directories",
                quoted(&self.production.base().join("sock").display().to_string()),
            ),
            ("data_directory", quoted(&data.display().to_string())),
            ("hba_file", place("pg_hba.conf")),
            ("ident_file", place("pg_ident.conf")),
            ("external_pid_file", place("server.pid")),
            ("logging_collector", "on".to_owned()),
            ("log_directory", place("log")),
            ("cron.database_name", quoted("shop")),
            ("session_preload_libraries", quoted("auto_explain")),
            ("ssl", "on".to_owned()),
            (
                "ssl_passphrase_command",
                quoted(&format!("{passphrase}; echo kanari")),
            ),
            ("fsync", "off".to_owned()),
            ("dynamic_shared_memory_type", "posix".to_owned()),
        ];
        fs::write(data.join("postgresql.conf"), lines(&settings)).unwrap();
        let address = self.production.address();
        let primary = self.network.port("primary_conninfo");
        let mut command = |name| quoted(&self.network.command(name));
        let settings = [
            (
                "primary_conninfo",
                quoted(&format!(
                    "host={address} port={primary} user=repl password=kanari-standby-password"
                )),
            ),
            ("primary_slot_name", quoted("standby")),
            ("restore_command", command("restore_command")),
            ("archive_cleanup_command", command("archive_cleanup_command")),
            ("recovery_end_command", command("recovery_end_command")),
            ("archive_command", command("archive_command")),
            ("archive_library", quoted("basic_archive")),
            ("basic_archive.archive_directory", place("archive")),
            ("synchronous_standby_names", quoted("nobody")),
        ];
        fs::write(data.join("postgresql.auto.conf"), lines(&settings)).unwrap();
    }

    /// Everything that production's server writes outside of its data.
    fn traces(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for dir in [
            self.outside.clone(),
            self.outside.join("archive"),
            self.outside.join("log"),
        ] {
            found.extend(
                fs::read_dir(dir)
                    .into_iter()
                    .flatten()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        found.sort();
        found
    }

    #[track_caller]
    fn nobody_came(&self, when: &str) {
        assert_eq!(self.network.visitors(), Vec::<&str>::new(), "{when}");
    }

    /// Does with production's server what a person does, in the host's network.
    fn pg_ctl(&self, args: &[&str]) -> Ended {
        let mut command = as_postgres(&Path::new(server_programs()).join("pg_ctl"));
        command
            .arg("-D")
            .arg(self.production.data())
            .args(["-t", "60", "-l", "/dev/null"]);
        Ended::of(command.args(args).output().unwrap())
    }
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap();
    fs::write(path, before + text).unwrap();
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn lines(settings: &[(&str, String)]) -> String {
    let line = |(name, value): &(&str, String)| format!("{name} {value}");
    settings.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// A key that cannot be read without its passphrase.
fn make_certificate(data: &Path) {
    let (key, certificate) = (data.join("server.key"), data.join("server.crt"));
    let mut openssl = crate::production::program("/usr/bin/openssl");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-days",
            "2",
            "-subj",
            "/CN=shop",
            "-passout",
            "pass:kanari",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    Ended::of(openssl.output().unwrap()).ok();
    let (uid, gid) = postgres();
    for file in [&key, &certificate] {
        chown(file, Some(uid), Some(gid)).unwrap();
        set_mode(file, 0o600);
    }
}

/// Waits until `holds`, looking again and again; each look costs a round trip.
#[track_caller]
fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_branch_of_a_production_full_of_traps_acts_on_nothing_outside() {
    let trapped = Trapped::new();
    let production = &trapped.production;
    let (world_before, traces) = (production.world(), trapped.traces());
    let control = find(&[&production.root()], &trapped.secrets);
    assert_eq!(control.len(), trapped.secrets.len(), "the control: {control:?}");

    let document = production.branch("fix-42");
    trapped.nobody_came("while it was made");
    let url = url_of(&document);
    let answer = |sql: &str| ask(&url, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    every_override_is_read_back(&answer);
    assert_eq!(answer("SELECT count(*) FROM shop.customers"), "300");
    assert_eq!(
        answer("SELECT count(*), count(*) FILTER (WHERE who ~* 'k[a]nari') FROM shop.in_a_tablespace"),
        "200|0"
    );
    assert_eq!(
        answer("SELECT count(*), sum(who_called) FROM ONLY shop.visits_here"),
        "99|4950"
    );
    answer("UPDATE shop.orders SET status = 'changed'; SELECT pg_switch_wal()");
    answer("CHECKPOINT");
    nobody_reads_from_afar(&url);
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    for view in ["from_far", "from_from_far", "by_dblink"] {
        assert!(
            receipt.contains(&format!("shop.{view} was left empty")),
            "{receipt}"
        );
    }

    // The minute that pg_cron waits for comes and goes.
    answer("SELECT pg_sleep(extract(epoch FROM date_trunc('minute', now()) + interval '62 s' - now()))");
    assert_eq!(answer("SELECT count(*) FROM shop.cron_was_here"), "0");
    trapped.nobody_came("while it ran");

    production.envclone(&["stop", "fix-42"]).ok();
    assert_eq!(secrets_found(&trapped), "", "in the bytes of the branch");
    production.envclone(&["start", "fix-42"]).ok();
    every_override_is_read_back(&answer);
    let network = ["exec", "fix-42", "db", "--", "cat", "/proc/net/snmp"];
    let counted = production.envclone(&network).ok();
    assert_eq!(
        counter(&counted, "Ip", "OutNoRoutes"),
        0,
        "after a start it tried to leave"
    );
    assert_eq!(
        counter(&counted, "Tcp", "AttemptFails"),
        0,
        "after a start it tried to connect"
    );
    production.envclone(&["branch", "fix-42", "child"]).ok();
    production.envclone(&["destroy", "child", "fix-42"]).ok();
    trapped.nobody_came("in the whole life of the branch");
    assert_eq!(trapped.traces(), traces, "it wrote outside of its volume");
    assert_eq!(production.world(), world_before);

    production_falls_into_every_trap(&trapped);
}

/// The secrets of production that are in what belongs to the branch.
fn secrets_found(trapped: &Trapped) -> String {
    let production = &trapped.production;
    let places = [
        production.pool().join(".envclone"),
        production.state_dir(),
        production.run_dir(),
    ];
    let places: Vec<&Path> = places.iter().map(PathBuf::as_path).collect();
    let mut needles = trapped.secrets.clone();
    needles.push("kanari".to_owned());
    let found = find(&places, &needles);
    if found.is_empty() {
        String::new()
    } else {
        format!("{found:?}")
    }
}

/// A counter of `/proc/net/snmp`: a line of names, and a line of numbers.
fn counter(text: &str, group: &str, name: &str) -> u64 {
    let mut lines = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(of, _)| *of == group);
    let (names, numbers) = (lines.next().unwrap().1, lines.next().unwrap().1);
    let at = names.split(' ').position(|known| known == name).unwrap();
    numbers.split(' ').nth(at).unwrap().parse().unwrap()
}

fn every_override_is_read_back(answer: &dyn Fn(&str) -> String) {
    for (name, value) in [
        ("archive_mode", "off"),
        ("archive_command", "(disabled)"),
        ("archive_library", ""),
        ("archive_cleanup_command", ""),
        ("recovery_end_command", ""),
        ("restore_command", ""),
        ("primary_conninfo", ""),
        ("primary_slot_name", ""),
        ("promote_trigger_file", ""),
        ("synchronous_standby_names", ""),
        ("max_logical_replication_workers", "0"),
        ("shared_preload_libraries", ""),
        ("external_pid_file", ""),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("ssl", "off"),
        ("listen_addresses", "127.0.0.1"),
    ] {
        let sql = format!("SELECT current_setting(name), source FROM pg_settings WHERE name = '{name}'");
        assert_eq!(answer(&sql), format!("{value}|command line"), "{name}");
    }
    for (name, value) in [("session_preload_libraries", ""), ("local_preload_libraries", "")] {
        assert_eq!(answer(&format!("SHOW {name}")), value, "{name}");
    }
    for name in ["config_file", "hba_file", "ident_file"] {
        let shown = answer(&format!("SHOW {name}"));
        assert!(shown.starts_with("/run/envclone-conf/"), "{name} is {shown}");
    }
    for sql in [
        "SELECT count(*) FROM pg_subscription WHERE subenabled OR subslotname IS NOT NULL OR subconninfo ~ 'port'",
        "SELECT count(*) FROM pg_replication_slots",
        "SELECT count(*) FROM pg_prepared_xacts",
        "SELECT count(*) FROM pg_user_mapping WHERE umoptions IS NOT NULL",
        "SELECT count(*) FROM cron.job WHERE active",
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'cron|logical|wal(receiver|sender)|archiver'",
        "SELECT count(*) FROM pg_db_role_setting, unnest(setconfig) s WHERE s ~ 'secret|preload|log_min_messages'",
    ] {
        assert_eq!(answer(sql), "0", "{sql}");
    }
    assert_eq!(
        answer("SELECT count(*) FROM cron.job"),
        "2",
        "the fixture's jobs are gone"
    );
    assert_eq!(
        answer("SELECT count(*) FROM pg_subscription"),
        "2",
        "the fixture's subscriptions are gone"
    );
}

/// What was read from afar is not there, and is not read again.
fn nobody_reads_from_afar(url: &str) {
    for sql in [
        "SELECT count(*) FROM shop.far_view",
        "REFRESH MATERIALIZED VIEW shop.from_far",
        "SELECT count(*) FROM shop.from_far",
    ] {
        let said = ask(url, sql);
        assert!(said.is_err(), "{sql}: {said:?}");
    }
}

/// The control: started plainly, on the same data, in the host's network.
fn production_falls_into_every_trap(trapped: &Trapped) {
    let (production, network) = (&trapped.production, &trapped.network);
    let before = trapped.traces();
    trapped.pg_ctl(&["start"]).ok();
    network.all_come(&OF_A_PRIMARY, MINUTE);
    production.sql("SELECT pg_switch_wal()");
    let archived =
        |name: &str| fs::read_dir(trapped.outside.join(name)).is_ok_and(|entries| entries.count() > 0);
    until("nothing is archived by a library", MINUTE, || archived("archive"));
    assert!(
        archived("log") && trapped.outside.join("server.pid").is_file(),
        "no traces outside"
    );
    assert_ne!(trapped.traces(), before);
    assert_eq!(production.sql("SELECT count(*) FROM pg_replication_slots"), "2");
    assert_eq!(production.sql("SELECT count(*) FROM pg_prepared_xacts"), "1");
    let superuser = production.superuser();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| ask(&superuser, "CREATE TABLE shop.never_acknowledged ()"));
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query ~ 'never_ack'";
        until("no commit waits for a standby", MINUTE, || {
            production.sql(waiting) == "1"
        });
        trapped.pg_ctl(&["stop", "-m", "immediate"]).ok();
        waits.join().unwrap().unwrap_err();
    });

    trapped
        .pg_ctl(&["start", "-o", "-c synchronous_standby_names= -c archive_library="])
        .ok();
    production.sql("SELECT pg_switch_wal()");
    network.all_come(&["archive_command"], MINUTE);
    let far = ask(&superuser, "REFRESH MATERIALIZED VIEW shop.from_far");
    assert!(far.is_err());
    network.all_come(&["foreign table"], MINUTE);
    network.all_come(&["pg_cron"], A_TURN_OF_CRON);
    until("pg_cron writes nothing", A_TURN_OF_CRON, || {
        production.sql("SELECT count(*) FROM shop.cron_was_here") != "0"
    });
    trapped.pg_ctl(&["stop", "-m", "immediate"]).ok();

    network.forget();
    fs::write(production.data().join("standby.signal"), "").unwrap();
    trapped.pg_ctl(&["start", "-W"]).ok();
    network.all_come(&OF_A_STANDBY, MINUTE);
    until("the standby does not start", MINUTE, || {
        ask(&superuser, "CHECKPOINT").is_ok()
    });
    trapped.pg_ctl(&["promote"]).ok();
    network.all_come(&["recovery_end_command"], MINUTE);
    trapped.pg_ctl(&["stop", "-m", "immediate"]).ok();
    world::end_processes(production.base());
}
