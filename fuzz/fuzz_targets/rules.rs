#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;

use envclone::model::EngineKind;
use envclone::sanitize::rules::RuleSet;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let services = BTreeMap::from([("db".parse().unwrap(), EngineKind::Postgres)]);
    let _ = RuleSet::parse(&[(PathBuf::from("a.toml"), text.to_owned())], &services);
});
