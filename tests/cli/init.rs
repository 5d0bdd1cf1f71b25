//! `envclone init`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::host::{Host, ended};
use crate::production::Production;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_production_that_runs_is_found_below_its_root_and_can_be_scanned_at_once() {
    let production = Production::new();
    let (etc, state) = (production.etc(), production.state_dir());
    for file in [
        etc.join("envclone.toml"),
        etc.join("sanitize/shop.toml"),
        state.join("shop/key"),
    ] {
        fs::remove_file(file).unwrap();
    }
    let before = production.world();
    let (root, run) = (production.root(), production.run_dir());
    let init = [
        "init",
        "--root",
        root.to_str().unwrap(),
        "--state",
        state.to_str().unwrap(),
        "--run",
        run.to_str().unwrap(),
    ];
    let report = production
        .envclone(&[init.as_slice(), &["--json"]].concat())
        .json();
    let key = state.join("shop/key");
    let file = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    assert_eq!(
        report["written"],
        serde_json::json!([
            file(&etc.join("sanitize/rules.toml")),
            file(&key),
            file(&etc.join("envclone.toml"))
        ])
    );
    assert_eq!(report["services"], serde_json::json!(["db", "uploads"]));
    assert_eq!((mode(&key), mode(&etc.join("envclone.toml"))), (0o600, 0o644));
    assert_eq!(fs::metadata(&key).unwrap().len(), 32);

    let text = fs::read_to_string(etc.join("envclone.toml")).unwrap();
    let without_comments: Vec<&str> = text
        .lines()
        .map(|line| line.split("  # ").next().unwrap())
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let base = production.base().to_str().unwrap();
    let expected = format!(
        r#"[project]
name = "shop"
[storage]
pool = "{pool}"
state = "{base}/state"
run = "{base}/run"
[environments.prod]
type = "production"
root = "{pool}/prod"
[services.db]
engine = "postgres"
volume = "db"
data = "data"
database = "shop"
user = "shop"
source = "postgres:///shop?host={base}/sock&port=5432"
[services.uploads]
engine = "files"
volume = "uploads"
[sanitize]
rules = ["sanitize/*.toml"]"#,
        pool = production.pool().display()
    );
    assert_eq!(without_comments.join("\n"), expected);
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    let first = etc.join("sanitize/first.toml");
    let scanned = production
        .envclone(&["sanitize", "scan", "--write", first.to_str().unwrap()])
        .ok();
    assert!(scanned.contains("db.shop.customers.email"), "{scanned}");
    let refused = production.envclone(&["sanitize", "check"]);
    refused.refused(5, &["db.shop.customers.segment (text)"]);

    let again = production.envclone(&init);
    again.refused(2, &["etc/envclone.toml exists already; it was left alone"]);
    let kept = fs::read(&key).unwrap();
    fs::remove_file(etc.join("envclone.toml")).unwrap();
    let said = production.envclone(&init).ok();
    assert!(said.contains(&format!("kept: {}\n", key.display())), "{said}");
    assert_eq!(fs::read(&key).unwrap(), kept);
    let made = [format!("file {}", key.display())];
    let after: Vec<String> = production
        .world()
        .into_iter()
        .filter(|one| !made.contains(one))
        .collect();
    assert_eq!(after, before);
}

#[test]
fn with_nothing_found_the_file_is_an_example_that_loads() {
    let host = Host::new();
    let (root, state, run) = (host.path("pool/shop"), host.path("state"), host.path("run"));
    let done = host.run(&[
        "init",
        "--project",
        "web",
        "--pool",
        host.path("pool").to_str().unwrap(),
        "--root",
        root.to_str().unwrap(),
        "--state",
        state.to_str().unwrap(),
        "--run",
        run.to_str().unwrap(),
    ]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (
            0,
            "written: [DIR]/etc/sanitize/rules.toml\nwritten: [DIR]/state/web/key\nwritten: [DIR]/etc/envclone.toml\n"
        )
    );
    assert!(
        done.stderr
            .contains("note: [DIR]/pool/shop holds no service yet: the one below is an example\n"),
        "{}",
        done.stderr
    );
    let config = host.run(&["config"]);
    assert_eq!(config.code, 0, "{}", config.stderr);
    assert!(
        config.stdout.contains("services.db.volume = \"db\""),
        "{}",
        config.stdout
    );
    assert_eq!(host.run(&["list"]).code, 0);
}

#[test]
fn nothing_is_written_where_others_could_change_it() {
    let host = Host::new();
    fs::create_dir(host.path("etc")).unwrap();
    fs::set_permissions(host.path("etc"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(
        host.run(&[
            "init",
            "--root",
            "/srv/none",
            "--state",
            host.path("state").to_str().unwrap()
        ]),
        ended(
            3,
            "",
            "error: [DIR]/etc is not a safe place: it is writable by everybody (mode 0777)\n"
        )
    );
    assert_eq!(host.names(""), ["etc"]);
    assert_eq!(host.names("etc"), [""; 0]);
    assert_eq!(
        host.run(&["init", "--project", "My_Shop"]).code,
        2,
        "a name that cannot be one"
    );
}
