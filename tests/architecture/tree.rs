//! The repository's own files, and what must not be in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::source::code_of;

/// A text file of the repository: its path from the root, with slashes, and its content.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Whether the file's name ends in `.extension`.
    pub(crate) fn is_a(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }
}

/// All text files, sorted by path; not what the build makes.
pub(crate) fn text_files(root: &Path) -> Vec<TextFile> {
    let mut files = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of the repository") {
            let entry = entry.expect("an entry of the repository");
            let kind = entry.file_type().expect("its type");
            let name = entry.file_name();
            if kind.is_dir() && name != ".git" && name != "target" {
                waiting.push(entry.path());
            } else if kind.is_file() && name != ".git" {
                let path = entry
                    .path()
                    .strip_prefix(root)
                    .expect("below the root")
                    .to_string_lossy()
                    .into_owned();
                if let Ok(text) = fs::read_to_string(entry.path()) {
                    files.push(TextFile { path, text });
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// What says that something is unfinished or switched off.
pub(crate) fn unfinished(path: &str, source: &str) -> Vec<String> {
    let mark = Regex::new(r"\b(?:todo|unimplemented|dbg)\s*!|#\[\s*ignore\b").expect("a valid pattern");
    let code = code_of(source);
    mark.find_iter(&code)
        .map(|m| {
            format!(
                "{path}:{}: {}",
                1 + code[..m.start()].matches('\n').count(),
                m.as_str()
            )
        })
        .collect()
}

/// Directories of the machine on which something was written, which mean nothing on another.
pub(crate) fn private_paths(path: &str, text: &str) -> Vec<String> {
    let place = Regex::new(r#"(?:^|[\s"'`(=:])(/home/[a-z][\w.-]*/|/Users/\w+/|/root/\.\w+|/work/\w+)"#)
        .expect("a valid pattern");
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        found.extend(
            place
                .captures_iter(line)
                .map(|c| format!("{path}:{}: {}", number + 1, &c[1])),
        );
    }
    found
}

/// Files below `tests/` that no test binary holds: neither a `[[test]]` entry nor a `mod` line leads to them.
pub(crate) fn forgotten_tests(manifest: &str, files: &[TextFile]) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml parses");
    let entries = manifest
        .get("test")
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut waiting: Vec<(String, bool)> = Vec::new();
    for entry in &entries {
        let text = |key| entry.get(key).and_then(toml::Value::as_str);
        let name = text("name").unwrap_or_default();
        let default = [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")];
        let paths = text("path").map_or(default.to_vec(), |path| vec![path.to_owned()]);
        waiting.extend(paths.into_iter().map(|path| (path, true)));
    }
    let mut reached = BTreeSet::new();
    while let Some((path, is_root)) = waiting.pop() {
        let Some(file) = files.iter().find(|file| file.path == path) else {
            continue;
        };
        if reached.insert(path.clone()) {
            waiting.extend(
                modules(&path, is_root, &file.text)
                    .into_iter()
                    .map(|path| (path, false)),
            );
        }
    }
    let all = files
        .iter()
        .filter(|f| f.path.starts_with("tests/") && f.is_a("rs"));
    all.map(|f| f.path.clone())
        .filter(|path| !reached.contains(path))
        .collect()
}

/// The files that the `mod name;` lines of a file may mean.
fn modules(path: &str, is_root: bool, text: &str) -> Vec<String> {
    let line =
        Regex::new(r#"(?m)^\s*(?:#\[path\s*=\s*"([^"]+)"\]\s*)?(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;"#)
            .expect("a valid pattern");
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let own = if is_root || file == "mod.rs" {
        directory.to_owned()
    } else {
        path.trim_end_matches(".rs").to_owned()
    };
    let mut paths = Vec::new();
    for found in line.captures_iter(text) {
        match found.get(1) {
            Some(explicit) => paths.push(format!("{directory}/{}", explicit.as_str())),
            None => paths.extend([
                format!("{own}/{}.rs", &found[2]),
                format!("{own}/{}/mod.rs", &found[2]),
            ]),
        }
    }
    paths
}

/// The targets of the Makefile.
pub(crate) fn make_targets(makefile: &str) -> BTreeSet<String> {
    let target = Regex::new(r"(?m)^([a-z][a-z-]*):").expect("a valid pattern");
    target.captures_iter(makefile).map(|c| c[1].to_owned()).collect()
}

/// The targets that a document tells its reader to make.
pub(crate) fn make_commands(document: &str) -> BTreeSet<String> {
    let command = Regex::new(r"(?m)(?:^|[`$#] ?)(?:sudo )?make ([a-z][a-z-]*)").expect("a valid pattern");
    command.captures_iter(document).map(|c| c[1].to_owned()).collect()
}

#[cfg(test)]
fn file(path: &str, text: &str) -> TextFile {
    TextFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn unfinished_code_is_found_and_talk_about_it_is_not() {
    assert_eq!(
        unfinished("a.rs", "fn a() {\n    todo!();\n}\n#[ignore]\n"),
        ["a.rs:2: todo!", "a.rs:4: #[ignore"]
    );
    assert_eq!(unfinished("a.rs", "// todo!()\nlet a = \"dbg!(x)\";"), [""; 0]);
}

#[test]
fn paths_of_a_private_machine_are_found() {
    let private = ["/home", "anna", "src"].join("/");
    assert_eq!(private_paths("a.md", &format!("see\n`{private}`")).len(), 1);
    assert_eq!(private_paths("a.sh", &["cd ", "work", "main"].join("/")).len(), 1);
    assert_eq!(
        private_paths("a.md", "the home page, a/work/b, /home, /root/"),
        [""; 0]
    );
}

#[test]
fn a_forgotten_test_file_is_found() {
    let manifest = "[[test]]\nname = \"a\"\n[[test]]\nname = \"b\"\npath = \"tests/b/main.rs\"\n";
    let files = [
        file(
            "tests/a.rs",
            "#[path = \"a/x.rs\"]\nmod x;\npub(crate) mod y;\n// mod z;\n",
        ),
        file("tests/a/x.rs", "mod deep;"),
        file("tests/a/x/deep.rs", ""),
        file("tests/y/mod.rs", ""),
        file("tests/z.rs", ""),
        file("tests/b/main.rs", "mod c;"),
        file("tests/b/c.rs", ""),
        file("tests/b/d.rs", ""),
    ];
    assert_eq!(
        Vec::from_iter(forgotten_tests(manifest, &files)),
        ["tests/b/d.rs", "tests/z.rs"]
    );
}

#[test]
fn make_commands_are_told_from_prose() {
    let document = "Run `make test`, or:\n\n```sh\nmake quickstart\nsudo make install\n```\nwe make sure";
    assert_eq!(
        Vec::from_iter(make_commands(document)),
        ["install", "quickstart", "test"]
    );
    assert_eq!(
        Vec::from_iter(make_targets("a-b: c ## d\n\tx:\nA = b\n.PHONY: q\n")),
        ["a-b"]
    );
}
