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
