//! What the configuration asks for is what a branch is: who may log in, whether it outlives a crash, and that nothing but the
//! file decides about data.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::branch::{login, password_of, url_of};
use crate::bytes::find;
use crate::production::{Ended, Production, RULES, ask, set_mode};
use crate::world;

#[test]
fn a_role_that_keeps_its_login_and_a_durable_branch_stay_so_through_a_crash_of_the_host() {
    let mut production = Production::new();
    let of_role = "user = \"shop\"\nkeep-login = [\"reporting\"]\ndurable = true";
    let configuration = production.configuration().replace("user = \"shop\"", of_role);
    production.configure(&configuration, RULES);
    let document = production.branch("fix-42");
    let new = password_of(&document);
    let logins = |when: &str| {
        for role in ["shop", "reporting", "admin", "postgres"] {
            let by_new = ask(&login(&document, role, &new), "SELECT current_user");
            match role {
                "shop" | "reporting" => assert_eq!(by_new.as_deref(), Ok(role), "{when}"),
                _ => assert!(by_new.is_err(), "{when}: {role} gets in"),
            }
            let old = format!("kanari-password-of-{role}");
            let by_old = ask(&login(&document, role, &old), "SELECT 1");
            assert!(by_old.is_err(), "{when}: {role} gets in as in production");
        }
    };
    logins("as it was made");
    let url = url_of(&document);
    let settings = "SELECT current_setting('fsync'), current_setting('full_page_writes')";
    assert_eq!(ask(&url, settings).unwrap(), "on|on");
    let identifier = "SELECT system_identifier FROM pg_control_system()";
    assert_eq!(
        ask(&login(&document, "shop", &new), identifier).ok(),
        Some(production.sql(identifier))
    );
    production.envclone(&["stop", "fix-42"]).ok();
    production.envclone(&["start", "fix-42"]).ok();
    logins("after a start");

    ask(&url, "CREATE TABLE shop.of_its_user AS SELECT 'kept' AS what").unwrap();
    production.stop();
    production.reboot();
    let started = production.envclone(&["start", "--all"]);
    assert!(!started.stderr.contains("went back"), "{}", started.stderr);
    started.ok();
    assert_eq!(ask(&url, "SELECT what FROM shop.of_its_user").unwrap(), "kept");
    assert_eq!(ask(&url, settings).unwrap(), "on|on");
    logins("after a crash");
    // The control: one that is not durable goes back.
    production.envclone(&["destroy", "fix-42"]).ok();
    production.configure(&production.configuration(), RULES);
    let url = url_of(&production.branch("fix-42"));
    assert_eq!(ask(&url, settings).unwrap(), "off|off");
    ask(&url, "CREATE TABLE shop.of_its_user AS SELECT 'lost' AS what").unwrap();
    production.reboot();
    let started = production.envclone(&["start", "--all"]);
    assert!(started.stderr.contains("went back"), "{}", started.stderr);
    ask(&url, "SELECT what FROM shop.of_its_user").unwrap_err();
}

/// 32 bytes that a search finds.
const KEY: &[u8; 32] = b"envclone-test-masking-key-32byte";

/// Without its padding, so that it is also found within more.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let three = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]);
        (0..=three.len()).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(three).collect()
}

/// Variables for every key of the configuration, by every name that one could hope for, but for those that exist.
fn variables() -> Vec<(String, &'static str)> {
    let full = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/valid/full.toml"),
    );
    let full = full.unwrap();
    let (mut section, mut names) = (String::new(), Vec::new());
    for line in full.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.split(']').next().unwrap().to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            let whole = format!("{section}.{key}");
            names.extend([key.to_owned(), whole]);
        }
    }
    let word = |name: String| {
        let name: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        format!("ENVCLONE_{}", name.to_ascii_uppercase())
    };
    let known = ["ENVCLONE_CONFIG", "ENVCLONE_LOCK_TIMEOUT"];
    let others = [
        "FORCE",
        "RAW",
        "UNSAFE",
        "SKIP_PROOF",
        "NO_SANITIZE",
        "KEY",
        "DEBUG",
    ];
    let names = names.into_iter().chain(others.map(str::to_owned)).map(word);
    let names = names.filter(|name| !known.contains(&name.as_str()));
    let values = ["true", "[\"development\"]", "keep", "/tmp"];
    names.zip(values.into_iter().cycle()).collect()
}

