//! Greenmask, which masks while it dumps: the same table, the same columns, dumped and restored. Only where it is asked for.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::host::{program, run, timed};
use crate::production::{Bare, Production};

/// Where the program is.
const VARIABLE: &str = "ENVCLONE_BENCH_GREENMASK";
const INTO: &str = "restored";
/// For its transformers that hash; made up.
const SALT: &str = "a5eddc84e762e810";

/// The seven columns, by the transformers that come nearest.
const TRANSFORMERS: &str = r#"
        - name: "RandomEmail"
          params: { column: "email", engine: "ENGINE" }
        - name: "RandomPerson"
          params:
            engine: "ENGINE"
            columns:
              - { name: "first_name", template: "{{ .FirstName }}" }
              - { name: "last_name", template: "{{ .LastName }}" }
              - { name: "full_name", template: "{{ .FirstName }} {{ .LastName }}" }
        - name: "RandomString"
          params: { column: "phone", min_length: 13, max_length: 13, symbols: "0123456789", engine: "ENGINE" }
        - name: "Hash"
          params: { column: "code", function: "sha256" }
        - name: "RandomString"
          params: { column: "notes", min_length: 60, max_length: 90, symbols: "abcdefghijklmnopqrstuvwxyz ", engine: "ENGINE" }
"#;

/// Its engines: the same value gives the same fake, as ours do; or not, which is faster. A code is hashed with either.
pub const ENGINES: [&str; 2] = ["hash", "random"];

/// The program of Greenmask, if it takes part.
pub fn asked_for() -> Option<PathBuf> {
    std::env::var_os(VARIABLE)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// How long its dump and its restore take, on a clone whose server has its own settings: two jobs each, into another database
/// of the same server, which holds the same rows and indexes afterwards and no original.
pub fn dump_and_restore(
    greenmask: &PathBuf,
    engine: &str,
    production: &Production<'_>,
) -> Result<(f64, f64)> {
    let bare = Bare::start(production, &[])?;
    bare.sql(&format!("CREATE DATABASE {INTO}"))?;
    let directory = tempfile::tempdir_in(production.place.path())?;
    let at = |name: &str| directory.path().join(name);
    for name in ["tmp", "dumps"] {
        fs::create_dir(at(name))?;
    }
    let configuration = format!(
        "common:\n  pg_bin_path: {programs:?}\n  tmp_dir: {tmp:?}\nlog:\n  level: \"warn\"\n\
         storage:\n  type: \"directory\"\n  directory:\n    path: {dumps:?}\n\
         dump:\n  pg_dump_options:\n    dbname: {from:?}\n    jobs: 2\n  transformation:\n    - schema: \"public\"\n      name: \"people\"\n      transformers:{transformers}\
         restore:\n  pg_restore_options:\n    dbname: {into:?}\n    jobs: 2\n",
        transformers = TRANSFORMERS.replace("ENGINE", engine),
        programs = production.place.programs.display().to_string(),
        tmp = at("tmp").display().to_string(),
        dumps = at("dumps").display().to_string(),
        from = bare.connection("postgres"),
        into = bare.connection(INTO),
    );
    fs::write(at("greenmask.yml"), configuration)?;
    let step = |words: &[&str]| {
        let mut command = program(greenmask);
        command.env("GREENMASK_GLOBAL_SALT", SALT);
        command.arg("--config").arg(at("greenmask.yml")).args(words);
        timed(|| run(&mut command)).map(|(seconds, _)| seconds)
    };
    let (dump, restore) = (step(&["dump"])?, step(&["restore", "latest"])?);
    let found =
        "SELECT count(*), (SELECT count(*) FROM pg_index WHERE indrelid = 'people'::regclass) FROM people";
    let (before, after) = (bare.sql(found)?, bare.sql_in(INTO, found)?);
    ensure!(
        before == after,
        "Greenmask restored {after} rows and indexes of {before}"
    );
    let kept = bare.sql_in(
        INTO,
        "SELECT count(*) FROM people WHERE email ~ '@mail[0-9]+[.]test$' OR code ~ '^C-'",
    )?;
    ensure!(kept.trim() == "0", "Greenmask left originals");
    Ok((dump, restore))
}
