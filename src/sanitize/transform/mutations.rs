//! Thousands of broken documents and rules, the same in each run: nothing panics, what is kept stays byte by byte, and what is
//! replaced still parses. `fuzz/` has the same questions for a fuzzer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::tests::{column, compiled, spec};
use super::*;
use crate::model::EngineKind;
use crate::sanitize::rules::RuleSet;

const ROUNDS: usize = 6_000;

const JSON: [&str; 4] = [
    r#"{"contacts":[{"email":"anna@shop.example","n":-1.50e+2}],"a":{"b":[true,false,null,"\u00e9\ud83d\ude00"]},"a":0}"#,
    r#" [ 1 , "x\\\"y" , { } , [ [ ] ] , {"email" : "ben@shop.example"} ] "#,
    r#"{"raw":"a:1:{s:5:\"email\";s:17:\"anna@shop.example\";}","deep":{"deep":{"deep":[0.0]}}}"#,
    r#""plain anna@shop.example text""#,
];
const PHP: [&str; 4] = [
    r#"a:3:{s:4:"user";O:8:"stdClass":2:{s:5:"email";s:17:"anna@shop.example";s:1:"n";d:1.5;}s:4:"list";a:3:{i:0;s:2:"é";i:1;b:1;i:2;N;}i:-3;i:1;}"#,
    r#"a:3:{i:0;a:2:{s:1:"x";s:1:"y";s:1:"e";E:11:"Suit:Hearts";}i:1;R:3;i:2;r:2;}"#,
    r#"a:1:{s:1:"c";C:11:"ArrayObject":21:{x:i:0;a:0:{};m:a:0:{}}}"#,
    r#"s:37:"{"email":"anna@shop.example","n":[1]}";"#,
];
const RULES: [&str; 2] = [
    "[db.\"public.customers\"]\nemail = \"email\"\nprofile = { transform = \"json\", paths = { \"$.a[*].b\" = \"email\", \"$..c\" = { keep = \"x\" } }, unlisted = \"scan\" }\n",
    "[db.\"public.meta\"]\nv = [{ transform = \"by-key\", key = \"k\", rules = { \"a_*\" = \"null\" }, where = \"x > 1\" }, { keep = \"why\" }]\n[db.\"public.s\"]\nrows = \"delete\"\n",
];

/// One of the seeds with up to four changes.
fn mutated(seeds: &[&str], random: &mut ChaCha8Rng) -> String {
    let mut below = |count: usize| usize::try_from(random.next_u32()).unwrap() % count.max(1);
    let seed = |at: usize| seeds[at].as_bytes();
    let mut bytes = seed(below(seeds.len())).to_vec();
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        let to = (at + below(12)).min(bytes.len());
        match below(5) {
            0 => drop(bytes.drain(at..to)),
            1 => bytes.insert(at, b"{}[]\":;,\\0129.-e$*@ \nasOirRNC"[below(29)]),
            2 => {
                let copy = bytes[at..to].to_vec();
                let place = below(bytes.len() + 1);
                bytes.splice(place..place, copy);
            }
            3 => {
                let other = seed(below(seeds.len()));
                let from = below(other.len());
                let piece = other[from..(from + below(30)).min(other.len())].to_vec();
                bytes.splice(at..to, piece);
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << below(7),
            _ => {}
        }
    }
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// How many of them parse.
fn documents(name: &str, seeds: &[&str], agree: impl Fn(&str, bool)) -> usize {
    let text = column("text");
    let made = |params: &str| compiled(&spec(name, params), &text);
    let kept = made("paths = {}\nunlisted = 'keep'");
    let all = [
        made("paths = {}"),
        made("paths = {}\nunlisted = 'redact'"),
        made(
            "paths = { '$..email' = 'email', '$.*' = 'hmac', '$.list[1]' = 'null', '$.a' = { keep = 'x' } }\nunlisted = 'keep'",
        ),
    ];
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut parsed = 0;
    for _ in 0..ROUNDS {
        let value = mutated(seeds, &mut random);
        let mut out = String::new();
        let whole = kept.apply(&value, &mut out).is_ok();
        agree(&value, whole);
        if whole {
            parsed += 1;
            assert_eq!(out, value, "what is kept stays");
        }
        for transform in &all {
            let mut fake = String::new();
            if transform.apply(&value, &mut fake).is_ok() {
                assert!(whole, "{value} is replaced but does not parse");
                let again = kept.apply(&fake, &mut String::new());
                assert!(again.is_ok(), "{value} became {fake}, which does not parse");
            }
            transform.originals(&value, &[], &mut |_| {});
        }
    }
    parsed
}

#[test]
fn broken_json_is_taken_exactly_where_another_parser_takes_it() {
    let parsed = documents("json", &JSON, |value, whole| {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
        assert!(whole == theirs || value.trim().is_empty(), "{value}: {whole}");
    });
    assert!((ROUNDS / 20..ROUNDS - ROUNDS / 20).contains(&parsed), "{parsed}");
}

#[test]
fn broken_json_that_is_to_look_like_what_it_was_is_taken_where_it_parses_and_parses_again() {
    let json = column("json");
    let all = ["", "names = 'all'"].map(|params| compiled(&spec("like", params), &json));
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut parsed = 0;
    for _ in 0..ROUNDS {
        let value = mutated(&JSON, &mut random);
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&value).is_ok();
        for transform in &all {
            let mut fake = String::new();
            assert_eq!(transform.apply(&value, &mut fake).is_ok(), theirs, "{value}");
            if theirs {
                parsed += 1;
                assert_eq!(fake.len(), value.len(), "{value} became {fake}");
                assert!(transform.apply(&fake, &mut String::new()).is_ok(), "{fake}");
            }
            transform.originals(&value, &[], &mut |_| {});
        }
    }
    assert!((ROUNDS / 10..ROUNDS * 2).contains(&parsed), "{parsed}");
}

#[test]
fn broken_php_is_refused_or_stays_what_it_was() {
    let parsed = documents("php", &PHP, |_, _| {});
    assert!((ROUNDS / 100..ROUNDS - ROUNDS / 20).contains(&parsed), "{parsed}");
}

#[test]
fn broken_pairs_are_refused_or_stay_what_they_were() {
    let seeds = [
        "email=anna%40shop.example&address[city]=K%C3%B6ln&tags[]=a&y=",
        "a=1&b=+&c=%20",
    ];
    assert!(documents("urlencoded", &seeds, |_, _| {}) > ROUNDS / 20);
}

#[test]
fn broken_rules_are_refused_or_read_and_never_panic() {
    let services = BTreeMap::from([("db".parse().unwrap(), EngineKind::Postgres)]);
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let mut read = 0;
    for _ in 0..ROUNDS {
        let text = mutated(&RULES, &mut random);
        let Ok(rules) = RuleSet::parse(&[(PathBuf::from("a.toml"), text)], &services) else {
            continue;
        };
        read += 1;
        let tables = rules.database(services.keys().next().unwrap()).unwrap();
        for rule in tables
            .values()
            .flat_map(|table| table.columns.values())
            .flat_map(|column| &column.rules)
        {
            if let crate::sanitize::rules::Action::Mask(spec) = &rule.action {
                let _ = compile(spec, &column("text"), &super::tests::key());
            }
        }
    }
    assert!((ROUNDS / 20..ROUNDS).contains(&read), "{read}");
}
