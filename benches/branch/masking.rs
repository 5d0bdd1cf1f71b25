//! Masking of a table beside one `UPDATE` of the same columns, and the memory that it takes.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Sizes;
use crate::figures::{Chapter, Series, Target, ratio, table};
use crate::greenmask;
use crate::host::{program, run, timed};
use crate::piped;
use crate::production::{Bare, Place, Production};

const TIMES_AS_FAST: f64 = 5.0;
const TIMES_AS_FAST_AS_GREENMASK: f64 = 6.0;
const MOST_MEMORY_MB: f64 = 100.0;
/// The word with which this program runs another one and tells how much memory it took.
pub const MEASURE: &str = "--measure-memory";

const RULES: &str = r#"
[db."public.people"]
email = "email"
first_name = { transform = "name", part = "first" }
last_name = { transform = "name", part = "last" }
full_name = "name"
phone = { transform = "phone", country = "FR" }
code = "hmac"
notes = { transform = "text", mode = "scramble" }
"#;

const TABLE: &str = "CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, first_name text, \
    last_name text, full_name text, phone text, code text NOT NULL, notes text, active boolean NOT NULL DEFAULT true)";
const INDEXES: &str = "CREATE UNIQUE INDEX ON people (email); CREATE UNIQUE INDEX ON people (code); \
    CREATE INDEX ON people (last_name, first_name)";

/// What the instance that sanitizes runs with, for an `UPDATE` that has no disadvantage by its settings.
const TUNED: [&str; 11] = [
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "wal_skip_threshold=0",
    "wal_recycle=off",
    "wal_init_zero=off",
    "max_wal_size=16GB",
    "autovacuum=off",
    "synchronous_commit=off",
    "maintenance_work_mem=256MB",
];

const UPDATE: &str = "UPDATE people SET email = md5('k' || email) || '@example.com', first_name = substr(md5('k' || first_name), 1, 8), \
    last_name = substr(md5('k' || last_name), 1, 8), full_name = substr(md5('k' || full_name), 1, 17), \
    phone = '+33 1 ' || translate(substr(md5('k' || phone), 1, 8), 'abcdef', '012345'), code = md5('k' || code), \
    notes = md5('k' || notes) || md5('l' || notes)";