#[test]
fn the_masking_key_is_in_no_byte_of_a_branch_and_no_variable_changes_the_policy() {
    let production = Production::new();
    let key = production.state_dir().join("shop/key");
    fs::write(&key, KEY).unwrap();
    set_mode(&key, 0o600);
    let digit = |at: u8| char::from(b"0123456789abcdef"[usize::from(at)]);
    let hex: String = KEY
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    let needles = [String::from_utf8(KEY.to_vec()).unwrap(), hex, base64(KEY)];
    let plain = production.envclone(&["config", "--json"]).json();
    let document = production.branch("one");
    let email = "SELECT email FROM shop.customers WHERE id = 42";

    let variables = variables();
    assert!(variables.len() > 50, "{variables:?}");
    let with = |args: &[&str]| {
        let mut command = production.command(args);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Ended::of(command.output().unwrap()).json()
    };
    let told: Value = with(&["config", "--json"]);
    assert_eq!(told["policy"], plain["policy"]);
    assert!(told["policy"].as_str().unwrap().starts_with("sha256:"));
    let other = with(&["branch", "prod", "two", "--json"]);
    assert_eq!(other["environment"]["sanitized"], true);
    for part in ["policy", "columns", "rows", "needles", "skipped"] {
        assert_eq!(
            other["sanitization"][part], document["sanitization"][part],
            "{part}"
        );
    }
    assert_eq!(ask(&url_of(&other), email), ask(&url_of(&document), email));

    for when in ["while they run", "stopped"] {
        let places = [
            production.pool().join(".envclone"),
            production.run_dir(),
            production.state_dir(),
        ];
        let places: Vec<&Path> = places.iter().map(std::path::PathBuf::as_path).collect();
        let found = find(&places, &needles);
        let control: Vec<_> = found
            .iter()
            .map(|(needle, files)| (*needle, files.len()))
            .collect();
        assert_eq!(control, [(needles[0].as_str(), 1)], "{when}: {found:?}");
        assert!(found[needles[0].as_str()].contains(&key), "{when}: {found:?}");
        for process in world::processes_of(production.base()) {
            let about = ["cmdline", "environ"].map(|name| format!("/proc/{}/{name}", process.pid));
            for bytes in about.iter().filter_map(|path| fs::read(path).ok()) {
                let text = String::from_utf8_lossy(&bytes).to_lowercase();
                let holds = |needle: &String| text.contains(&needle.to_lowercase());
                assert!(!needles.iter().any(holds), "{when}: {}", process.command);
            }
        }
        production.envclone(&["stop", "--all"]).ok();
    }
}

#[test]
fn a_source_with_much_wal_waiting_is_asked_for_a_checkpoint_once() {
    let production = Production::new();
    let redo = "SELECT redo_lsn FROM pg_control_checkpoint()";
    let before = production.sql(redo);
    let branched = |name: &str| {
        let ended = production.envclone(&["-v", "branch", "prod", name]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stderr
    };
    let said = branched("little");
    assert!(said.contains("db: notneeded"), "{said}");
    assert_eq!(production.sql(redo), before);
    production.sql("SELECT pg_logical_emit_message(false, 'test', repeat('x', 70 << 20)) IS NOT NULL");
    let said = branched("much");
    assert!(said.contains("db: checkpointed"), "{said}");
    assert_ne!(production.sql(redo), before);
    let said = branched("again");
    assert!(said.contains("db: notneeded"), "{said}");
    production.envclone(&["destroy", "little", "much", "again"]).ok();
}
