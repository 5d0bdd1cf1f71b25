//! How long `sanitize scan` takes over a database of many tables, beside a client that only reads as many rows of each.

use std::fmt::Write as _;

use anyhow::Result;

use crate::Sizes;
use crate::figures::{Chapter, Series, Target, table};
use crate::host::{run, timed};
use crate::production::{Place, Production};

const TABLES: usize = 1000;
const ROWS: usize = 300;
/// Rows of each table that a scan reads.
const READ: usize = 100;
const MOST_SECONDS: f64 = 10.0;

/// Of four tables: people, who wrote to them, what they ordered, and what applications keep for themselves.
const SHAPES: [&str; 4] = [
    "id integer PRIMARY KEY, first_name text, last_name text, email text, phone text, street text, zip text, city text, born date, \
     notes text, created timestamptz",
    "id integer PRIMARY KEY, sender text, subject text, body text, address inet, agent text, answered boolean, sent timestamptz",
    "id integer PRIMARY KEY, number text, state text, total numeric, currency text, delivered date, document jsonb",
    "id integer PRIMARY KEY, key text, value text, position integer, active boolean, changed timestamptz",
];
const VALUES: [&str; 4] = [
    "n, 'Ada' || n % 40, 'Kanari' || n % 60, 'ada.kanari' || n || '@example.org', '+4930' || 1000000 + n, 'Main Street ' || n, \
     lpad((10000 + n)::text, 5, '0'), 'Kassel', date '1950-01-01' + n, md5(n::text), now()",
    "n, 'ada.kanari' || n || '@example.org', md5(n::text), repeat(md5(n::text), 20), ('10.1.2.' || n % 250)::inet, \
     'Mozilla/5.0', n % 2 = 0, now()",
    "n, 'R' || n, (ARRAY['paid', 'open'])[1 + n % 2], n * 1.5, 'EUR', date '2026-01-01' + n, \
     jsonb_build_object('gift', n % 2 = 0, 'for', 'ada' || n || '@example.org')",
    "n, 'option.' || n, md5(n::text), n, n % 3 = 0, now()",
];

pub fn measure(place: &Place, sizes: &Sizes) -> Result<Chapter> {
    eprintln!("scanning {TABLES} tables");
    let production = Production::new(place, "scan", "", fill)?;
    let (mut floor, mut ours) = (Series::default(), Series::default());
    for _ in 0..sizes.scans {
        floor.push(timed(|| production.sql(&questions()?).map(drop))?.0);
        ours.push(timed(|| run(&mut production.envclone(&["sanitize", "scan", "--json"])))?.0);
    }
    let mut chapter = Chapter::default();
    chapter.targets.push(Target {
        what: format!("`sanitize scan` of {TABLES} tables"),
        wanted: format!("< {MOST_SECONDS} s"),
        measured: format!("{:.1} s", ours.median()),
        held: ours.median() < MOST_SECONDS,
    });
    let columns: usize = (0..TABLES)
        .map(|number| SHAPES[number % 4].split(", ").count())
        .sum();
    let line = [
        format!("{:.1}", ours.median() / floor.median()),
        format!("{:.2} s", ours.median()),
        format!("{:.2} s", floor.median()),
    ];
    chapter.text = format!(
        "\n## Discovery\n\n`envclone sanitize scan` of {TABLES} tables with {columns} columns and {ROWS} rows each: snapshot, sealed server, \
         every column judged, and all of it removed again. Floor: one `psql` on the source that reads {READ} rows of each table as \
         text. Median of {} runs in turns.\n\n{}",
        sizes.scans,
        table(&["Times the floor", "`sanitize scan`", "Floor"], &[line.into()])
    );
    Ok(chapter)
}

fn fill(production: &Production<'_>) -> Result<()> {
    // An argument of a program may have 128 KiB.
    const AT_ONCE: usize = 100;
    let numbers: Vec<usize> = (0..TABLES).collect();
    for some in numbers.chunks(AT_ONCE) {
        let mut sql = String::new();
        for number in some {
            let (shape, values) = (SHAPES[number % 4], VALUES[number % 4]);
            writeln!(
                sql,
                "CREATE TABLE t{number} ({shape}); INSERT INTO t{number} SELECT {values} FROM generate_series(1, {ROWS}) n;"
            )?;
        }
        production.sql(&sql)?;
    }
    production.sql("ANALYZE")?;
    production.sql("CHECKPOINT").map(drop)
}

fn questions() -> Result<String> {
    let mut sql = String::new();
    for number in 0..TABLES {
        writeln!(
            sql,
            "SELECT t::text FROM (SELECT * FROM t{number} LIMIT {READ}) AS t;"
        )?;
    }
    Ok(sql)
}
