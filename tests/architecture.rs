//! The house rules that a compiler does not check: direction of imports, files that are too long or forgotten, documents
//! that name what is not there. Each checker is tested on bad input beside it.
#![cfg(test)]

use std::path::Path;

#[path = "architecture/rooms.rs"]
mod rooms;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tree.rs"]
mod tree;

use tree::TextFile;

/// Lines of a source file without its tests.
const LONGEST_FILE: usize = 500;

/// Files that are longer, with the length that they may not exceed. This list only ever shrinks.
const RATCHET: &[(&str, usize)] = &[];

fn files() -> Vec<TextFile> {
    tree::text_files(Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn text_of(path: &str) -> String {
    let found = files().into_iter().find(|file| file.path == path);
    found.unwrap_or_else(|| panic!("{path} is missing")).text
}

fn rust_files() -> impl Iterator<Item = TextFile> {
    files().into_iter().filter(|file| file.is_a("rs"))
}

fn sources() -> impl Iterator<Item = TextFile> {
    rust_files().filter(|file| file.path.starts_with("src/"))
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn rooms_use_only_those_below_them() {
    let wrong: Vec<String> = sources()
        .flat_map(|file| rooms::wrong_imports(&file.path, &file.text))
        .collect();
    assert_none(&wrong);
}

#[test]
fn what_commands_do_names_no_engine() {
    let of_ops = |file: &TextFile| file.path.starts_with("src/ops/") && !file.path.ends_with("/proofs.rs");
    let named: Vec<String> = sources()
        .filter(of_ops)
        .flat_map(|file| rooms::named_engines(&file.path, &file.text))
        .collect();
    assert_none(&named);
}

#[test]
fn the_rooms_are_those_of_the_map() {
    let below_src = |file: TextFile| Some(file.path.strip_prefix("src/")?.split_once('/')?.0.to_owned());
    let mut found: Vec<String> = sources().filter_map(below_src).collect();
    found.dedup();
    let mut expected = rooms::ROOMS.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn every_room_says_at_its_door_what_it_is_for() {
    let silent = |file: &TextFile| file.path.ends_with("/mod.rs") && !file.text.starts_with("//! ");
    let complaints: Vec<String> = sources()
        .filter(silent)
        .map(|f| format!("{} does not open with //!", f.path))
        .collect();
    assert_none(&complaints);
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    let drawers = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];
    let odd = |file: &TextFile| file.path.split(['/', '.']).any(|part| drawers.contains(&part));
    let complaints: Vec<String> = sources()
        .filter(odd)
        .map(|f| format!("{}: name it after what it does", f.path))
        .collect();
    assert_none(&complaints);
}

#[test]
fn source_files_stay_short() {
    let mut complaints = Vec::new();
    for file in sources() {
        let lines = source::lines_without_tests(&file.text);
        let ratchet = RATCHET.iter().find(|(path, _)| *path == file.path);
        let limit = ratchet.map_or(LONGEST_FILE, |(_, limit)| *limit);
        if lines > limit {
            complaints.push(format!(
                "{}: {lines} lines without tests, at most {limit}: split it",
                file.path
            ));
        } else if ratchet.is_some() && lines <= LONGEST_FILE {
            complaints.push(format!(
                "{}: now {lines} lines: remove its entry of the ratchet",
                file.path
            ));
        }
    }
    let gone = RATCHET
        .iter()
        .filter(|(path, _)| !Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists());
    complaints.extend(gone.map(|(path, _)| format!("{path}: in the ratchet, but not in the tree")));
    assert_none(&complaints);
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let complaints: Vec<String> = rust_files()
        .flat_map(|file| tree::unfinished(&file.path, &file.text))
        .collect();
    assert_none(&complaints);
}

/// Options of `zfs` and `zpool` that take more than what is named, or what is in use, and what turns production into a clone.
fn reaching(code: &str) -> Vec<&str> {
    let reaches = |word: &&str| {
        let letters = word.strip_prefix('-').unwrap_or_default();
        let is_option = !letters.is_empty() && letters.chars().all(|letter| letter.is_ascii_alphabetic());
        *word == "promote" || is_option && letters.contains(['R', 'f', 'F'])
    };
    code.split('"').filter(reaches).collect()
}

#[test]
fn no_command_of_zfs_reaches_further_than_what_it_names() {
    assert_eq!(reaching(r#"["destroy", "-Rf", "--", name]"#), ["-Rf"]);
    assert_eq!(reaching(r#"call("promote")"#), ["promote"]);
    assert!(reaching(r#"["list", "-Hp", "-r", "-o", "name", "a-F b"]"#).is_empty());
    let of_zfs = |file: &TextFile| file.path.starts_with("src/storage/zfs");
    let complaints: Vec<String> = sources()
        .filter(of_zfs)
        .flat_map(|file| {
            let words = reaching(&file.text);
            let complaint = |word| format!("{}: {word}", file.path);
            words.into_iter().map(complaint).collect::<Vec<_>>()
        })
        .collect();
    assert_none(&complaints);
}

#[test]
fn no_test_file_is_forgotten() {
    let forgotten = tree::forgotten_tests(&text_of("Cargo.toml"), &files());
    let complaints: Vec<String> = forgotten
        .iter()
        .map(|path| format!("{path} is in no test binary"))
        .collect();
    assert_none(&complaints);
}

#[test]
fn no_file_names_a_place_on_its_authors_machine() {
    let complaints: Vec<String> = files()
        .iter()
        .flat_map(|file| tree::private_paths(&file.path, &file.text))
        .collect();
    assert_none(&complaints);
}

#[test]
fn the_map_of_the_house_names_every_room() {
    let map = text_of("ARCHITECTURE.md");
    let missing = rooms::ROOMS
        .iter()
        .filter(|room| !map.contains(&format!("`{room}/`")));
    let complaints: Vec<String> = missing
        .map(|room| format!("ARCHITECTURE.md does not name `{room}/`"))
        .collect();
    assert_none(&complaints);
}

#[test]
fn documents_name_only_what_can_be_made() {
    let targets = tree::make_targets(&text_of("Makefile"));
    let mut complaints = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.is_a("md") || file.path == ".ci/run")
    {
        let commands = tree::make_commands(&file.text);
        complaints.extend(
            commands
                .difference(&targets)
                .map(|name| format!("{}: make {name} is not there", file.path)),
        );
    }
    assert_none(&complaints);
    assert!(
        tree::make_commands(&text_of("README.md")).contains("quickstart"),
        "README.md does not say how to start"
    );
}
