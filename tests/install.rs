//! `make install` and `make uninstall`, into a directory of the test's own.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
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

    let names = |directory: &str| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        files_below(&here)
            .into_iter()
            .map(|path| path.file_name().expect("a name").to_owned())
    };
    // Whatever the tree holds of them, and nothing else.
    let pages: Vec<_> = names("man").collect();
    assert!(pages.len() > 20, "{pages:?}");
    let mut expected: Vec<PathBuf> = pages
        .iter()
        .map(|page| Path::new("share/man/man1").join(page))
        .collect();
    assert_eq!(names("completions").count(), 3);
    expected.extend(
        [
            "bin/envclone",
            "share/bash-completion/completions/envclone",
            "share/zsh/site-functions/_envclone",
            "share/fish/vendor_completions.d/envclone.fish",
            "lib/systemd/system/envclone.service",
        ]
        .map(PathBuf::from),
    );
    let below = scratch.path().join("opt/e");
    let mut expected: Vec<PathBuf> = expected.into_iter().map(|path| below.join(path)).collect();
    expected.push(scratch.path().join("etc/cron.d/envclone"));
    expected.extend(before.iter().cloned());
    expected.sort();
    assert_eq!(files_below(scratch.path()), expected);
    for (installed, source) in [
        (
            below.join("share/man/man1/envclone-branch.1"),
            "man/envclone-branch.1",
        ),
        (
            below.join("share/bash-completion/completions/envclone"),
            "completions/envclone.bash",
        ),
        (
            below.join("share/zsh/site-functions/_envclone"),
            "completions/_envclone",
        ),
        (
            below.join("share/fish/vendor_completions.d/envclone.fish"),
            "completions/envclone.fish",
        ),
    ] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        assert_eq!(
            fs::read(installed).expect("installed"),
            fs::read(source).expect("there")
        );
    }
    let mode = |path: &Path| fs::metadata(path).expect("installed").permissions().mode() & 0o777;
    assert_eq!(mode(&below.join("bin/envclone")), 0o755);
    assert_eq!(
        mode(&scratch.path().join("etc/cron.d/envclone")),
        0o644,
        "cron takes no other"
    );
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