pub fn measure(place: &Place, sizes: &Sizes) -> Result<Chapter> {
    let (mut lines, mut peers) = (Vec::new(), Vec::new());
    let mut chapter = Chapter::default();
    for rows in [sizes.rows / 10, sizes.rows] {
        eprintln!("masking: {rows} rows");
        let name = format!("rows-{rows}");
        let production = Production::new(place, &name, RULES, |production| fill(production, rows))?;
        let pairs = if rows == sizes.rows {
            sizes.masking_pairs
        } else {
            1
        };
        let found = compare(&production, pairs)?;
        let faster = found.update.over(&found.masking);
        lines.push(vec![
            rows.to_string(),
            ratio(&faster),
            ratio(&found.tuned.over(&found.masking)),
            ratio(&found.piped.over(&found.masking)),
            format!("{:.0} MB", found.memory),
            format!("<sub>{}</sub>", found.masking.spread()),
            format!("<sub>{}</sub>", found.parts()),
            format!("<sub>{}</sub>", found.update.spread()),
            format!("<sub>{}</sub>", found.tuned.spread()),
            format!("<sub>{}</sub>", found.piped.spread()),
        ]);
        for (engine, beside) in greenmask::ENGINES.iter().zip(&found.greenmask) {
            let faster = beside.whole.over(&found.masking);
            peers.push(vec![
                rows.to_string(),
                (*engine).to_owned(),
                ratio(&faster),
                ratio(&beside.whole.over(&found.piped)),
                format!("<sub>{}</sub>", found.masking.spread()),
                format!("<sub>{}</sub>", beside.whole.spread()),
                format!(
                    "<sub>{:.1} + {:.1}</sub>",
                    beside.dump.median(),
                    beside.restore.median()
                ),
            ]);
            if rows == sizes.rows {
                chapter.targets.push(Target {
                    what: format!(
                        "masking {rows} rows, times as fast as Greenmask's dump and restore, engine {engine}"
                    ),
                    wanted: format!("≥ {TIMES_AS_FAST_AS_GREENMASK}"),
                    measured: format!("{:.2}", faster.median()),
                    held: faster.median() >= TIMES_AS_FAST_AS_GREENMASK,
                });
            }
        }
        if rows == sizes.rows {
            chapter.targets.push(Target {
                what: format!("masking {rows} rows, times as fast as one UPDATE"),
                wanted: format!("≥ {TIMES_AS_FAST}"),
                measured: format!("{:.2}", faster.median()),
                held: faster.median() >= TIMES_AS_FAST,
            });
        }
        chapter.targets.push(Target {
            what: format!("memory of envclone, {rows} rows"),
            wanted: format!("≤ {MOST_MEMORY_MB} MB"),
            measured: format!("{:.0} MB", found.memory),
            held: found.memory <= MOST_MEMORY_MB,
        });
    }
    chapter.text = format!(
        "\n## Masking\n\nOne table, 7 masked columns (email, first, last and full name, phone, a code by HMAC, a scrambled text), 4 \
         indexes (the key, two unique ones, one on two of the columns). Measured: the steps sanitize, prove and checkpoint of \
         `envclone branch`, so the rewrite, the purge of residue and the search for originals. Beside it: one `UPDATE` of the same \
         columns by `md5` on a clone of the same snapshot, with the server's own settings, and nothing more: no `VACUUM`, no purge, no \
         proof; the same with the settings of envclone's own instance (no `fsync`, no full pages, minimal WAL); and, with those as well, the \
         table read out by one `psql`, loaded by another and indexed, with nothing masked, purged or proved, which is the floor of \
         every way that has a program change the rows. All alternate, {} times. Memory: the most that the command, or any program that it waited for, held at \
         once.\n\n{}",
        sizes.masking_pairs,
        table(
            &[
                "Rows",
                "Times as fast as `UPDATE`",
                "as `UPDATE` with envclone's settings",
                "as rows only piped",
                "Memory",
                "<sub>envclone, s</sub>",
                "<sub>sanitize + prove + checkpoint, s</sub>",
                "<sub>`UPDATE`, s</sub>",
                "<sub>with envclone's settings, s</sub>",
                "<sub>only piped, s</sub>"
            ],
            &lines
        )
    );
    if !peers.is_empty() {
        chapter.text += &beside_greenmask(&peers);
    }
    Ok(chapter)
}

fn beside_greenmask(lines: &[Vec<String>]) -> String {
    let head = [
        "Rows",
        "Greenmask's engine",
        "envclone, times as fast",
        "rows only piped, times as fast",
        "<sub>envclone, s</sub>",
        "<sub>Greenmask, s</sub>",
        "<sub>dump + restore, s</sub>",
    ];
    format!(
        "\nGreenmask 0.2.22 in the same turns: it masks the same 7 columns while it dumps a clone of the same snapshot, whose server has \
         its own settings, and restores into another database of that server, with two jobs each. By its engine `hash` the same value gives the \
         same fake, as it does by envclone; by `random` it does not, but for the code. It purges and proves nothing, and its dump is one more \
         copy of the data.\n\n{}",
        table(&head, lines)
    )
}

struct Found {
    masking: Series,
    steps: [Series; 3],
    /// With the server's own settings.
    update: Series,
    /// With those of envclone's instance.
    tuned: Series,
    /// With those, and nothing changed.
    piped: Series,
    /// One for each of its engines; none where it takes no part.
    greenmask: Vec<Beside>,
    memory: f64,
}

/// What Greenmask takes.
#[derive(Default)]
struct Beside {
    dump: Series,
    restore: Series,
    whole: Series,
}

impl Found {
    fn parts(&self) -> String {
        let parts = self.steps.each_ref().map(|step| format!("{:.2}", step.median()));
        parts.join(" + ")
    }
}

