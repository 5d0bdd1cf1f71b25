//! A production whose server runs from an unpacked root file system, and branches of it.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use crate::branch::{originals, url_of};
use crate::production::{Ended, Production, RULES, ask, postgres, rootfs, set_mode};
use crate::versions::{holds_none, is_sanitized, only_its_own_password_opens_it};

const CUSTOMERS: &str = "SELECT count(*) FROM shop.customers WHERE email !~* 'kanari'";

#[test]
fn a_production_from_a_root_file_system_is_branched_whole() {
    let production = Production::from_rootfs();
    let needles = originals(&production);
    let before = production.world();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    let line = format!("services.db.rootfs = {:?}", rootfs().display().to_string());
    let configuration = production.envclone(&["config"]).ok();
    assert!(configuration.contains(&line), "{configuration}");
    production.envclone(&["sanitize", "check"]).ok();
    assert_eq!(production.world(), before);

    let made = production.envclone(&["-v", "branch", "prod", "fix-42", "--json"]);
    // Its own client has asked the source.
    assert!(made.stderr.contains("db: notneeded"), "{}", made.stderr);
    let document = made.json();
    is_sanitized(&document, 17);
    only_its_own_password_opens_it(&document);
    holds_none(&production, &needles, "while it runs");
    let url = url_of(&document);
    let printed = production.envclone(&["url", "fix-42", "db"]).ok();
    assert_eq!(ask(printed.trim(), CUSTOMERS).as_deref(), Ok("300"));
    let inside = |args: &[&str]| {
        production
            .envclone(&[&["exec", "fix-42", "db", "--"], args].concat())
            .ok()
    };
    assert!(inside(&["cat", "/usr/lib/os-release"]).contains("VERSION_CODENAME=trixie"));
    assert_eq!(inside(&["id", "-un"]), "postgres\n");
    let client = ["connect", "fix-42", "db", "--", "-At", "-c", CUSTOMERS];
    assert_eq!(production.envclone(&client).ok(), "300\n");
    let client = ["connect", "fix-42", "db", "--", "--version"];
    assert!(
        production
            .envclone(&client)
            .ok()
            .starts_with("psql (PostgreSQL) 17.")
    );
    let log = production.envclone(&["logs", "fix-42", "db"]).ok();
    assert!(log.contains("password authentication failed"), "{log}");

    ask(&url, "CREATE TABLE shop.mine AS SELECT 1 AS n").unwrap();
    let child = production
        .envclone(&["branch", "fix-42", "child", "--json"])
        .json();
    assert_eq!(
        ask(&url_of(&child), "SELECT n FROM shop.mine").as_deref(),
        Ok("1")
    );
    production.envclone(&["destroy", "child"]).ok();
    production.envclone(&["stop", "fix-42"]).ok();
    assert!(ask(&url, "SELECT 1").is_err(), "a stopped branch answers");
    holds_none(&production, &needles, "after a stop");

    // Where the image lies now is for the configuration to say; without one the branch stays as it is.
    let moved = production.base().join("image");
    let elsewhere = production
        .configuration()
        .replace(rootfs().to_str().unwrap(), moved.to_str().unwrap());
    production.configure(&elsewhere, RULES);
    let none = [
        "there is no root file system",
        "correct `rootfs`",
        moved.to_str().unwrap(),
    ];
    production.envclone(&["start", "fix-42"]).refused(2, &none);
    let without = elsewhere
        .lines()
        .filter(|line| !line.starts_with("rootfs"))
        .collect::<Vec<_>>()
        .join("\n");
    production.configure(&without, RULES);
    production
        .envclone(&["start", "fix-42"])
        .refused(1, &["PostgreSQL 17 are not installed"]);
    production.configure(&elsewhere, RULES);
    symlink(rootfs(), &moved).unwrap();
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT n FROM shop.mine").as_deref(), Ok("1"));
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

/// Root file systems that do not serve, below a directory of a test.
struct Images(PathBuf);

impl Images {
    /// One with the tools that sandboxes need, all of them by name only.
    fn make(&self, name: &str) -> PathBuf {
        let image = self.0.join(name);
        for tool in ["setpriv", "setsid", "ionice"] {
            executable(&image.join("usr/bin").join(tool), b"");
        }
        fs::create_dir(image.join("etc")).unwrap();
        image
    }

    /// One with a server that begins with these bytes.
    fn with_server(&self, name: &str, major: u32, bytes: &[u8]) -> PathBuf {
        let image = self.make(name);
        for program in ["postgres", "pg_resetwal", "psql"] {
            executable(
                &image.join(format!("usr/lib/postgresql/{major}/bin/{program}")),
                bytes,
            );
        }
        image
    }
}

fn executable(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    set_mode(path, 0o755);
}

#[test]
fn a_root_file_system_that_does_not_serve_is_refused_by_name_before_anything_is_made() {
    let production = Production::new();
    let major = 15;
    let before = production.world();
    let images = Images(production.base().join("images"));
    let configured = |rootfs: &Path, more: &str| {
        let lines = format!("data = \"data\"\nrootfs = {rootfs:?}\n{more}");
        let configuration = production.configuration().replace("data = \"data\"", &lines);
        production.configure(&configuration, RULES);
    };
    let refused = |rootfs: &Path, code: i32, said: &[&str]| {
        configured(rootfs, "");
        let said = [said, &[rootfs.to_str().unwrap()]].concat();
        for args in [
            &["branch", "prod", "fix-42"][..],
            &["branch", "prod", "fix-42", "--dry-run"],
            &["sanitize", "check"],
        ] {
            production.envclone(args).refused(code, &said);
        }
        assert_eq!(production.world(), before, "{said:?}");
    };
    refused(
        Path::new("/nowhere/at-all"),
        2,
        &["there is no root file system", "correct `rootfs`"],
    );
    let image = images.make("file");
    fs::write(image.join("tar"), "").unwrap();
    refused(
        &image.join("tar"),
        2,
        &["it is no directory: unpack a root file system"],
    );
    refused(&image.join("usr"), 2, &["there is no usr in it"]);
    let image = images.make("linked");
    fs::rename(image.join("usr"), image.join("other")).unwrap();
    symlink("/usr", image.join("usr")).unwrap();
    refused(&image, 2, &["its usr is no directory"]);
    let image = images.make("bare");
    fs::remove_file(image.join("usr/bin/setpriv")).unwrap();
    symlink("/../usr/bin/setpriv", image.join("usr/bin/setpriv")).unwrap();
    refused(
        &image,
        2,
        &["no /usr/bin/setpriv in the root file system: install util-linux"],
    );
    let no_server = "no /usr/lib/postgresql/15/bin/postgres in the root file system: install postgresql-15";
    refused(&images.make("serverless"), 2, &[no_server]);
    let own = fs::read("/proc/self/exe").unwrap();
    let mut foreign = own[..64].to_vec();
    foreign[18] ^= 0xff;
    for (name, bytes) in [
        ("foreign", foreign.as_slice()),
        ("script", b"#!/bin/sh\necho 15\n"),
    ] {
        let image = images.with_server(name, major, bytes);
        refused(
            &image,
            2,
            &["is no program for this machine (x86_64): unpack one of this architecture"],
        );
    }
    let other = "the data is of PostgreSQL 15, the root file system holds 17";
    refused(&rootfs(), 2, &[other]);
    configured(&rootfs(), "programs = \"/usr/lib/postgresql/17/bin\"");
    let wrong = "the data is of PostgreSQL 15, the server in /usr/lib/postgresql/17/bin is of 17";
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(2, &[wrong]);
    // Whoever could put something else there would be obeyed by root.
    let image = images.with_server("foreign-owner", major, b"");
    chown(image.join("usr/bin/setpriv"), Some(postgres().0), None).unwrap();
    refused(
        &image,
        3,
        &["usr/bin/setpriv is not safe to obey: it belongs to uid"],
    );

    // What else reads the configuration goes on, and says what is wrong.
    configured(Path::new("/nowhere/at-all"), "");
    production.envclone(&["list"]).ok();
    let said = production.envclone(&["doctor"]);
    assert_eq!(said.code, 1);
    assert!(
        said.stdout.starts_with("server db: ") && said.stdout.contains("there is no root file system"),
        "{}",
        said.stdout
    );
    assert_eq!(production.world(), before);
}

#[test]
fn init_says_how_to_serve_data_of_a_version_that_this_host_has_not() {
    let programs = rootfs().join("usr/lib/postgresql/17/bin");
    let mut production = Production::served_by(&programs);
    production.stop();
    for file in ["envclone.toml", "sanitize/shop.toml"] {
        fs::remove_file(production.etc().join(file)).unwrap();
    }
    let places = [
        production.root(),
        production.base().join("other-state"),
        production.run_dir(),
    ];
    let [root, state, run] = places.each_ref().map(|place| place.to_str().unwrap());
    let init: Ended = production.envclone(&["init", "--root", root, "--state", state, "--run", run]);
    init.ok();
    let path = production.etc().join("envclone.toml");
    let text = fs::read_to_string(&path).unwrap();
    let said = "# This host has no PostgreSQL 17: install postgresql-17, or unpack a root file system";
    assert!(text.contains(said), "{text}");
    // As it says, with the place of the image that there is.
    let line = "# rootfs = \"/srv/images/postgresql-17\"";
    let rootfs = format!("rootfs = {:?}", rootfs().display().to_string());
    let text = text
        .replace(line, &rootfs)
        .replace("# database = ", "database = ");
    fs::write(&path, text).unwrap();
    let scanned = production.envclone(&["sanitize", "scan", "--json"]);
    assert!(scanned.json().to_string().contains("shop.customers"));
}
