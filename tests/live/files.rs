//! Directories of files: what their rules delete is gone to its last name, and what no rule speaks of is told.

use std::fs;

use crate::bad_input::refused;
use crate::branch::clone_of;
use crate::production::{Production, RULES};

/// A production whose server does not run, with empty directories and such that hold only what rules delete.
fn with_directories() -> Production {
    let production = Production::stopped(1024);
    let uploads = production.root().join("uploads");
    for directory in [
        "private/grace.hopper",
        "public/lamps/old",
        "private/ada.lovelace/letters",
    ] {
        fs::create_dir_all(uploads.join(directory)).unwrap();
    }
    fs::write(uploads.join("private/ada.lovelace/letters/1.txt"), "Dear Mary").unwrap();
    production
}

#[test]
fn directories_go_with_the_last_file_that_was_in_them_but_not_those_that_a_rule_spells_out() {
    let production = with_directories();
    let document = production.branch("fix-42");
    let uploads = clone_of(&production, "fix-42").join("uploads");
    let names = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(uploads.join(directory)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(names("private"), Vec::<String>::new());
    assert_eq!(names("public/lamps"), ["old"], "a directory that is kept went");
    assert!(
        production
            .root()
            .join("uploads/private/ada.lovelace/letters/1.txt")
            .is_file()
    );
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    assert!(
        receipt.contains("removed     uploads: 2 files of private/**"),
        "{receipt}"
    );
    assert_eq!(
        document["sanitization"]["rows"].as_u64().unwrap() % 100,
        2,
        "{document}"
    );
}

#[test]
fn an_empty_directory_that_no_rule_names_blocks() {
    let production = with_directories();
    fs::create_dir(production.root().join("uploads/barbara.liskov")).unwrap();
    let said = [
        "1 files or empty directories that no rule names",
        "barbara.liskov/",
    ];
    refused(&production, 5, &said);
}

#[test]
fn what_the_root_holds_besides_its_services_is_told() {
    let production = Production::stopped(1024);
    fs::write(production.root().join("dump.sql"), "raw").unwrap();
    fs::create_dir(production.root().join("old")).unwrap();
    let document = production.branch("fix-42");
    let told = document["sanitization"]["not_covered"].to_string();
    assert!(told.contains("where no service sees it: dump.sql, old"), "{told}");
}

#[test]
fn a_pool_inside_of_the_root_is_refused_before_anything_is_made_in_it() {
    let production = Production::stopped(1024);
    let inside = production.root().join("pool");
    fs::create_dir(&inside).unwrap();
    let line = format!("pool = {:?}", production.pool().to_str().unwrap());
    let text = production.configuration();
    let text = text.replace(&line, &format!("pool = {:?}", inside.to_str().unwrap()));
    production.configure(&text, RULES);
    refused(&production, 2, &["the pool", "lies in the root", "itself"]);
    assert_eq!(
        fs::read_dir(&inside).unwrap().count(),
        0,
        "something was made in production's root"
    );
}
