//! What `list` and `show` cost, beside a program that does nothing.

use anyhow::Result;

use crate::Sizes;
use crate::figures::{Chapter, Series, Target, table};
use crate::host::{program, run, timed};
use crate::pgbench;
use crate::production::{Branches, Place, Production};

const MOST_MS: f64 = 20.0;

pub fn measure(place: &Place, sizes: &Sizes) -> Result<Chapter> {
    eprintln!("list and show");
    let production = Production::new(place, "commands", pgbench::RULES, |production| {
        pgbench::fill(production, 1)
    })?;
    let mut branches = Branches::of(&production);
    for number in 0..3 {
        branches.make(&format!("b{number}"))?;
    }
    let mut nothing = Series::default();
    let commands: [&[&str]; 3] = [&["list"], &["list", "--json"], &["show", "b1"]];
    let mut ours: [Series; 3] = Default::default();
    for _ in 0..sizes.commands {
        nothing.push(timed(|| run(&mut program("/bin/true")))?.0);
        for (command, series) in commands.iter().zip(&mut ours) {
            series.push(timed(|| run(&mut production.envclone(command)))?.0);
        }
    }
    branches.destroy_all()?;
    let mut chapter = Chapter::default();
    let ms = |series: &Series| format!("{:.1} ms", series.median() * 1000.0);
    let mut lines = Vec::new();
    for (command, series) in commands.iter().zip(&ours) {
        let command = format!("`envclone {}`", command.join(" "));
        chapter.targets.push(Target {
            what: command.clone(),
            wanted: format!("< {MOST_MS} ms"),
            measured: ms(series),
            held: series.median() * 1000.0 < MOST_MS,
        });
        lines.push(vec![
            command,
            ms(series),
            format!("{:.1}", series.median() / nothing.median()),
        ]);
    }
    lines.push(vec!["`true`".to_owned(), ms(&nothing), "1.0".to_owned()]);
    chapter.text = format!(
        "\n## Commands that only read\n\nA project with three branches that run; median of {} runs, the start of the process \
         included.\n\n{}",
        sizes.commands,
        table(&["Command", "Time", "Times `true`"], &lines)
    );
    Ok(chapter)
}
