//! `envclone config`, and what every command says of a configuration that it does not obey.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::host::{Host, ended};

fn configured() -> Host {
    let host = Host::new();
    host.configure(Path::new("/srv/pool"), Path::new("/srv/pool/shop"));
    host
}

#[test]
fn every_value_is_printed_with_its_origin() {
    let host = configured();
    let done = host.run(&["config"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    // Origins stand in one column, whose place depends on the length of the host's directory.
    let aligned: Vec<String> = done
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        aligned,
        [
            "# [DIR]/etc/envclone.toml",
            "environments.prod.root = \"/srv/pool/shop\" # line 11",
            "environments.prod.type = \"production\" # line 10",
            "gateway.listen = \"127.0.0.1\" # default",
            "project.name = \"shop\" # line 2",
            "sanitize.after = [] # default",
            "sanitize.key-scope = \"project\" # default",
            "# sanitize.max-write-rate # not set",
            "sanitize.packs = [] # default",
            "sanitize.raw-types = [] # default",
            "sanitize.rules = [] # default",
            "services.uploads.data = \"\" # default",
            "# services.uploads.database # not set",
            "services.uploads.durable = false # default",
            "services.uploads.engine = \"files\" # line 14",
            "services.uploads.keep-login = [] # default",
            "# services.uploads.path # not set",
            "# services.uploads.programs # not set",
            "# services.uploads.rootfs # not set",
            "# services.uploads.source # not set",
            "# services.uploads.superuser # not set",
            "# services.uploads.user # not set",
            "services.uploads.volume = \"uploads\" # line 15",
            "# storage.branch-size # not set",
            "storage.driver = \"auto\" # default",
            "storage.pool = \"/srv/pool\" # line 5",
            "storage.reserve = 10 # default",
            "storage.run = \"[DIR]/run\" # line 7",
            "storage.state = \"[DIR]/state\" # line 6",
        ]
    );
}

#[test]
fn the_json_has_settings_policy_and_files() {
    let host = configured();
    let done = host.run(&["config", "--json"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["path"], "[DIR]/etc/envclone.toml");
    assert!(document["policy"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(document["settings"].as_array().unwrap().len(), 28);
    assert_eq!(
        document["settings"][0],
        serde_json::json!({ "key": "environments.prod.root", "value": "/srv/pool/shop", "origin": { "line": 11 } })
    );
    assert_eq!(document["rules"], serde_json::json!([]));
}

#[test]
fn an_unknown_key_is_shown_with_its_line() {
    let host = configured();
    let path = host.path("etc/envclone.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("volume =", "volumme =")).unwrap();
    assert_eq!(
        host.run(&["list"]),
        ended(
            2,
            "",
            "error: [DIR]/etc/envclone.toml:15:1: unknown field `volumme`, expected one of `engine`, `volume`, `data`, \
             `path`, `database`, `user`, `source`, `durable`, `keep-login`, `programs`, `rootfs`, `superuser`\n   |\n15 | volumme = \"uploads\"\n   | ^^^^^^^\n"
        )
    );
}

#[test]
fn a_configuration_that_others_can_write_is_refused_by_every_command() {
    let host = configured();
    fs::set_permissions(host.path("etc/envclone.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let expected = "error: [DIR]/etc/envclone.toml is not safe to obey: it is writable by everybody (mode 0666); \
                    it must be root's and writable by nobody else\n";
    for args in [
        ["list"].as_slice(),
        &["branch", "prod", "fix-42"],
        &["config"],
        &["start", "--all"],
        &["destroy", "fix-42"],
        &["pool", "create", "/srv/pool", "--size", "1G"],
    ] {
        assert_eq!(host.run(args), ended(3, "", expected), "{args:?}");
    }
}

#[test]
fn a_configuration_below_a_directory_that_others_can_write_is_refused() {
    let host = configured();
    fs::set_permissions(host.path("etc"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(
        host.run(&["list"]),
        ended(
            3,
            "",
            "error: [DIR]/etc is not safe to obey: it is writable by everybody (mode 0777); \
             it must be root's and writable by nobody else\n"
        )
    );
}

#[test]
fn a_missing_configuration_says_what_writes_one() {
    let host = Host::new();
    assert_eq!(
        host.run(&["list"]),
        ended(
            2,
            "",
            "error: there is no configuration [DIR]/etc/envclone.toml; `envclone init` writes one\n"
        )
    );
}
