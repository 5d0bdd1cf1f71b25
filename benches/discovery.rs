//! How well personal columns are found, and how fast, on schemas that somebody labelled.
//!
//! `cargo bench --bench discovery -- DIR`: DIR holds for each application a file `APP.tsv` (a line per column: table, column,
//! type, label, note, with a head line) and a file `APP.sql` that fills its tables (`INSERT INTO "t" VALUES` and a row per
//! tuple). Without DIR only the speed is measured, on 1,000 tables that are made up.

#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant;

use envclone::sanitize::detect::{Beside, ColumnSample, detect_beside};

/// How many values of a column are looked at, as a scan does.
const SAMPLED: usize = 100;
/// Kinds that name or reach one person by themselves.
const DIRECT: [&str; 11] = [
    "person-first-name",
    "person-last-name",
    "person-full-name",
    "username",
    "email",
    "phone",
    "address-street",
    "national-id",
    "bank-account",
    "card",
    "ip",
];

fn main() {
    if let Some(dir) = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"))
    {
        measure(Path::new(&dir));
    }
    speed();
}

struct Labelled {
    table: String,
    column: String,
    type_name: String,
    label: String,
    note: String,
}

fn measure(dir: &Path) {
    let mut all = [Tally::default(), Tally::default()];
    let mut by_label: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
        .collect();
    files.sort();
    for (number, with_values) in [true, false].into_iter().enumerate() {
        println!(
            "\n{}",
            if with_values {
                "names, types and values"
            } else {
                "names and types alone"
            }
        );
        println!("application          personal  direct  precision  exact kind");
        for file in &files {
            let columns = labelled(file);
            let values = if with_values {
                rows(&file.with_extension("sql"))
            } else {
                HashMap::new()
            };
            let mut tally = Tally::default();
            let besides = besides(&columns);
            for column in &columns {
                let empty = Vec::new();
                let key = (column.table.clone(), position(&columns, column));
                let sample = values.get(&key).unwrap_or(&empty);
                let sample = ColumnSample {
                    table: &column.table,
                    column: &column.column,
                    type_name: &column.type_name,
                    values: sample,
                };
                let found = besides
                    .get(&column.table)
                    .and_then(|beside| detect_beside(&sample, beside));
                let kind = found.as_ref().map(|found| found.kind.name());
                tally.add(column, kind);
                if with_values {
                    tell(file, column, kind, &mut by_label);
                }
            }
            tally.print(&file.file_stem().unwrap_or_default().to_string_lossy());
            all[number].merge(&tally);
        }
        all[number].print("all");
    }
    println!("\nlabel                found of");
    for (label, (found, of)) in by_label {
        println!("{label:20} {found:5} {of:3}");
    }
}

/// What the columns of each table say of each other.
fn besides(columns: &[Labelled]) -> HashMap<String, Beside> {
    let mut by_table: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
    for column in columns {
        let named = (column.column.as_str(), column.type_name.as_str());
        by_table.entry(&column.table).or_default().push(named);
    }
    let of = |(table, columns): (&str, Vec<(&str, &str)>)| (table.to_owned(), Beside::of(table, columns));
    by_table.into_iter().map(of).collect()
}

fn tell(file: &Path, column: &Labelled, kind: Option<&str>, by_label: &mut BTreeMap<String, (u32, u32)>) {
    if column.apart() {
        return;
    }
    let of = by_label.entry(column.label.clone()).or_default();
    of.1 += 1;
    of.0 += u32::from(kind.is_some() == (column.label != "none"));
    if kind.is_some() != (column.label != "none") {
        let Labelled {
            table,
            column,
            type_name,
            label,
            ..
        } = column;
        let app = file.file_stem().unwrap_or_default().to_string_lossy();
        println!(
            "  {app} {table}.{column} ({type_name}): {label}, taken for {}",
            kind.unwrap_or("nothing")
        );
    }
}

impl Labelled {
    /// Doubtful columns, and those of organizations, count neither for nor against.
    fn apart(&self) -> bool {
        self.note.starts_with("doubt:") || self.note == "organization"
    }
}

#[derive(Default)]
struct Tally {
    personal: u32,
    personal_found: u32,
    direct: u32,
    direct_found: u32,
    found: u32,
    exact: u32,
}

impl Tally {
    fn add(&mut self, column: &Labelled, kind: Option<&str>) {
        if column.apart() {
            return;
        }
        let personal = column.label != "none";
        let hit = u32::from(personal && kind.is_some());
        self.personal += u32::from(personal);
        self.personal_found += hit;
        if DIRECT.contains(&column.label.as_str()) {
            self.direct += 1;
            self.direct_found += hit;
        }
        self.found += u32::from(kind.is_some());
        let label = column
            .label
            .replace("person-", "")
            .replace("address-", "")
            .replace("profile-", "");
        let label = if label == "filename" {
            "file-name".to_owned()
        } else {
            label
        };
        self.exact += u32::from(personal && kind == Some(label.as_str()));
    }

