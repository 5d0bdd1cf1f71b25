//! `make install` and `make uninstall`, into a directory of the test's own.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run_script(name: &str, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    #[allow(clippy::disallowed_methods, reason = "the script itself is what is tested")]
    let output = Command::new(script)
        .args(arguments)
        .output()
        .expect("the script runs");
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            found.extend(files_below(&entry));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    found
}

const PLACES: [&str; 5] = [
    "/opt/e/bin",
    "/opt/e/share/man/man1",
    "/opt/e/share",
    "/opt/e/lib/systemd/system",
    "/etc/cron.d",
];

#[test]
fn what_is_installed_is_removed_again_and_nothing_else() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dest = scratch.path().to_str().expect("a plain path");
    let binary = scratch.path().join("built");
    fs::write(&binary, "#!/bin/sh\n").expect("written");
    let foreign = scratch.path().join("opt/e/bin/other");
    fs::create_dir_all(foreign.parent().expect("a parent")).expect("made");
    fs::write(&foreign, "not ours").expect("written");
    let before = files_below(scratch.path());

    let built = binary.to_str().expect("a plain path");
    run_script("install.sh", &[&[built, dest], PLACES.as_slice()].concat());

    let installed = scratch.path().join("opt/e/bin/envclone");
    assert!(installed.exists());
    for path in ["opt/e/lib/systemd/system/envclone.service", "etc/cron.d/envclone"] {
        let text = fs::read_to_string(scratch.path().join(path)).expect("installed");
        assert!(
            text.contains("/opt/e/bin/envclone --quiet start --all"),
            "{path} starts another binary:\n{text}"
        );
        assert!(!text.contains("/usr/local/bin"), "{path} names the default place");
    }

    run_script("uninstall.sh", &[&[dest], PLACES.as_slice()].concat());
    assert_eq!(files_below(scratch.path()), before);
}
