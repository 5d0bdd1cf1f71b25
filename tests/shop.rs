//! The example's production for real: on Btrfs in a file, with a server of its own. Needs root.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Far from the default, so that the quickstart's production may run beside the test.
const FIRST_PORT: &str = "57432";

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    #[allow(
        clippy::disallowed_methods,
        reason = "what a person would type is what is tested"
    )]
    let mut command = Command::new(program);
    let output = command.args(arguments).envs(environment.iter().copied()).output();
    output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"))
}

fn succeed(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(program, arguments, environment);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A mounted Btrfs, and the shop on it; both gone when dropped.
struct Shop {
    scratch: TempDir,
}

impl Shop {
    fn new() -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("envclone-shop-")
            .tempdir_in("/var/tmp")
            .expect("a directory");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).expect("made passable");
        let shop = Self { scratch };
        let image = shop.place("image");
        fs::File::create(&image)
            .and_then(|file| file.set_len(2 << 30))
            .expect("an image");
        fs::create_dir(shop.pool()).expect("a mount point");
        succeed("/usr/sbin/mkfs.btrfs", &["--quiet", &image], &[]);
        succeed("/usr/bin/mount", &["-o", "loop", &image, &shop.pool()], &[]);
        shop
    }

    fn place(&self, name: &str) -> String {
        self.scratch
            .path()
            .join(name)
            .to_str()
            .expect("a plain path")
            .to_owned()
    }

    fn pool(&self) -> String {
        self.place("pool")
    }

    fn script() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/production.sh");
        path.to_str().expect("a plain path").to_owned()
    }

    fn production(&self, command: &str, rest: &[&str]) -> String {
        let run = self.place("run");
        let environment = [
            ("SHOP_RUN", run.as_str()),
            ("SHOP_PORT", FIRST_PORT),
            ("SHOP_CUSTOMERS", "200"),
        ];
        succeed(
            &Self::script(),
            &[&[command, &self.pool()], rest].concat(),
            &environment,
        )
    }

    fn ask(&self, sql: &str) -> String {
        self.production("psql", &["-Atc", sql]).trim().to_owned()
    }

    fn root(&self) -> PathBuf {
        self.scratch.path().join("pool/shop")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let run_dir = self.place("run");
        run(
            &Self::script(),
            &["down", &self.pool()],
            &[("SHOP_RUN", &run_dir)],
        );
        run("/usr/bin/umount", &[&self.pool()], &[]);
    }
}

#[test]
fn the_shop_is_believable_repeatable_and_goes_without_a_trace() {
    let shop = Shop::new();
    shop.production("up", &[]);
    shop.production("up", &[]);

    let digest = "SELECT md5(string_agg(concat_ws('|', id, email, full_name, phone, birth_date, notes, preferences), '' ORDER BY id)) FROM shop.customers";
    let first = shop.ask(digest);
    for (table, least) in [
        ("addresses", 200),
        ("orders", 400),
        ("order_lines", 800),
        ("payments", 300),
        ("sessions", 100),
        ("audit_log", 20),
    ] {
        let rows: u32 = shop
            .ask(&format!("SELECT count(*) FROM shop.{table}"))
            .parse()
            .expect("a count");
        assert!(rows >= least, "{table} has only {rows} rows");
    }
    let early = "SELECT count(*) FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id WHERE o.placed_at < c.created_at";
    assert_eq!(shop.ask(early), "0", "somebody ordered before signing up");
    let email = shop.ask("SELECT email FROM shop.customers WHERE id = 42");
    assert_eq!(
        shop.ask(&format!(
            "SELECT count(*) FROM shop.customer_revenue WHERE email = '{email}'"
        )),
        "1"
    );
    let log = fs::read_to_string(shop.root().join("db/data/log/postgresql.log")).expect("the server's log");
    assert!(
        log.contains(&email),
        "the server's log holds no personal data, which a production's does"
    );
    let files = |below: &str| {
        fs::read_dir(shop.root().join("uploads").join(below))
            .expect("a folder")
            .count()
    };
    assert_eq!(files("products"), 400);
    assert!(files("private/invoices") > 50);

    shop.production("down", &[]);
    assert!(!shop.root().exists());
    assert!(!Path::new(&shop.place("run")).exists());
    shop.production("up", &[]);
    assert_eq!(shop.ask(digest), first, "the same shop is not the same twice");
}

