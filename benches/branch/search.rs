//! Speed of the search for originals on one core, beside `grep -F` and `rg -F` with the same originals, over the same file. envclone
//! searches for each in all its forms, the others for what they are given, as it is.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use aho_corasick::AhoCorasick;
use anyhow::{Context, Result, ensure};
use envclone::sanitize::key::MaskingKey;
use envclone::sanitize::needle::{NeedleSet, Source};

use crate::figures::{Chapter, Series, Target, table};

const SIZE: usize = 256 << 20;
const NEEDLES: usize = 10_000;
const COLUMNS: usize = 8;
/// Every so many pages one of them holds an original.
const PLANTED: usize = 1 << 10;
const TURNS: usize = 3;
/// In bytes a second.
const LEAST: f64 = 1e9;

/// What is searched by whom.
struct Contest {
    originals: Vec<String>,
    set: NeedleSet,
    text: Vec<u8>,
    directory: tempfile::TempDir,
}

/// Measures, in turns.
pub fn chapter() -> Result<Chapter> {
    let contest = Contest::new()?;
    let mut rows: Vec<(&str, Series)> = vec![("`envclone`, all forms", Series::default())];
    rows.push(("aho-corasick, as they are", Series::default()));
    rows.push(("`grep -F`, as they are", Series::default()));
    let ripgrep = is_there("rg");
    if ripgrep {
        rows.push(("`rg -F`, as they are", Series::default()));
    }
    let automaton = AhoCorasick::new(&contest.originals)?;
    for _ in 0..TURNS {
        let mut turns: Vec<f64> = vec![
            contest.ours()?,
            contest.automaton(&automaton),
            contest.program("grep")?,
        ];
        if ripgrep {
            turns.push(contest.program("rg")?);
        }
        rows.iter_mut()
            .zip(turns)
            .for_each(|((_, series), seconds)| series.push(seconds));
    }
    let speed = |series: &Series| contest.bytes() / series.median();
    let ours = rows.first().map_or(0.0, |(_, series)| speed(series));
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|(what, series)| {
            vec![
                (*what).to_owned(),
                format!("{:.2} GB/s", speed(series) / 1e9),
                format!("{:.1}", ours / speed(series)),
            ]
        })
        .collect();
    let missing = if ripgrep {
        ""
    } else {
        " ripgrep is not installed here, so it is not measured."
    };
    let mut chapter = Chapter::default();
    chapter.targets.push(Target {
        what: format!("search for {NEEDLES} originals, on one core"),
        wanted: format!("≥ {:.0} GB/s", LEAST / 1e9),
        measured: format!("{:.2} GB/s", ours / 1e9),
        held: ours >= LEAST,
    });
    chapter.text = format!(
        "\n## Search for originals\n\n{NEEDLES} originals of {COLUMNS} columns (addresses, names, numbers, prose) in a file of {} MB with pages like \
         those of a masked table, one core, median of {TURNS} runs in turns. envclone searches for each original in all its forms: \
         as it is, in lower case, in JSON, URL-encoded, in UTF-16, hexadecimal, in base64 and in Latin-1. The programs read the originals \
         from a file and search for them as they are only; their start is part of the time.{missing}\n\n{}",
        contest.text.len() >> 20,
        table(&["Search", "Speed", "envclone is so many times as fast"], &lines)
    );
    Ok(chapter)
}

impl Contest {
    fn new() -> Result<Self> {
        let mut builder = NeedleSet::builder(&MaskingKey::from_bytes([1; 32]));
        let mut originals = Vec::new();
        for column in 0..COLUMNS {
            let number = builder.column(Source {
                service: "db".to_owned(),
                table: "public.customers".to_owned(),
                column: format!("c{column}"),
            });
            for row in 0..NEEDLES / COLUMNS {
                let original = original(column, row);
                builder.offer(number, &original);
                originals.push(original);
            }
        }
        let set = builder.build();
        ensure!(set.len() == NEEDLES, "{} originals are searched for", set.len());
        let text = pages(&originals);
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("pages"), &text)?;
        fs::write(directory.path().join("originals"), originals.join("\n"))?;
        Ok(Self {
            originals,
            set,
            text,
            directory,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a size in bytes is far below 2^52")]
    fn bytes(&self) -> f64 {
        self.text.len() as f64
    }

    fn planted(&self) -> usize {
        self.text.len().div_ceil(PAGE).div_ceil(PLANTED)
    }

    /// Seconds of a search through the file, as the proof reads it.
    fn ours(&self) -> Result<f64> {
        let start = Instant::now();
        let file = fs::File::open(self.directory.path().join("pages"))?;
        let scan = self.set.searcher().search(file)?;
        let took = start.elapsed();
        let found: u64 = scan.hits.iter().map(|hit| hit.count).sum();
        ensure!(found >= self.planted() as u64, "envclone found {found}");
        Ok(took.as_secs_f64())
    }

    fn automaton(&self, automaton: &AhoCorasick) -> f64 {
        let start = Instant::now();
        std::hint::black_box(automaton.find_overlapping_iter(&self.text).count());
        start.elapsed().as_secs_f64()
    }

    /// Seconds of a program that counts the lines that hold any.
    fn program(&self, program: &str) -> Result<f64> {
        let at = |name: &str| self.directory.path().join(name);
        let mut command = Command::new(program);
        command
            .args(["-c", "-a", "-F", "-f"])
            .arg(at("originals"))
            .arg(at("pages"));
        command.env("LC_ALL", "C").stdin(Stdio::null());
        if program == "rg" {
            command.args(["-j", "1", "--no-config"]);
        }
        let start = Instant::now();
        let output = command.output().with_context(|| format!("starting {program}"))?;
        let took = start.elapsed();
        let lines: usize = String::from_utf8(output.stdout)?.trim().parse()?;
        ensure!(
            (1..=self.planted()).contains(&lines),
            "{program} found {lines} lines"
        );
        Ok(took.as_secs_f64())
    }
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| Path::new(&path).join(program).is_file())
}

/// Values like those of masked columns: addresses, names, numbers, prose.
fn original(column: usize, row: usize) -> String {
    let salt = (column * 7_919 + row * 104_729) % 1_000_003;
    match column % 4 {
        0 => format!("xaver.quirinus{salt}@mail{}.test", salt % 17),
        1 => format!("Xaver{salt} Quirinus{}", salt % 1000),
        2 => format!("+49 30 {:07} {:02}", salt, salt % 97),
        _ => format!("{salt} Hauptstraße, Hinterhaus {}", salt % 13),
    }
}

const PAGE: usize = 8192;

/// Pages like those of a masked table: fakes of the same look, numbers, and free space; and a few originals.
fn pages(originals: &[String]) -> Vec<u8> {
    let mut text = Vec::with_capacity(SIZE);
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for number in 0..SIZE / PAGE {
        if number % PLANTED == 0 {
            text.extend_from_slice(originals[number % originals.len()].as_bytes());
            text.push(b'\n');
        }
        while text.len() + 200 < (number + 1) * PAGE {
            text.extend_from_slice(&random().to_le_bytes());
            let row = format!(
                "emmett.douglas.{:013x}@example.com Annabel Schneider +49 30 23125 {:03} {} Bahnhofstraße Vorderhaus\n",
                random(),
                random() % 1000,
                random() % 300,
            );
            text.extend_from_slice(row.as_bytes());
        }
        text.resize((number + 1) * PAGE, 0);
    }
    text
}
