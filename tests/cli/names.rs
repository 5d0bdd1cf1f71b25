//! What is refused before anything is looked at: names, arguments, users that are not root.

use std::os::unix::process::CommandExt;

use crate::host::{Host, ended};

#[test]
fn names_are_checked_before_anything_else() {
    let host = Host::new();
    let long = "a".repeat(41);
    for (name, message) in [
        (
            "../../x",
            "the environment name \"../../x\" holds '.'; only a-z, 0-9 and - are allowed",
        ),
        (
            "Fix_42",
            "the environment name \"Fix_42\" holds 'F'; only a-z, 0-9 and - are allowed",
        ),
        ("", "the environment name is empty"),
        (
            long.as_str(),
            "the environment name \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" has 41 characters; at most 40 are allowed",
        ),
        (
            "fix-",
            "the environment name \"fix-\" begins or ends with a hyphen",
        ),
    ] {
        let expected = ended(2, "", &format!("error: {message}\n"));
        for args in [
            ["branch", "prod", name].as_slice(),
            &["show", name],
            &["destroy", name],
            &["stop", name],
            &["logs", name, "db"],
        ] {
            assert_eq!(host.run(args), expected, "{args:?}");
        }
    }
}

#[test]
fn a_wrong_command_line_is_usage_also_as_json() {
    let host = Host::new();
    let done = host.run(&["brnch", "prod", "fix-42"]);
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    assert!(
        done.stderr.starts_with("error: unrecognized subcommand 'brnch'"),
        "{}",
        done.stderr
    );
    assert_eq!(
        host.run(&["brnch", "--json"]),
        ended(
            2,
            "",
            "{\"error\":{\"causes\":[],\"code\":2,\"hint\":null,\"left\":[],\"message\":\"unrecognized subcommand 'brnch'\"}}\n"
        )
    );
    assert_eq!(
        host.run(&["branch", "prod", "--json"]),
        ended(
            2,
            "",
            "{\"error\":{\"causes\":[],\"code\":2,\"hint\":null,\"left\":[],\
             \"message\":\"the following required arguments were not provided: <NAME>\"}}\n"
        )
    );
    let done = host.run(&["branch", "prod", "x", "--type", "live"]);
    assert_eq!(done.code, 2);
}

#[test]
fn who_is_not_root_is_told_so() {
    let host = Host::new();
    // A copy that every user can reach.
    let copy = host.path("envclone");
    std::fs::copy(env!("CARGO_BIN_EXE_envclone"), &copy).unwrap();
    for args in [
        ["list"].as_slice(),
        &["branch", "prod", "fix-42"],
        &["pool", "remove", "/srv/pool"],
    ] {
        #[allow(
            clippy::disallowed_methods,
            reason = "exit code and both streams are what is tested"
        )]
        let mut command = std::process::Command::new(&copy);
        let output = command
            .args(args)
            .env_clear()
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap();
        assert_eq!(
            host.ended(&output),
            ended(3, "", "error: envclone needs root\nhint: run it with sudo\n"),
            "{args:?}"
        );
    }
}

#[test]
fn help_of_every_command_is_short_and_says_its_defaults() {
    let host = Host::new();
    let help = host.run(&["branch", "--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("default: development"), "{}", help.stdout);
    assert!(help.stdout.contains("[default: 0s]"), "{}", help.stdout);
    for line in help.stdout.lines() {
        assert!(!line.ends_with('.'), "{line}");
    }
    assert!(
        !host.run(&["--help"]).stdout.contains("generate"),
        "what is for developers is hidden"
    );
}