fn compare(production: &Production<'_>, pairs: usize) -> Result<Found> {
    let mut found = Found {
        masking: Series::default(),
        steps: Default::default(),
        update: Series::default(),
        tuned: Series::default(),
        piped: Series::default(),
        greenmask: Vec::new(),
        memory: 0.0,
    };
    let peer = greenmask::asked_for();
    for _ in 0..pairs {
        crate::interrupted()?;
        found.update.push(update(production, &[])?);
        found.tuned.push(update(production, &TUNED)?);
        found.piped.push(piped::copied(production, &TUNED)?);
        if let Some(peer) = &peer {
            found
                .greenmask
                .resize_with(greenmask::ENGINES.len(), Beside::default);
            for (engine, beside) in greenmask::ENGINES.iter().zip(&mut found.greenmask) {
                let (dump, restore) = greenmask::dump_and_restore(peer, engine, production)?;
                beside.dump.push(dump);
                beside.restore.push(restore);
                beside.whole.push(dump + restore);
            }
        }
        let (document, memory) = branch(production)?;
        ensure!(document["sanitization"]["found"] == 0, "originals were found");
        let ms = |step: &str| document["timings_ms"][step].as_f64().unwrap_or_default() / 1000.0;
        let steps = ["sanitize", "prove", "checkpoint"].map(ms);
        found.masking.push(steps.iter().sum());
        for (series, step) in found.steps.iter_mut().zip(steps) {
            series.push(step);
        }
        found.memory = found.memory.max(memory);
    }
    Ok(found)
}

/// What one `UPDATE` takes on a clone whose server runs with `settings`.
fn update(production: &Production<'_>, settings: &[&str]) -> Result<f64> {
    let bare = Bare::start(production, settings)?;
    Ok(timed(|| bare.sql(UPDATE))?.0)
}

/// A masked branch, made by this program run anew, which tells how much memory its children took (MB).
fn branch(production: &Production<'_>) -> Result<(Value, f64)> {
    let inner = production.envclone(&["branch", "prod", "masked", "--json"]);
    let mut outer = program(std::env::current_exe()?);
    outer.arg(MEASURE).arg(inner.get_program()).args(inner.get_args());
    let output = outer.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "envclone branch failed: {said}");
    production.destroy("masked")?;
    let kilobytes = said.lines().last().and_then(|line| line.strip_prefix("memory "));
    let kilobytes: f64 = kilobytes.context("no memory was told")?.parse()?;
    Ok((serde_json::from_slice(&output.stdout)?, kilobytes / 1000.0))
}

/// Runs the program that the arguments name, and tells the most memory that it or a program that it waited for held.
pub fn measure_memory(mut words: impl Iterator<Item = String>) -> Result<ExitCode> {
    let mut inner = program(words.next().context("a program")?);
    let status = inner.args(words).status()?;
    ensure!(
        status.success(),
        "it ended with {:?} {:?}",
        status.code(),
        status.signal()
    );
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?;
    eprintln!("memory {}", usage.max_rss());
    Ok(ExitCode::SUCCESS)
}

/// Believable people, all made up.
fn fill(production: &Production<'_>, rows: u32) -> Result<()> {
    let insert = format!(
        "INSERT INTO people (email, first_name, last_name, full_name, phone, code, notes) \
         SELECT lower(f) || '.' || lower(l) || i || '@mail' || i % 97 || '.test', f, l, f || ' ' || l, \
         '+33 1 ' || lpad((i::bigint * 7919 % 100000000)::text, 8, '0'), 'C-' || upper(substr(md5(i::text), 1, 12)), \
         f || ' called on day ' || i % 365 || ' about order ' || i::bigint * 31 || ' and asked to be reached at home' \
         FROM generate_series(1, {rows}) AS i, \
         LATERAL (SELECT (ARRAY['Xaver','Quirine','Odalys','Thibaud','Zelda','Ygor','Wilma','Vasco'])[1 + i % 8] AS f, \
         (ARRAY['Quirinus','Brandstetter','Okonkwo','Lindqvist','Marchetti','Vandermeer'])[1 + i % 6] || i % 5000 AS l) AS names"
    );
    let statements = [TABLE, &insert, INDEXES, "VACUUM ANALYZE people", "CHECKPOINT"];
    statements
        .iter()
        .try_for_each(|sql| production.sql(sql).map(drop))?;
    run(program("sync").arg("-f").arg(production.root())).map(drop)
}
