//! Completions and manual pages are generated from the command line and checked in.

use std::fs;
use std::path::Path;

use crate::host::Host;

#[test]
fn completions_and_manual_pages_are_those_of_the_command_line() {
    let host = Host::new();
    let target = host.path("generated");
    let done = host.run(&["generate", target.to_str().unwrap()]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    for directory in ["completions", "man"] {
        let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let mut there: Vec<String> = fs::read_dir(&checked_in)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let names = host.names(&format!("generated/{directory}"));
        assert_eq!(there, names, "other files; run: cargo run -- generate .");
        for name in names {
            let (fresh, old) = (target.join(directory).join(&name), checked_in.join(&name));
            assert!(
                fs::read(fresh).unwrap() == fs::read(old).unwrap(),
                "{directory}/{name} is out of date; run: cargo run -- generate ."
            );
        }
    }
}

#[test]
fn the_page_on_transforms_is_that_of_the_code() {
    let host = Host::new();
    let target = host.path("generated");
    let done = host.run(&["generate", target.to_str().unwrap()]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/transforms.md");
    assert!(
        fs::read(target.join("docs/transforms.md")).unwrap() == fs::read(checked_in).unwrap(),
        "docs/transforms.md is out of date; run: cargo run -- generate ."
    );
}

#[test]
fn transforms_are_listed_and_explained_without_a_configuration() {
    let host = Host::new();
    let list = host.run(&["sanitize", "explain"]);
    assert_eq!((list.code, list.stderr.as_str()), (0, ""));
    assert!(
        list.stdout.lines().count() > 10 && list.stdout.contains("\nnull "),
        "{}",
        list.stdout
    );
    let one = host.run(&["sanitize", "explain", "email"]);
    assert!(
        one.stdout.starts_with("email: ") && one.stdout.contains("domain"),
        "{}",
        one.stdout
    );
    let document: serde_json::Value =
        serde_json::from_str(&host.run(&["--json", "sanitize", "explain", "uuid"]).stdout).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["transform"]["name"], "uuid");
    assert_eq!(document["transform"]["uniqueness"], "preserved");
    let all: serde_json::Value =
        serde_json::from_str(&host.run(&["--json", "sanitize", "explain"]).stdout).unwrap();
    assert_eq!(
        all["transforms"].as_array().unwrap().len(),
        list.stdout.lines().count()
    );
    let unknown = host.run(&["sanitize", "explain", "emial"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (
            2,
            "error: there is no transform \"emial\"; did you mean \"email\"?\n"
        )
    );
}

#[test]
fn completions_and_pages_are_printed() {
    let host = Host::new();
    for (shell, begin) in [
        ("bash", "_envclone() {"),
        ("zsh", "#compdef envclone"),
        ("fish", "# Print"),
    ] {
        let done = host.run(&["completions", shell]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{shell}");
        assert!(done.stdout.starts_with(begin), "{}", &done.stdout[..80]);
    }
    assert!(host.run(&["man"]).stdout.contains(".TH envclone 1"));
    assert!(
        host.run(&["man", "pool", "create"])
            .stdout
            .contains(".TH envclone-pool-create 1")
    );
    let unknown = host.run(&["man", "brnch"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (2, "error: there is no command brnch\n")
    );
}
