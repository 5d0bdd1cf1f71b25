//! Branches on ZFS of a production that is written to meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::pool::LONG;
use crate::production::{Production, RULES, ask};
use crate::tank::production_on_zfs;

const TABLES: &str = "\
CREATE TABLE shop.counter (n bigint NOT NULL);
INSERT INTO shop.counter VALUES (0);
CREATE TABLE shop.steps (n bigint PRIMARY KEY, email text NOT NULL);
CREATE INDEX ON shop.steps (lower(email));
CREATE EXTENSION amcheck;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO shop;";
const BETWEEN_STEPS: Duration = Duration::from_millis(50);
/// One transaction: a number, and as many rows as that.
const STEP: &str = "\
WITH counted AS (UPDATE shop.counter SET n = n + 1 RETURNING n)
INSERT INTO shop.steps SELECT n, format('kanari.%s@shop.example', n) FROM counted;
UPDATE shop.customers SET notes = 'kanari ' || (SELECT n FROM shop.counter) WHERE id = 1 + (SELECT n FROM shop.counter) % 300;";
const STEP_RULES: &str = r#"
[db."shop.counter"]
n = { keep = "a counter" }
[db."shop.steps"]
n = { keep = "a counter" }
email = "email"
"#;

/// Takes one step after the other, and tells of each.
struct Writer {
    stop: Arc<AtomicBool>,
    steps: mpsc::Receiver<u64>,
    thread: JoinHandle<()>,
}

impl Writer {
    fn start(production: &Production) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (tell, steps) = mpsc::channel();
        let config = production.superuser();
        let thread = std::thread::spawn(move || {
            let mut client = postgres::Client::connect(&config, postgres::NoTls).unwrap();
            for step in 1.. {
                client.batch_execute(&format!("BEGIN; {STEP} COMMIT")).unwrap();
                if tell.send(step).is_err() || stopped.load(Ordering::SeqCst) {
                    return;
                }
                // The guest has one processor, and what is tested stands back behind production.
                std::thread::park_timeout(BETWEEN_STEPS);
            }
        });
        Self { stop, steps, thread }
    }

    /// How far it is now, once it took another step.
    fn goes_on(&self) -> u64 {
        let told = self.steps.try_iter().last();
        let next = self.steps.recv_timeout(LONG).unwrap();
        assert!(told.is_none_or(|told| told < next));
        next
    }

    fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}

/// Every index below `shop` has what its table has.
const SOUND: &str = "\
SELECT count(bt_index_check(index.indexrelid, true)::text) > 5
FROM pg_index index JOIN pg_class class ON class.oid = index.indexrelid
WHERE class.relkind = 'i' AND class.relnamespace = 'shop'::regnamespace";

#[test]
fn on_zfs_branches_of_a_production_that_is_written_to_are_each_of_one_moment_sound_and_masked() {
    let production = production_on_zfs();
    production.sql("ALTER SYSTEM SET fsync = on; ");
    production.sql("SELECT pg_reload_conf()");
    production.sql(TABLES);
    production.configure(&production.configuration(), &format!("{RULES}{STEP_RULES}"));
    let before = production.world();
    let writer = Writer::start(&production);
    for name in ["one", "two"] {
        let earlier = writer.goes_on();
        let document = production.branch(name);
        let later = writer.goes_on();
        assert_eq!(document["snapshot"]["atomic"], true);
        assert_eq!(document["sanitization"]["found"], 0);
        let url = document["url"].as_str().unwrap();
        let counted = ask(
            url,
            "SELECT n, (SELECT count(*) FROM shop.steps), (SELECT max(n) FROM shop.steps) FROM shop.counter",
        );
        let counted = counted.unwrap();
        let counts: Vec<u64> = counted.split('|').map(|count| count.parse().unwrap()).collect();
        assert!(
            counts[0] == counts[1] && counts[1] == counts[2],
            "{name} holds half a transaction: {counted}"
        );
        assert!(
            earlier <= counts[0] && counts[0] < later,
            "{name} is of no moment of its run: {earlier}, {counted}, {later}"
        );
        let raw = "SELECT (SELECT count(*) FROM shop.steps WHERE email ~* 'kanari'), \
                   (SELECT count(*) FROM shop.customers WHERE notes ~* 'kanari')";
        assert_eq!(ask(url, raw).unwrap(), "0|0");
        assert_eq!(ask(url, SOUND).unwrap(), "t");
        production.envclone(&["destroy", name]).ok();
    }
    writer.goes_on();
    writer.end();
    assert_eq!(production.world(), before);
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}
