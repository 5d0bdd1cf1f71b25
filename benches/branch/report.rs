//! The page that is written.

use crate::Sizes;
use crate::figures::{Chapter, Target, table};

const INTRODUCTION: &str = "# Benchmarks\n\nWritten by `make bench`. Every figure stands beside a control that was measured in the same \
    run, in turns with it; the ratios are what counts. Times, in small print, are this machine's and only give an idea.\n\n";

/// What was tried and did not help, or got worse, kept by hand.
pub const NOTES: &str = include_str!("notes.md");

/// The whole page, with the chapter on ZFS as it was.
pub fn write(
    facts: &[(&'static str, String)],
    load: &str,
    sizes: &Sizes,
    (chapters, zfs): (&[Chapter], Option<&str>),
) -> String {
    let mut rows: Vec<Vec<String>> = facts
        .iter()
        .map(|(what, value)| vec![(*what).to_owned(), value.clone()])
        .collect();
    rows.push(vec!["Load average as it began".to_owned(), load.to_owned()]);
    let mut text = INTRODUCTION.to_owned();
    if sizes.quick {
        text += "This was a quick run: few pairs, little data.\n\n";
    }
    text += &table(&["Machine", ""], &rows);
    let targets: Vec<&Target> = chapters.iter().flat_map(|chapter| &chapter.targets).collect();
    text += "\n## Targets\n\n";
    text += &table(
        &["What", "Target", "Measured", ""],
        &targets.iter().map(|target| line(target)).collect::<Vec<_>>(),
    );
    let missed: Vec<&str> = targets
        .iter()
        .filter(|target| !target.held)
        .map(|target| target.what.as_str())
        .collect();
    text += &match missed.len() {
        0 => "\nAll of them were met.\n\n".to_owned(),
        _ => format!("\nMissed: {}.\n\n", missed.join("; ")),
    };
    chapters.iter().for_each(|chapter| text += &chapter.text);
    if let Some(zfs) = zfs {
        text += "\n";
        text += zfs;
    }
    if !NOTES.is_empty() {
        text += "\n";
        text += NOTES;
    }
    text
}

pub fn line(target: &Target) -> Vec<String> {
    vec![
        target.what.clone(),
        target.wanted.clone(),
        target.measured.clone(),
        if target.held { "met" } else { "**missed**" }.to_owned(),
    ]
}