    fn merge(&mut self, other: &Self) {
        self.personal += other.personal;
        self.personal_found += other.personal_found;
        self.direct += other.direct;
        self.direct_found += other.direct_found;
        self.found += other.found;
        self.exact += other.exact;
    }

    fn print(&self, name: &str) {
        println!(
            "{name:20} {:8.3}  {:6.3}  {:9.3}  {:10.3}",
            share(self.personal_found, self.personal),
            share(self.direct_found, self.direct),
            share(self.personal_found, self.found),
            share(self.exact, self.personal),
        );
    }
}

fn share(part: u32, of: u32) -> f64 {
    f64::from(part) / f64::from(of.max(1))
}

fn labelled(file: &Path) -> Vec<Labelled> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let column = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Labelled {
            table: fields.next()?,
            column: fields.next()?,
            type_name: fields
                .next()?
                .replace("varchar", "character varying")
                .replace("timestamptz", "timestamp"),
            label: fields.next()?,
            note: fields.next().unwrap_or_default(),
        })
    };
    text.lines().skip(1).filter_map(column).collect()
}

/// Which column of its table this is.
fn position(columns: &[Labelled], column: &Labelled) -> usize {
    let same = columns.iter().filter(|other| other.table == column.table);
    same.take_while(|other| other.column != column.column).count()
}

/// The values that are not NULL, by table and number of the column.
fn rows(file: &Path) -> HashMap<(String, usize), Vec<String>> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut values: HashMap<(String, usize), Vec<String>> = HashMap::new();
    for insert in text.split("INSERT INTO \"").skip(1) {
        let Some((table, rest)) = insert.split_once("\" VALUES\n") else {
            continue;
        };
        let mut rows = Rows {
            rest,
            column: 0,
            taken: 0,
        };
        while let Some((column, value)) = rows.next_value() {
            if rows.taken > SAMPLED {
                break;
            }
            values
                .entry((table.to_owned(), column))
                .or_default()
                .extend(value);
        }
    }
    values
}

/// Reads `(1, 'it''s', NULL),` value by value.
struct Rows<'t> {
    rest: &'t str,
    column: usize,
    taken: usize,
}

impl Rows<'_> {
    fn next_value(&mut self) -> Option<(usize, Option<String>)> {
        loop {
            let first = self.rest.chars().next()?;
            match first {
                '(' => {
                    self.column = 0;
                    self.taken += 1;
                }
                ',' | ' ' | '\n' | ')' => {}
                ';' => return None,
                _ => break,
            }
            self.rest = self.rest.get(1..)?;
        }
        let at = self.column;
        self.column += 1;
        let Some(mut quoted) = self.rest.strip_prefix('\'') else {
            let end = self.rest.find([',', ')'])?;
            let value = self.rest.get(..end)?.to_owned();
            self.rest = self.rest.get(end..)?;
            return Some((at, (value != "NULL").then_some(value)));
        };
        let mut value = String::new();
        loop {
            let end = quoted.find('\'')?;
            value.push_str(quoted.get(..end)?);
            quoted = quoted.get(end + 1..)?;
            match quoted.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    quoted = after;
                }
                None => break,
            }
        }
        self.rest = quoted;
        Some((at, Some(value)))
    }
}

/// 1,000 tables of twelve columns with a hundred values each.
fn speed() {
    let columns = [
        "id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "street",
        "city",
        "zip",
        "notes",
        "status",
        "payload",
        "created_by",
    ];
    let values: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            (0..SAMPLED)
                .map(|n| format!("{column} value {n} with some words of text"))
                .collect()
        })
        .collect();
    for tables in [100, 1000] {
        let start = Instant::now();
        let mut found = 0;
        for table in 0..tables {
            let table = format!("module_{table}_customers");
            let beside = Beside::of(&table, columns.iter().map(|column| (*column, "text")));
            for (column, values) in columns.iter().zip(&values) {
                let sample = ColumnSample {
                    table: &table,
                    column,
                    type_name: "text",
                    values,
                };
                found += usize::from(detect_beside(&sample, &beside).is_some());
            }
        }
        println!(
            "\n{tables} tables, {} columns: {:.2} s ({found} found)",
            tables * columns.len(),
            start.elapsed().as_secs_f64()
        );
    }
}
