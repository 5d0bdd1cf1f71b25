//! `envclone branch` of a production that runs, from one end to the other.

use crate::production::{Production, ask};

#[test]
fn a_branch_is_a_running_masked_copy_and_goes_without_a_trace() {
    let production = Production::new();
    let before = production.world();
    let document = production.branch("fix-42");
    let url = document["url"].as_str().unwrap();
    assert_eq!(ask(url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}
