//! The table read out and loaded back as it is, by two `psql` and a pipe: the least that a rewrite through a program costs.

use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

use crate::host::timed;
use crate::production::{Bare, Production};

/// In one transaction, so that nothing of it goes through the WAL.
const BEFORE: [&str; 3] = [
    "BEGIN",
    "CREATE TABLE piped (LIKE people INCLUDING ALL EXCLUDING INDEXES)",
    "COPY piped FROM STDIN",
];
const AFTER: [&str; 5] = [
    "ALTER TABLE piped ADD PRIMARY KEY (id)",
    "CREATE UNIQUE INDEX ON piped (email)",
    "CREATE UNIQUE INDEX ON piped (code)",
    "CREATE INDEX ON piped (last_name, first_name)",
    "COMMIT",
];

/// How long it takes on a clone whose server runs with `settings`: `COPY` out, `COPY` in, and the same indexes. It masks,
/// purges and proves nothing.
pub fn copied(production: &Production<'_>, settings: &[&str]) -> Result<f64> {
    let bare = Bare::start(production, settings)?;
    let (seconds, ()) = timed(|| {
        let mut reader = bare.psql("postgres");
        let mut reader = reader
            .args(["-X", "-q", "-c", "COPY people TO STDOUT"])
            .stdout(Stdio::piped())
            .spawn()?;
        let rows = reader.stdout.take().context("the rows")?;
        let mut writer = bare.psql("postgres");
        writer.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).stdin(rows);
        for statement in BEFORE.iter().chain(&AFTER) {
            writer.args(["-c", statement]);
        }
        let written = writer.spawn().map(ended)?;
        ensure!(ended(reader) && written, "the table could not be piped");
        Ok(())
    })?;
    let same = bare.sql(
        "SELECT (SELECT count(*) FROM people) = (SELECT count(*) FROM piped) AND \
         (SELECT count(*) FROM pg_index WHERE indrelid = 'people'::regclass AND indisvalid) = \
         (SELECT count(*) FROM pg_index WHERE indrelid = 'piped'::regclass AND indisvalid)",
    )?;
    ensure!(same.trim() == "t", "the piped table lacks rows or indexes");
    Ok(seconds)
}

fn ended(mut child: Child) -> bool {
    child.wait().is_ok_and(|status| status.success())
}
