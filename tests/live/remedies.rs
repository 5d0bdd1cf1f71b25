//! Each remedy against what is left of originals, left out on purpose: the proof must find what that leaves. The remedies are
//! applied by hand to a production of the test's own, so that nothing in the program can be told to leave one out.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use envclone::sanitize::key::MaskingKey;
use envclone::sanitize::needle::{Builder, NeedleSet, Source};
use envclone::sanitize::postgres::{Pages, Part, parts};
use envclone::sanitize::proof::{Proof, ProofError};
use envclone::sanitize::schema::{Column, TypeFamily};
use envclone::storage::ObjectId;

use crate::branch::url_of;
use crate::production::{Production, RULES, ask, postgres, program};

const BIRDS: &str = "CREATE TABLE public.birds (id int, email text) PARTITION BY RANGE (id); \
    CREATE TABLE public.birds_1 PARTITION OF public.birds FOR VALUES FROM (1) TO (201); \
    CREATE TABLE public.birds_2 PARTITION OF public.birds FOR VALUES FROM (201) TO (401); \
    ALTER TABLE public.birds_1 ALTER email SET STATISTICS 10; ALTER TABLE public.birds_2 ALTER email SET STATISTICS 10; \
    ALTER TABLE public.birds ALTER email SET STATISTICS 10; CREATE INDEX ON public.birds (email); \
    INSERT INTO public.birds SELECT n, 'zwitscher-'||n||'@papageien.test' FROM generate_series(1, 400) AS n; \
    ANALYZE public.birds";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeftOut {
    Nothing,
    Rewrite,
    OnePartition,
    Statistics,
    OldWal,
    OrphanedFile,
    /// Values that hold originals within compressed text, in rows (pglz, LZ4) or in chunks of TOAST.
    Compressed(&'static str, u32),
}

/// A production in which the birds were replaced, stopped.
fn sanitized(left_out: LeftOut) -> Production {
    let mut production = Production::new();
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(BIRDS);
    production.sql("CHECKPOINT");
    for partition in ["birds_1", "birds_2"] {
        if left_out == LeftOut::OnePartition && partition == "birds_2" {
            continue;
        }
        let replaced = "'fake '||md5(id::text)";
        if left_out == LeftOut::Rewrite {
            production.sql(&format!("UPDATE public.{partition} SET email = {replaced}"));
        } else {
            production.sql(&format!(
                "CREATE TEMP TABLE fakes AS SELECT id, {replaced} AS email FROM public.{partition}; \
                 TRUNCATE public.{partition}; INSERT INTO public.{partition} SELECT * FROM fakes"
            ));
        }
    }
    if left_out != LeftOut::Statistics {
        production.sql("DELETE FROM pg_statistic WHERE starelid::regclass::text LIKE 'birds%'");
        production.sql("ANALYZE public.birds");
        production.sql("VACUUM FULL pg_statistic");
    }
    if let LeftOut::Compressed(method, birds) = left_out {
        // What is repeated in it is copied by the compressor: no original stands there byte by byte.
        production.sql(&format!(
            "CREATE TABLE public.nests (birds text COMPRESSION {method}); INSERT INTO public.nests \
             SELECT string_agg('zwitscher-'||n||'@papageien.test' || repeat('-', n % 7), ' ') FROM generate_series(1, {birds}) AS n"
        ));
    }
    let file = production.sql("SELECT pg_relation_filepath('public.birds_1')");
    production.stop();
    let data = production.data();
    if left_out == LeftOut::OrphanedFile {
        let orphan = data.join(&file).with_file_name("999999");
        fs::write(&orphan, "zwitscher-17@papageien.test").unwrap();
    }
    if left_out != LeftOut::OldWal {
        reset_wal(&production, data);
    }
    production
}

fn reset_wal(production: &Production, data: PathBuf) {
    let mut reset = program("/usr/bin/setpriv");
    reset.args(["--reuid", &postgres().0.to_string(), "--clear-groups"]);
    reset
        .arg(production.programs().join("pg_resetwal"))
        .arg("-D")
        .arg(data);
    let ended = reset.output().unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

fn proof(production: &Production) -> Result<Proof, ProofError> {
    let mut builder = NeedleSet::builder(&MaskingKey::from_bytes([7; 32]));
    let column = builder.column(Source {
        service: "db".to_owned(),
        table: "public.birds".to_owned(),
        column: "email".to_owned(),
    });
    (1..=400).for_each(|number| builder.offer(column, &format!("zwitscher-{number}@papageien.test")));
    search(production, builder)
}

fn search(production: &Production, builder: Builder) -> Result<Proof, ProofError> {
    let id = ObjectId("a test's".to_owned());
    Proof::search(
        &production.root(),
        id,
        "sha256:0".to_owned(),
        &[&builder.build()],
        &[&Pages::of(PathBuf::from("db/data"))],
        &AtomicBool::new(false),
    )
}

#[test]
fn the_proof_finds_what_each_remedy_that_is_left_out_leaves() {
    let whole = proof(&sanitized(LeftOut::Nothing)).unwrap();
    assert_eq!(whole.needles(), 400);
    for (left_out, place) in [
        (LeftOut::Rewrite, "/base/"),
        (LeftOut::OnePartition, "/base/"),
        (LeftOut::Statistics, "/base/"),
        (LeftOut::OldWal, "/pg_wal/"),
        (LeftOut::OrphanedFile, "/999999 "),
        (LeftOut::Compressed("pglz", 90), "/base/"),
        (LeftOut::Compressed("lz4", 90), "/base/"),
        (LeftOut::Compressed("pglz", 400), "/base/"),
        (LeftOut::Compressed("lz4", 400), "/base/"),
    ] {
        let ProofError::Found { found, places, .. } = proof(&sanitized(left_out)).unwrap_err() else {
            panic!("{left_out:?}");
        };
        let least = match left_out {
            // Few of them stand there as they are, since there was nothing to copy them from.
            LeftOut::Compressed(_, birds) => birds as usize,
            _ => 1,
        };
        assert!(
            found >= least && places.iter().all(|one| one.contains(place)),
            "{left_out:?}: {found} {places:?}"
        );
        assert!(
            places
                .iter()
                .all(|one| one.starts_with("db public.birds.email in ")),
            "{places:?}"
        );
        assert!(!format!("{places:?}").contains("zwitscher"), "{places:?}");
    }
}

/// Columns of other types than text, what they hold of the bird with the number `n`, and how many originals that is.
const NESTS: [(&str, &str, TypeFamily, &str, usize); 8] = [
    (
        "photo",
        "bytea",
        TypeFamily::Bytes,
        "'\\xff00fe01fc02'::bytea || convert_to('photo of zwitscher-'||n, 'UTF8')",
        1,
    ),
    ("raw", "bytea", TypeFamily::Bytes, "sha256(n::text::bytea)", 1),
    (
        "doc",
        "jsonb",
        TypeFamily::Json,
        "jsonb_build_object('deep', jsonb_build_array('leaf of \"zwitscher\"-'||n, n))",
        1,
    ),
    (
        "text",
        "json",
        TypeFamily::Json,
        "('{\"a\": \"z\\u00fcge von zwitscher-'||n||'\"}')::json",
        1,
    ),
    (
        "tags",
        "_text",
        TypeFamily::Array,
        "ARRAY['tag of \"zwitscher\"-'||n, NULL, 'other tag of '||n]",
        2,
    ),
    (
        "place",
        "public.place",
        TypeFamily::Composite,
        "ROW(n, 'place of zwitscher-'||n, now())::public.place",
        1,
    ),
    (
        "words",
        "tsvector",
        TypeFamily::TextSearch,
        "to_tsvector('simple', 'zwitscherwort'||n)",
        1,
    ),
    ("latin", "text", TypeFamily::Text, "'Müller-Zwitscher '||n", 1),
];

/// Fills a database with nests, notes their originals as envclone would, and does with them what an `UPDATE` does.
fn emptied_by_update(production: &Production, database: &str, column: usize) -> Builder {
    let (name, type_name, family, value, _) = NESTS[column];
    let server = production
        .superuser()
        .replace("dbname=shop", &format!("dbname={database}"));
    let sql = |sql: &str| ask(&server, sql).unwrap();
    sql(&format!(
        "CREATE TABLE public.nest_{name} (id int, held {}); \
         INSERT INTO public.nest_{name} SELECT n, {value} FROM generate_series(1, 9) AS n",
        if family == TypeFamily::Array {
            "text[]"
        } else {
            type_name
        }
    ));
    let mut builder = NeedleSet::builder(&MaskingKey::from_bytes([7; 32]));
    let number = builder.column(Source {
        service: "db".to_owned(),
        table: "public.nests".to_owned(),
        column: name.to_owned(),
    });
    let values = sql(&format!("SELECT held::text FROM public.nest_{name}"));
    for value in values.lines() {
        parts(
            &Column::plain(name, type_name, family),
            value,
            &mut |part| match part {
                Part::Text(text) => builder.offer(number, text),
                Part::Bytes(bytes) => builder.offer_bytes(number, bytes),
                Part::Binary => builder.pass_over(number),
            },
        );
    }
    assert_eq!(values.lines().count(), 9);
    sql(&format!("UPDATE public.nest_{name} SET held = NULL"));
    builder
}

#[test]
fn originals_of_every_type_are_found_where_the_rewrite_is_left_out() {
    let mut production = Production::new();
    production.sql("ROLLBACK PREPARED 'stale'");
    ask(
        &production.superuser(),
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    .unwrap();
    production.sql("CREATE TYPE public.place AS (number int, name text, since timestamptz)");
    let builders: Vec<Builder> = (0..NESTS.len())
        .map(|column| {
            let database = if NESTS[column].0 == "latin" {
                "latin"
            } else {
                "shop"
            };
            emptied_by_update(&production, database, column)
        })
        .collect();
    production.stop();
    reset_wal(&production, production.data());
    for (builder, (name, _, _, _, originals)) in builders.into_iter().zip(NESTS) {
        let Err(ProofError::Found { found, places, .. }) = search(&production, builder) else {
            panic!("{name}");
        };
        assert_eq!(found, 9 * originals, "{name}: {places:?}");
    }
}

#[test]
fn statistics_that_hold_originals_in_compressed_form_stop_the_branch() {
    let production = Production::new();
    // Of a table that the rules have never seen, and whose rows are gone.
    let after = "CREATE TABLE shop.late AS SELECT 'kanari.'||n||'@original-mail.test' AS email FROM generate_series(1, 300) AS n; \
        ANALYZE shop.late; TRUNCATE shop.late; ALTER TABLE shop.late OWNER TO shop;";
    fs::write(production.etc().join("after.sql"), after).unwrap();
    let configuration = production.configuration() + "after = [\"after.sql\"]\n";
    production.configure(&configuration, RULES);
    let before = production.world();
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(5, &["originals were found", "compressed"]);
    assert_eq!(production.world(), before);
    fs::write(
        production.etc().join("after.sql"),
        after.replace("ANALYZE shop.late; ", ""),
    )
    .unwrap();
    let document = production.branch("fix-42");
    assert_eq!(
        ask(&url_of(&document), "SELECT count(*) FROM shop.late").unwrap(),
        "0"
    );
}

#[test]
fn what_the_owners_sql_makes_and_addresses_in_the_schema_are_on_the_receipt() {
    let production = Production::new();
    production.sql("COMMENT ON TABLE shop.orders IS 'ask Boss@firma.de, not x@example.com'");
    let after = |sql: &str| fs::write(production.etc().join("after.sql"), sql).unwrap();
    after("CREATE TABLE shop.flags AS SELECT true AS set");
    let configuration = production.configuration() + "after = [\"after.sql\"]\n";
    production.configure(&configuration, RULES);
    production.branch("fix-42");
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    for said in [
        "the comment on table shop.orders holds an e-mail address",
        "shop.flags appeared by the owner's SQL",
    ] {
        assert!(receipt.contains(said), "{said:?} is not in {receipt}");
    }
    assert!(!receipt.to_lowercase().contains("boss@firma"), "{receipt}");
    production.envclone(&["destroy", "fix-42"]).ok();
    after("CREATE DATABASE other");
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(5, &["database \"other\" appeared"]);
}