/// What the quickstart makes, at places of its own.
const QUICKSTART: [&str; 4] = [
    "/var/lib/envclone-quickstart",
    "/etc/envclone/shop",
    "/run/envclone-quickstart",
    "/run/envclone-shop",
];

/// The quickstart of this machine, which is taken down when dropped.
struct Quickstart {
    /// There is one of it on a machine.
    _turn: fs::File,
}

impl Quickstart {
    fn new() -> Self {
        let turn = fs::File::create("/run/lock/envclone-quickstart-test").expect("a lock");
        turn.lock().expect("locked");
        for place in QUICKSTART {
            let there = Path::new(place).exists();
            assert!(
                !there,
                "{place} is there: the test needs a machine without a quickstart; make quickstart-down"
            );
        }
        Self { _turn: turn }
    }

    fn script(name: &str) -> Output {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
        let small = [("SHOP_CUSTOMERS", "200"), ("QUICKSTART_GIB", "2")];
        run(
            path.to_str().expect("a plain path"),
            &[env!("CARGO_BIN_EXE_envclone")],
            &small,
        )
    }

    fn up() -> (String, String) {
        let output = Self::script("quickstart.sh");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{said}{told}");
        (said, told)
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        Self::script("quickstart-down.sh");
    }
}

#[test]
fn the_quickstart_shows_a_customer_twice_runs_again_and_goes_without_a_trace() {
    let quickstart = Quickstart::new();
    let etc = Path::new("/etc/envclone").exists();
    let mut seen = Vec::new();
    for again in [false, true] {
        let (said, told) = Quickstart::up();
        assert_eq!(told.contains("fix-42 is there already"), again, "{told}");
        // Name, production, branch.
        let fact = |name: &str| {
            let line = said.lines().find(|line| line.starts_with(&format!("{name:<31}")));
            let line: Vec<char> = line
                .unwrap_or_else(|| panic!("no {name} in {said}"))
                .chars()
                .collect();
            let part = |from: usize, to: usize| {
                let part: String = line[from.min(line.len())..to.min(line.len())].iter().collect();
                part.trim().to_owned()
            };
            (part(33, 73), part(75, 200))
        };
        for name in [
            "name",
            "e-mail",
            "phone",
            "street",
            "e-mail in the materialized view",
        ] {
            let (original, masked) = fact(name);
            assert!(
                !original.is_empty() && !masked.is_empty() && original != masked,
                "{name}: {said}"
            );
        }
        for name in ["id", "segment", "orders", "paid"] {
            let (original, kept) = fact(name);
            assert_eq!(original, kept, "{name}: {said}");
        }
        assert_eq!(fact("e-mail"), fact("e-mail in the materialized view"));
        assert_eq!(fact("open sessions").1, "0");
        for step in ["snapshot", "sanitize", "total"] {
            let timed = |line: &str| line.starts_with(step) && line.ends_with(" ms");
            assert!(said.lines().any(timed), "{step}: {said}");
        }
        assert!(said.contains("Both are up"), "{said}");
        seen.push(fact("e-mail"));
    }
    assert_eq!(seen[0], seen[1], "another customer, or another fake");
    for _ in 0..2 {
        let down = Quickstart::script("quickstart-down.sh");
        assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
        for place in QUICKSTART {
            assert!(!Path::new(place).exists(), "{place} is left");
        }
        assert_eq!(Path::new("/etc/envclone").exists(), etc);
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        assert!(!mounts.contains("envclone-quickstart"), "{mounts}");
        let loops = succeed(
            "/usr/sbin/losetup",
            &["--list", "--noheadings", "--output", "BACK-FILE"],
            &[],
        );
        assert!(!loops.contains("envclone-quickstart"), "{loops}");
    }
    drop(quickstart);
}
