//! What people type to get at a branch: `url`, `connect`, `exec`, `logs`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::branch::url_of;
use crate::production::{Ended, Production, ask};
use crate::walls::{shell, with_superuser};

#[test]
fn a_command_gets_its_arguments_as_they_are_and_its_exit_status_is_envclones() {
    let production = Production::new();
    production.branch("fix-42");
    let exec = |command: &[&str]| production.envclone(&[&["exec", "fix-42", "db", "--"], command].concat());
    let said = exec(&["printf", "<%s>", "a b", "--json", "-q", "", "$HOME", "*", "--"]).ok();
    assert_eq!(said, "<a b><--json><-q><><$HOME><*><-->");
    assert_eq!(exec(&["sh", "-c", "exit 7"]).code, 7);
    assert_eq!(exec(&["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
    assert_eq!(exec(&["false"]).code, 1);
    let nothing = exec(&["no-such-program"]);
    assert!(
        nothing.code != 0 && nothing.stderr.contains("no-such-program"),
        "{nothing:?}"
    );
    // Its own error output is not envclone's, and its input is ours.
    let ended = exec(&["sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(
        with_input(&production, &["exec", "fix-42", "db", "--", "wc", "-c"], "four")
            .ok()
            .trim(),
        "4"
    );
    production
        .envclone(&["exec", "fix-42", "db"])
        .refused(2, &["required"]);
    production.envclone(&["destroy", "fix-42"]).ok();
}

fn with_input(production: &Production, args: &[&str], input: &str) -> Ended {
    let mut command = production.command(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

#[test]
fn the_client_logs_in_as_the_role_of_the_url_and_takes_statements_from_its_input() {
    let production = Production::new();
    production.branch("fix-42");
    let connect = |args: &[&str], input: &str| {
        with_input(&production, &[&["connect", "fix-42", "db"], args].concat(), input)
    };
    let said = connect(
        &["--", "-At"],
        "SELECT current_user || ' of ' || current_database();\n",
    )
    .ok();
    assert_eq!(said, "shop of shop\n");
    let failed = connect(&["--", "-v", "ON_ERROR_STOP=1"], "SELECT 1/0;\nSELECT 2;\n");
    assert_eq!((failed.code, failed.stdout.as_str()), (3, ""));
    assert!(failed.stderr.contains("division by zero"), "{}", failed.stderr);
    let two = connect(&["--", "-At", "-c", "SELECT 'a  b'", "-c", "SELECT 2"], "");
    assert_eq!(two.ok(), "a  b\n2\n");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn what_does_not_run_or_is_not_there_is_named() {
    let production = Production::new();
    let document = production.branch("fix-42");
    for args in [
        &["connect", "fix-42", "cache"][..],
        &["exec", "fix-42", "cache", "--", "true"],
        &["logs", "fix-42", "cache"],
        &["url", "fix-42", "cache"],
    ] {
        production
            .envclone(args)
            .refused(2, &["fix-42 has no service cache"]);
    }
    for args in [
        &["connect", "fix-42", "uploads"][..],
        &["exec", "fix-42", "uploads", "--", "true"],
    ] {
        production
            .envclone(args)
            .refused(2, &["uploads of fix-42 is a directory of files"]);
    }
    for args in [
        &["connect", "prod", "db"][..],
        &["exec", "prod", "db", "--", "true"],
        &["logs", "prod", "db"],
        &["url", "prod"],
    ] {
        production.envclone(args).refused(2, &["prod is the original"]);
        let unknown: Vec<&str> = args
            .iter()
            .map(|arg| if *arg == "prod" { "nosuch" } else { *arg })
            .collect();
        production
            .envclone(&unknown)
            .refused(2, &["no environment nosuch", "envclone list"]);
    }
    production.envclone(&["stop", "fix-42"]).ok();
    for args in [
        &["connect", "fix-42", "db"][..],
        &["exec", "fix-42", "db", "--", "true"],
    ] {
        production
            .envclone(args)
            .refused(1, &["fix-42 is stopped", "envclone start fix-42"]);
    }
    // What is known without its running is told.
    assert_eq!(
        production.envclone(&["url", "fix-42"]).ok().trim(),
        url_of(&document)
    );
    let log = production.envclone(&["logs", "fix-42", "db"]).ok();
    assert!(log.contains("database system is shut down"), "{log}");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn urls_come_as_one_line_as_lines_for_an_environment_and_as_a_document() {
    let production = Production::new();
    let document = production.branch("fix-42");
    let url = |args: &[&str]| production.envclone(&[&["url", "fix-42"], args].concat());
    let db = document["url"].as_str().unwrap();
    let uploads = document["services"]["uploads"]["url"].as_str().unwrap();
    assert_eq!(url(&[]).ok(), format!("{db}\n"));
    assert_eq!(url(&["db"]).ok(), format!("{db}\n"));
    assert_eq!(url(&["uploads"]).ok(), format!("{uploads}\n"));
    assert!(uploads.starts_with("file:///"), "{uploads}");
    assert_eq!(
        url(&["--format", "env"]).ok(),
        format!("DATABASE_URL={db}\nUPLOADS_URL={uploads}\n")
    );
    let all = url(&["--json"]).json();
    assert_eq!(all["url"], document["url"]);
    assert_eq!(all["services"]["uploads"], uploads);
    assert_eq!(url(&["uploads", "--json"]).json()["url"], uploads);
    url(&["--format", "yaml"]).refused(2, &["yaml"]);
    production.envclone(&["destroy", "fix-42"]).ok();
}

/// A log that is followed until a line with this text came.
fn follow(production: &Production, url: &str, text: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut follows = production.spawn(&["logs", "fix-42", "db", "-f"]);
    let mut lines = BufReader::new(follows.stdout.take().unwrap());
    ask(url, &format!("SELECT \"{text}\"")).unwrap_err();
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before {text}");
    }
    (follows, lines)
}

#[test]
fn a_log_is_followed_until_ctrl_c_across_a_stop_and_until_the_branch_is_gone() {
    let production = Production::new();
    let url = url_of(&production.branch("fix-42"));
    let (follows, _lines) = follow(&production, &url, "first");
    kill_process(Pid::from_raw(follows.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    assert_eq!(Ended::of(follows.wait_with_output().unwrap()).code, 130);

    let (follows, mut lines) = follow(&production, &url, "second");
    production.envclone(&["stop", "fix-42"]).ok();
    production.envclone(&["start", "fix-42"]).ok();
    ask(&url, "SELECT \"third\"").unwrap_err();
    production.envclone(&["destroy", "fix-42"]).ok();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut lines, &mut rest).unwrap();
    assert!(rest.contains("third"), "{rest}");
    Ended::of(follows.wait_with_output().unwrap()).ok();
}

#[test]
fn a_start_of_a_branch_whose_server_recovers_ends_when_it_lets_people_in_again() {
    let production = with_superuser();
    let url = url_of(&production.branch("fix-42"));
    ask(&url, "CREATE TABLE shop.much (n int, t text)").unwrap();
    // So much WAL that it takes a while to go through it.
    let much = "INSERT INTO shop.much SELECT n, md5(n::text) FROM generate_series(1, 1000000) n";
    ask(&url, much).unwrap();
    let begun = ask(&url, "SELECT pg_postmaster_start_time()").unwrap();
    let _ = ask(&url, "COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'");
    crate::kill::until("the recovery", || ask(&url, "SELECT 1").is_err());
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.much").unwrap(), "1000000");
    let still = ask(&url, "SELECT pg_postmaster_start_time()").unwrap();
    assert_eq!(still, begun, "it was started anew");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn who_kills_the_server_cannot_take_its_place() {
    let production = with_superuser();
    let url = url_of(&production.branch("fix-42"));
    let data = production.data();
    // It waits for the port, and asks whoever comes for the password in clear text.
    let liar = "perl -MSocket -e '$SIG{HUP} = $SIG{TERM} = \"IGNORE\"; open(my $f, \">\", \"heard\"); $f->autoflush; print $f \"waits\\n\"; \
        socket(my $s, AF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); \
        1 until bind($s, pack_sockaddr_in(PORT, INADDR_ANY)); listen($s, 5); print $f \"listens\\n\"; \
        while (accept(my $c, $s)) { sysread($c, my $b, 1000); syswrite($c, \"R\\0\\0\\0\\10\\0\\0\\0\\3\"); sysread($c, $b, 1000); print $f \"heard $b\\n\" }'";
    let port = shell(&url, "echo $PGPORT");
    let port = if port.is_empty() {
        ask(&url, "SHOW port").unwrap()
    } else {
        port
    };
    let liar = liar.replace("PORT", &port);
    let begun = format!(
        "cd {} && (setsid {liar} </dev/null >/dev/null 2>&1 &) ; until grep -qs waits heard; do :; done; echo begun",
        data.display()
    );
    assert_eq!(shell(&url, &begun), "begun");
    // Its own session may end before it is answered, or after.
    let _ = ask(&url, "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; kill -9 2'");
    let heard = production
        .pool()
        .join(".envclone/env/shop/fix-42/clone/db/data/heard");
    // It ends with the server, a moment later, in which it may have got the port; nobody comes to it.
    let nobody_came = || !std::fs::read_to_string(&heard).unwrap().contains("heard");
    crate::kill::until("the end of the server", || {
        production.envclone(&["show", "fix-42"]).ok();
        // While it ends an `exec` may find it half gone.
        let ended = production.envclone(&["exec", "fix-42", "db", "--", "true"]);
        ended.code == 1 && ended.stderr.contains("is stopped")
    });
    assert!(nobody_came());
    production
        .envclone(&["exec", "fix-42", "db", "--", "true"])
        .refused(1, &["is stopped", "envclone start fix-42"]);
    // The state that a crash of the server leaves is one that a start mends.
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    assert!(nobody_came());
    production.envclone(&["destroy", "fix-42"]).ok();
}
