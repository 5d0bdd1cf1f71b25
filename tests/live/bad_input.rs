//! What people and hosts do wrong: each is named, with what to do about it, and leaves nothing behind.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use crate::branch::with_mount;
use crate::pool::{TestPool, make_subvolume, run};
use crate::production::{
    Ended, KEEP_RULES, Production, RULES, copy, postgres, program, server_programs, set_mode,
};
use crate::world;

const BRANCH: [&str; 3] = ["branch", "prod", "fix-42"];

/// A branch of it is refused with this code, these words, and nothing left.
#[track_caller]
pub(crate) fn refused(production: &Production, code: i32, said: &[&str]) {
    let before = production.world();
    production.envclone(&BRANCH).refused(code, said);
    assert_eq!(production.world(), before);
}

/// A production whose server does not run, for what is refused before one would matter.
fn quiet() -> Production {
    Production::stopped(1024)
}

#[test]
fn nobody_but_root_is_let_in() {
    let production = quiet();
    let binary = production.base().join("envclone");
    fs::copy(env!("CARGO_BIN_EXE_envclone"), &binary).unwrap();
    let mut command = program("/usr/bin/setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command
        .arg(&binary)
        .arg("--config")
        .arg(production.etc().join("envclone.toml"));
    let before = production.world();
    Ended::of(command.args(BRANCH).output().unwrap()).refused(3, &["needs root", "sudo"]);
    assert_eq!(production.world(), before);
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let production = quiet();
    for (program, package) in [("bwrap", "bubblewrap"), ("btrfs", "btrfs-progs")] {
        let before = production.world();
        let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(|dir| Path::new(dir).join(program));
        let place = places.iter().find(|path| path.is_file()).unwrap();
        let ended = with_mount(Path::new("/dev/null"), place, &production.command(&BRANCH));
        ended.refused(
            1,
            &[
                &format!("`{program}` is not installed"),
                &format!("apt-get install {package}"),
            ],
        );
        assert_eq!(production.world(), before, "{program}");
    }
}

#[test]
fn a_root_must_be_one_whole_subvolume_on_the_filesystem_of_the_pool() {
    let production = quiet();
    let plain = production.pool().join("plain");
    fs::create_dir_all(plain.join("db")).unwrap();
    let with_root = |root: &Path| {
        let line = format!("root = {:?}", production.root().to_str().unwrap());
        let text = production
            .configuration()
            .replace(&line, &format!("root = {:?}", root.to_str().unwrap()));
        production.configure(&text, RULES);
    };
    with_root(&plain);
    refused(
        &production,
        2,
        &["plain is not the root of a subvolume", "btrfs subvolume create"],
    );

    with_root(&production.root());
    let nested = production.root().join("uploads/nested");
    make_subvolume(&nested);
    refused(&production, 2, &["nested subvolume", "uploads/nested"]);
    run("btrfs", &["subvolume", "delete", "--", nested.to_str().unwrap()]);

    let elsewhere = TestPool::new(256);
    let other = elsewhere.path().join("prod");
    make_subvolume(&other);
    with_root(&other);
    refused(&production, 2, &["not on the same filesystem", "choose a pool"]);

    with_root(&production.pool().join("nothing"));
    let before = production.world();
    let ended = production.envclone(&BRANCH);
    assert!(
        [1, 2].contains(&ended.code) && ended.stderr.contains("/nothing"),
        "{}",
        ended.stderr
    );
    assert_eq!(production.world(), before);

    let line = format!("pool = {:?}", production.pool().to_str().unwrap());
    let text = production.configuration().replace(&line, "pool = \"/var/lib\"");
    production.configure(&text, RULES);
    refused(
        &production,
        2,
        &["/var/lib is not a btrfs filesystem", "envclone pool create"],
    );
    assert!(!Path::new("/var/lib/.envclone").exists());
}

#[test]
fn names_are_refused_before_anything_else() {
    let production = quiet();
    let before = production.world();
    let long = "a".repeat(41);
    for (name, said) in [
        ("../../x", "'.'"),
        ("Fix_42", "'F'"),
        (long.as_str(), "41 characters"),
        ("", "empty"),
        ("-x", "unexpected argument"),
        ("x-", "hyphen"),
        ("fix 42", "' '"),
        ("fix\n42", "'\\n'"),
        ("prod", "there is an environment prod already"),
    ] {
        production.envclone(&["branch", "prod", name]).refused(2, &[said]);
    }
    production
        .envclone(&["branch", "staging", "x"])
        .refused(2, &["no environment staging", "envclone list"]);
    let kind = ["branch", "prod", "x", "--type", "production"];
    production
        .envclone(&kind)
        .refused(2, &["no environment of type production"]);
    production
        .envclone(&["branch", "prod", "x", "--type", "toy"])
        .refused(2, &["toy"]);
    for command in ["destroy", "stop", "start"] {
        production
            .envclone(&[command, "prod"])
            .refused(2, &["prod is the original"]);
        production
            .envclone(&[command, "nosuch"])
            .refused(2, &["no environment nosuch"]);
        production.envclone(&[command, "../../x"]).refused(2, &["'.'"]);
    }
    assert_eq!(production.world(), before);
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_branch_stays() {
    let production = Production::new();
    production.branch("fix-42");
    refused(
        &production,
        2,
        &["there is an environment fix-42 already", "destroy it first"],
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn only_files_that_are_roots_alone_are_obeyed() {
    let production = quiet();
    let etc = production.etc();
    let key = production.state_dir().join("shop/key");
    let files = [
        etc.join("envclone.toml"),
        etc.join("sanitize/shop.toml"),
        key.clone(),
    ];
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let mode = if *file == key { 0o600 } else { 0o644 };
        for unsafe_mode in [0o666, 0o664, 0o622] {
            set_mode(file, unsafe_mode);
            refused(&production, 3, &[name, "safe"]);
        }
        set_mode(file, mode);
        chown(file, Some(65534), None).unwrap();
        refused(&production, 3, &[name, "65534"]);
        chown(file, Some(0), None).unwrap();
    }
    set_mode(&key, 0o644);
    refused(&production, 3, &["key"]);
    set_mode(&key, 0o600);
    for dir in [etc.clone(), etc.join("sanitize"), production.base().to_owned()] {
        set_mode(&dir, 0o777);
        refused(&production, 3, &[dir.to_str().unwrap(), "writable by everybody"]);
        set_mode(&dir, 0o755);
        chown(&dir, Some(65534), None).unwrap();
        refused(&production, 3, &[dir.to_str().unwrap(), "belongs to uid 65534"]);
        chown(&dir, Some(0), None).unwrap();
    }
    // By way of a link that anybody could turn.
    let open = production.base().join("open");
    fs::create_dir(&open).unwrap();
    set_mode(&open, 0o1777);
    symlink(etc.join("envclone.toml"), open.join("link.toml")).unwrap();
    let mut command = program(env!("CARGO_BIN_EXE_envclone"));
    command.arg("--config").arg(open.join("link.toml")).args(BRANCH);
    Ended::of(command.output().unwrap()).refused(3, &["open", "writable by everybody"]);
    fs::remove_file(&key).unwrap();
    let before = production.world();
    production
        .envclone(&BRANCH)
        .refused(2, &["masking key", "envclone init"]);
    assert_eq!(production.world(), before);
}

#[test]
fn mistakes_in_the_configuration_are_shown_where_they_are() {
    let production = quiet();
    let good = production.configuration();
    for (wrong, by, said) in [
        (
            "volume = \"db\"",
            "volumme = \"db\"",
            ["volumme", "envclone.toml:"].as_slice(),
        ),
        ("volume = \"db\"", "volume = 5", &["string", "^"]),
        ("engine = \"postgres\"", "engine = \"oracle\"", &["oracle", "^"]),
        ("type = \"production\"", "type = \"prod\"", &["^"]),
        ("volume = \"db\"", "volume = \"../db\"", &["../db"]),
        ("[gateway]", "[gatewayy]", &["gatewayy"]),
    ] {
        production.configure(&good.replacen(wrong, by, 1), RULES);
        refused(&production, 2, said);
    }
    fs::remove_file(production.etc().join("envclone.toml")).unwrap();
    refused(&production, 2, &["there is no configuration", "envclone init"]);
}

#[test]
fn rules_that_do_not_fit_the_database_are_refused_with_their_place() {
    let production = Production::new();
    for (wrong, by, code, said) in [
        (
            "email = \"email\"",
            "emial = \"email\"",
            2,
            ["no column \"emial\"", "shop.toml:3:1"].as_slice(),
        ),
        (
            "[db.\"shop.orders\"]",
            "[db.\"shop.ordres\"]",
            2,
            &["no table shop.ordres", "shop.orders"],
        ),
        (
            "full_name = \"name\"",
            "full_name = \"null\"",
            2,
            &["customers.full_name", "NOT NULL"],
        ),
        (
            "email = \"email\"",
            "email = { transform = \"fixed\", value = \"x\" }",
            2,
            &["customers.email", "unique"],
        ),
        (
            "line = \"null\"\n",
            "",
            5,
            &[
                "1 column is not classified",
                "db.shop.addresses.line (text)",
                "line = ",
            ],
        ),
        (
            "phone = { transform = \"phone\", country = \"FR\" }",
            "phone = { transform = \"phone\", country = \"FR\", where = \"newsletter\" }",
            5,
            &["db.shop.customers.phone", "where"],
        ),
        (
            "line = \"null\"",
            "line = \"nul\"",
            2,
            &["unknown transform \"nul\"", "null"],
        ),
        (
            "delete = [\"private/**\"]\n",
            "",
            5,
            &["private/passport.txt", "[uploads]"],
        ),
        ("[uploads]", "[downloads]", 2, &["downloads"]),
    ] {
        assert!(RULES.contains(wrong), "{wrong}");
        production.configure(&production.configuration(), &RULES.replacen(wrong, by, 1));
        refused(&production, code, said);
    }
}

#[test]
fn a_rule_for_files_that_meets_none_is_refused_where_it_is_misspelt_and_told_where_it_is_not() {
    let production = quiet();
    let with = |delete: &str| {
        let rules = RULES.replacen("delete = [\"private/**\"]", &format!("delete = [{delete}]"), 1);
        let rules = rules.replacen("\"public/**\" =", "\"**\" =", 1);
        production.configure(&production.configuration(), &rules);
    };
    // What it was to delete would be kept.
    with("\"privat/**\"");
    refused(
        &production,
        2,
        &[
            "privat/** meets no file",
            "there is no privat",
            "did you mean private?",
            "shop.toml:",
        ],
    );
    with("\"private/**\", \"public/thumbs/**\", \"*.bak\", \"cache/**\"");
    let document = production.branch("fix-42");
    let said = document["sanitization"]["not_covered"].to_string();
    for glob in ["public/thumbs/**", "*.bak", "cache/**"] {
        assert!(
            said.contains(&format!("`delete` of {glob} met no file")),
            "{said}"
        );
    }
    assert!(!said.contains("private"), "{said}");
    production.envclone(&["destroy", "fix-42"]).ok();
    // A folder that is empty today.
    fs::remove_file(production.root().join("uploads/private/passport.txt")).unwrap();
    with("\"private/**\"");
    production.branch("fix-42");
    production.envclone(&["destroy", "fix-42"]).ok();
    world::empty(&production.root().join("uploads"));
    fs::create_dir(production.root().join("uploads")).unwrap();
    production.branch("fix-42");
}

/// A server's program that takes one of its arguments for another.
fn write_forged(programs: &Path, argument: &str, other: &str) {
    let server = format!(
        "#!/bin/sh\nfor one; do shift; [ \"$one\" = \"{argument}\" ] && one=\"{other}\"; set -- \"$@\" \"$one\"; done\n\
         exec {}/postgres \"$@\"\n",
        server_programs()
    );
    fs::write(programs.join("postgres"), server).unwrap();
    set_mode(&programs.join("postgres"), 0o755);
}

#[test]
fn a_server_that_did_not_take_a_seal_is_never_published() {
    let production = Production::new();
    let programs = production.base().join("forged/bin");
    fs::create_dir_all(&programs).unwrap();
    for name in ["pg_resetwal", "psql"] {
        let own = Path::new(server_programs()).join(name);
        fs::write(
            programs.join(name),
            format!("#!/bin/sh\nexec {} \"$@\"\n", own.display()),
        )
        .unwrap();
        set_mode(&programs.join(name), 0o755);
    }
    let named = format!("user = \"shop\"\nprograms = {:?}", programs.to_str().unwrap());
    let configuration = production.configuration().replace("user = \"shop\"", &named);
    for rules in [RULES, KEEP_RULES] {
        if rules == KEEP_RULES {
            production.keep_all();
        }
        production.configure(&configuration, rules);
        // The control: it is not the place of the program.
        write_forged(&programs, "nothing", "nothing");
        production.envclone(&BRANCH).ok();
        production.envclone(&["destroy", "fix-42"]).ok();
        for (argument, other, said) in [
            (
                "restore_command=",
                "restore_command=/bin/true",
                "setting restore_command is \"/bin/true\"",
            ),
            (
                "ssl=off",
                "work_mem=5MB",
                "setting ssl is from default, not \"off\" by command line",
            ),
        ] {
            write_forged(&programs, argument, other);
            refused(&production, 1, &["service db", said, "nothing was published"]);
        }
    }
}

#[test]
fn a_server_that_does_not_start_tells_its_fatal_lines() {
    let production = quiet();
    for entry in fs::read_dir(production.data().join("pg_wal")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    refused(
        &production,
        1,
        &[
            "service db did not start",
            "could not locate a valid checkpoint record",
        ],
    );
    // Nor does one of another version, or with no data at all.
    fs::write(production.data().join("PG_VERSION"), "9.6\n").unwrap();
    refused(&production, 1, &["db", "PG_VERSION"]);
    fs::write(production.data().join("PG_VERSION"), "12\n").unwrap();
    refused(&production, 1, &["PostgreSQL 12", "14 and newer"]);
    fs::remove_file(production.data().join("PG_VERSION")).unwrap();
    refused(&production, 1, &["db", "PG_VERSION"]);
}

/// Fills a pool but for about `leave` MiB.
fn fill(pool: &Path, leave: usize) -> PathBuf {
    let filler = pool.join("filler");
    fs::create_dir(&filler).unwrap();
    let chunk = |number: usize| filler.join(number.to_string());
    let mut chunks = 0;
    let allocate = |path: &Path| {
        let made = program("/usr/bin/fallocate")
            .args(["-l", "4M"])
            .arg(path)
            .output()
            .unwrap();
        made.status.success()
    };
    while allocate(&chunk(chunks)) {
        chunks += 1;
    }
    for number in 0..=leave / 4 {
        fs::remove_file(chunk(chunks - number)).unwrap_or(());
    }
    run("sync", &["-f", pool.to_str().unwrap()]);
    filler
}

fn empty(filler: &Path) {
    for entry in fs::read_dir(filler).unwrap().flatten() {
        fs::remove_file(entry.path()).unwrap();
    }
}

#[test]
fn a_pool_without_its_reserve_takes_no_branch() {
    let production = quiet();
    let filler = fill(production.pool(), 40);
    refused(&production, 1, &["reserve", "envclone list"]);
    empty(&filler);
}

#[test]
fn a_pool_that_fills_up_while_masking_loses_nothing_but_the_branch() {
    let production = Production::with_pool(1024);
    production.sql(
        "CREATE TABLE shop.big AS SELECT repeat('kanari big ', 120) || n AS note FROM generate_series(1, 60000) n",
    );
    production.sql("ALTER TABLE shop.big OWNER TO shop");
    production.sql("CHECKPOINT");
    let rules =
        format!("{RULES}\n[db.\"shop.big\"]\nnote = {{ transform = \"text\", mode = \"scramble\" }}\n");
    let without_reserve = production
        .configuration()
        .replace("[gateway]", "reserve = 0\n[gateway]");
    production.configure(&without_reserve, &rules);
    let filler = fill(production.pool(), 80);
    let before = production.world();
    let ended = production.envclone(&BRANCH);
    assert_eq!(production.world(), before, "{}", ended.stderr);
    ended.refused(1, &["sanitize", "everything was undone"]);
    let room = ["no room", "No space left", "53100", "disk"];
    assert!(
        room.iter().any(|text| ended.stderr.contains(text)),
        "{}",
        ended.stderr
    );
    empty(&filler);
    assert_eq!(production.sql("SELECT count(*) FROM shop.big"), "60000");
    production.branch("fix-42");
}

#[test]
fn a_tablespace_outside_the_root_is_named() {
    let production = Production::new();
    let outside = production.base().join("outside");
    fs::create_dir(&outside).unwrap();
    let (uid, gid) = postgres();
    chown(&outside, Some(uid), Some(gid)).unwrap();
    production.sql(&format!(
        "CREATE TABLESPACE elsewhere LOCATION '{}'",
        outside.display()
    ));
    production.sql("CREATE TABLE shop.far (id serial) TABLESPACE elsewhere");
    production.sql("CHECKPOINT");
    let before = (production.world(), fs::read_dir(&outside).unwrap().count());
    production
        .envclone(&BRANCH)
        .refused(2, &["pg_tblspc", outside.to_str().unwrap()]);
    assert_eq!(
        (production.world(), fs::read_dir(&outside).unwrap().count()),
        before
    );
}

#[test]
fn links_in_the_data_that_leave_it_are_named_and_not_followed() {
    let production = quiet();
    let secret = production.base().join("secret");
    fs::write(&secret, "kanari of the host").unwrap();
    let link = production.data().join("base/5/99999");
    symlink(&secret, &link).unwrap();
    refused(
        &production,
        2,
        &[
            "base/5/99999",
            "put what it leads to in its place, or remove the link",
        ],
    );
    fs::remove_file(&link).unwrap();
    copy(&production.data().join("pg_wal"), &production.base().join("wal"));
    world::empty(&production.data().join("pg_wal"));
    symlink(production.base().join("wal"), production.data().join("pg_wal")).unwrap();
    refused(&production, 2, &["pg_wal"]);
    assert_eq!(fs::read_to_string(&secret).unwrap(), "kanari of the host");
}

#[test]
fn a_pool_that_is_not_mounted_is_not_taken_for_an_empty_one() {
    let production = Production::new();
    let before = production.world();
    let dead = production.envclone(&["branch", "prod", "fix-42", "--die-after-line", "9"]);
    assert_eq!(dead.code, 128 + 9, "{}", dead.stderr);
    // What lies beneath a mount point may be a directory of the same kind of filesystem.
    let bare = production.root().join("bare");
    fs::create_dir(&bare).unwrap();
    let pool = production.pool();
    let pool = pool.to_str().unwrap();
    run("mount", &["--bind", bare.to_str().unwrap(), pool]);
    let tried = production.envclone(&["destroy", "nosuch"]);
    run("umount", &[pool]);
    tried.refused(1, &[pool, "mount the pool"]);
    assert!(
        fs::read_dir(&bare).unwrap().next().is_none(),
        "something was made in it"
    );
    fs::remove_dir(&bare).unwrap();
    production
        .envclone(&["destroy", "nosuch"])
        .refused(2, &["no environment nosuch"]);
    assert_eq!(production.world(), before);
}
