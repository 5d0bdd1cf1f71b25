//! What rule files may say, and what is answered to what they may not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{EngineKind, ServiceName};
use crate::sanitize::file_rules::Decision;
use crate::sanitize::rules::{Action, ColumnRules, RuleSet, RulesError};
use crate::sanitize::schema::TableName;
use crate::sanitize::transform;

fn service(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn parse(texts: &[&str]) -> Result<RuleSet, RulesError> {
    let services = BTreeMap::from([
        (service("db"), EngineKind::Postgres),
        (service("uploads"), EngineKind::Files),
    ]);
    let files: Vec<(PathBuf, String)> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| {
            (
                PathBuf::from(format!("{}.toml", ["a", "b", "c"][number])),
                (*text).to_owned(),
            )
        })
        .collect();
    RuleSet::parse(&files, &services)
}

/// The messages with their places, without the excerpts.
fn refusals(texts: &[&str]) -> Vec<String> {
    let error = parse(texts).expect_err("was taken");
    error
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.at, problem.message))
        .collect()
}

/// The only refusal of one line of a table of the database.
fn refusal(line: &str) -> String {
    let all = refusals(&[&format!("[db.\"public.t\"]\n{line}\n")]);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn column(text: &str) -> ColumnRules {
    let set = parse(&[&format!("[db.\"public.t\"]\n{text}\n")]).unwrap();
    let table = &set.database(&service("db")).unwrap()[&TableName::new("public", "t")];
    assert_eq!(table.columns.len(), 1);
    table.columns.values().next().unwrap().clone()
}

const DESIGN: &str = r#"
[db."public.customers"]        # service."schema.table" (MariaDB: "database.table")
email = "email"
full_name = "name"
phone = { transform = "phone", country = "FR" }
card_token = "null"
notes = { transform = "text", mode = "scramble" }
segment = { keep = "marketing segment, no personal data" }

[db."public.sessions"]
rows = "delete"

[uploads]
delete = ["private/**"]
keep = { "**" = "product pictures" }
"#;

#[test]
fn the_rule_file_of_the_design_is_taken() {
    let set = parse(&[DESIGN]).unwrap();
    let db = set.database(&service("db")).unwrap();
    let customers = &db[&TableName::new("public", "customers")];
    assert_eq!(customers.columns.len(), 6);
    let Some(Action::Mask(phone)) = customers.columns["phone"].unconditional() else {
        panic!("phone is not masked");
    };
    assert_eq!(phone.name, "phone");
    assert_eq!(phone.params, toml::toml! { country = "FR" });
    assert_eq!(customers.columns["email"].at.to_string(), "a.toml:3:1");
    let Some(Action::Keep { reason }) = customers.columns["segment"].unconditional() else {
        panic!("segment is not kept");
    };
    assert_eq!(reason, "marketing segment, no personal data");
    assert!(customers.delete_rows.is_none());
    let sessions = &db[&TableName::new("public", "sessions")];
    assert!(sessions.empties().is_some() && sessions.deletes_where().is_none());
    let uploads = set.files(&service("uploads")).unwrap();
    assert_eq!(uploads.decide(b"private/x"), Decision::Delete(0));
    assert_eq!(uploads.decide(b"a/b.jpg"), Decision::Keep(0));
    assert_eq!(uploads.keep()[0].reason.as_deref(), Some("product pictures"));
}

#[test]
fn rules_inside_rules_are_read_and_written_back() {
    for line in [
        "profile = { transform = \"json\", paths = { \"$.a\" = \"email\" }, unlisted = \"scan\" }",
        "meta = { transform = \"by-key\", key = \"k\", rules = { e = \"email\" }, else = \"null\" }",
        "first = { transform = \"person\", part = \"first\", of = \"id\" }",
        "notes = [{ transform = \"redact\", where = \"staff\" }, \"text\"]",
    ] {
        let read = |line: &str| {
            let rules = parse(&[&format!("[db.\"public.t\"]\n{line}")]).unwrap();
            let table = rules
                .database(&"db".parse().unwrap())
                .unwrap()
                .values()
                .next()
                .unwrap();
            let (name, column) = table.columns.iter().next().unwrap();
            let rules: Vec<String> = column.rules.iter().map(ToString::to_string).collect();
            (name.clone(), rules)
        };
        let (name, rules) = read(line);
        assert_eq!(read(&format!("{name} = [{}]", rules.join(", "))), (name, rules));
    }
}

#[test]
fn forms_of_the_design_that_come_later_are_refused_by_name_and_line() {
    for text in [
        "[cache]\n\"sess:*\" = \"flush\"",
        "[queue]\n\"*\" = \"hold\"",
        "[search.\"logs-*\"]\nindex = \"drop\"",
    ] {
        let all = refusals(&[text]);
        assert_eq!(all.len(), 1);
        assert!(all[0].starts_with("a.toml:1:2: no service is called"), "{all:?}");
        assert!(all[0].contains("Rules of redis, rabbitmq and opensearch are not supported yet"));
    }
}

#[test]
fn a_service_without_rules_has_an_empty_set_and_an_unknown_one_none() {
    let set = parse(&[]).unwrap();
    assert!(set.database(&service("db")).unwrap().is_empty());
    assert_eq!(
        set.files(&service("uploads")).unwrap().decide(b"x"),
        Decision::Unruled
    );
    assert!(set.database(&service("uploads")).is_none() && set.files(&service("db")).is_none());
    assert!(set.database(&service("other")).is_none());
}

#[test]
fn a_list_of_rules_keeps_its_order_and_says_whether_it_leaves_rows() {
    let rules = column(
        "notes = [{ transform = \"hmac\", where = \"staff\" }, { transform = \"text\", mode = \"lorem\" }]",
    );
    assert_eq!(rules.rules.len(), 2);
    assert_eq!(rules.rules[0].condition.as_deref(), Some("staff"));
    assert!(!rules.leaves_rows() && rules.unconditional().is_none());
    assert!(column("a = { transform = \"email\", where = \"x\" }").leaves_rows());
    assert!(column("a = [{ keep = \"y\", where = \"x\" }]").leaves_rows());
    assert!(!column("a = \"null\"").leaves_rows());
    assert!(!column("a = [{ keep = \"staff\", where = \"staff\" }, \"null\"]").leaves_rows());
}

#[test]
fn parameters_of_every_type_reach_the_transform() {
    let rules = column(
        "a = { transform = \"fixed\", value = 0x1F, f = 1.5, b = true, l = [1, 'x'], t.u = 1979-05-27 }",
    );
    let Some(Action::Mask(spec)) = rules.unconditional() else {
        panic!("not masked");
    };
    assert_eq!(
        spec.params,
        toml::from_str("value = 31\nf = 1.5\nb = true\nl = [1, 'x']\nt.u = 1979-05-27").unwrap()
    );
    assert_eq!(
        refusal("a = { transform = \"fixed\", value = 99999999999999999999 }"),
        "a.toml:2:36: this number is out of range"
    );
}

#[test]
fn a_column_called_rows_can_be_ruled_beside_the_action() {
    let rules = column("rows = { transform = \"null\" }");
    assert!(matches!(rules.unconditional(), Some(Action::Mask(_))));
    assert!(refusal("rows = \"null\"").contains("rows takes \"delete\"; for a column that is called rows"));
    assert_eq!(
        refusal("rows = { delete = true, where = \"old\" }"),
        "a.toml:2:10: unknown key \"delete\"; rows takes \"delete\", or { action = \"delete\", where = \"condition\" }"
    );
}

#[test]
fn rules_of_several_files_add_up_and_a_second_rule_names_both_places() {
    let a = "[db.\"public.t\"]\na = \"email\"\n[uploads]\ndelete = [\"x/**\"]\n";
    let b = "[db.\"public.t\"]\nb = \"null\"\n[uploads]\nkeep = { \"y\" = \"z\" }\n";
    let set = parse(&[a, b]).unwrap();
    let table = &set.database(&service("db")).unwrap()[&TableName::new("public", "t")];
    assert_eq!(table.columns.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(set.files(&service("uploads")).unwrap().delete().len(), 1);

    let again = "# again\n[uploads]\nkeep = { \"x/**\" = \"why\" }\n[db.'\"public\".t']\na = \"null\"\n";
    assert_eq!(
        refusals(&[a, b, again]),
        [
            "c.toml:3:10: uploads: \"x/**\" is ruled already at a.toml:4:11",
            "c.toml:5:1: db.public.t.a is ruled already at a.toml:2:1",
        ]
    );
    let empties = "[db.\"public.t\"]\nrows = \"delete\"\n";
    assert_eq!(
        refusals(&[empties, empties]),
        ["b.toml:2:1: the rows of db.public.t are deleted already at a.toml:2:1"]
    );
}

#[test]
fn rows_that_go_under_a_condition_leave_the_others_to_rules_of_columns() {
    let text = "[db.\"p.t\"]\nrows = { action = \"delete\", where = \"old\" }\nx = \"null\"\n";
    let set = parse(&[text]).unwrap();
    let table = &set.database(&service("db")).unwrap()[&TableName::new("p", "t")];
    assert_eq!(table.deletes_where(), Some("old"));
    assert!(table.empties().is_none() && table.columns.len() == 1);
    assert_eq!(
        refusals(&[text, "[db.\"p.t\"]\nrows = \"delete\"\n"]),
        ["b.toml:2:1: the rows of db.p.t are deleted already at a.toml:2:1"]
    );
}

#[test]
fn rows_that_go_need_an_action_and_a_condition() {
    let form = "rows takes \"delete\", or { action = \"delete\", where = \"condition\" }";
    assert_eq!(
        refusal("rows = { action = \"delete\" }"),
        format!("a.toml:2:8: {form}")
    );
    assert_eq!(refusal("rows = { where = \"x\" }"), format!("a.toml:2:8: {form}"));
    assert_eq!(
        refusal("rows = { action = \"keep\", where = \"x\" }"),
        format!("a.toml:2:19: {form}")
    );
    assert_eq!(
        refusal("rows = { action = \"delete\", when = \"x\" }"),
        format!("a.toml:2:29: unknown key \"when\"; {form}")
    );
    assert_eq!(
        refusal("rows = { action = \"delete\", where = \" \" }"),
        "a.toml:2:37: where is empty"
    );
    assert!(
        refusal("rows = { action = \"delete\", where = 1 }")
            .ends_with("where must be a string, not an integer")
    );
}

#[test]
fn rules_for_columns_of_an_emptied_table_are_refused() {
    assert_eq!(
        refusals(&[
            "[db.\"p.t\"]\nrows = \"delete\"\n",
            "[db.\"p.t\"]\nx = \"null\"\n"
        ]),
        [
            "b.toml:2:1: db.p.t.x is ruled, but a.toml:2:1 deletes all rows of its table; remove one of the two"
        ]
    );
}

#[test]
fn every_problem_of_every_file_is_told_with_line_and_caret() {
    let error = parse(&["[db.\"public.t\"]\nemail = \"emial\"\n[dv]\n", "x = \n"]).unwrap_err();
    let names: Vec<&str> = transform::ALL.iter().map(|entry| entry.name).collect();
    let names = names.join(", ");
    assert_eq!(
        error.to_string(),
        format!(
            "a.toml:2:9: unknown transform \"emial\"; did you mean \"email\"?; there is {names}\n  |\n\
             2 | email = \"emial\"\n  |         ^^^^^^^\n\
             a.toml:3:2: no service is called \"dv\"; did you mean \"db\"?; there is db, uploads. Rules of redis, \
             rabbitmq and opensearch are not supported yet\n  |\n3 | [dv]\n  |  ^^\n\
             b.toml:1:5: this is no TOML: string values must be quoted, expected literal string\n  |\n1 | x = \n  |     ^"
        )
    );
}

#[test]
fn table_names_without_a_schema_are_refused_with_the_name_to_write() {
    let one = |text: &str| refusals(&[text]).remove(0);
    assert_eq!(
        one("[db.\"customers\"]\nemail = \"email\"\n"),
        "a.toml:1:5: \"customers\" names no schema; write [db.\"public.customers\"]"
    );
    assert_eq!(
        one("[db.customers]\nemail = { transform = \"email\" }\n"),
        "a.toml:1:5: \"customers\" names no schema; write [db.\"public.customers\"]"
    );
    assert_eq!(
        one("[db.public.customers]\nemail = \"email\"\n"),
        "a.toml:1:5: write the schema and the table as one name in quotes: [db.\"public.…\"]"
    );
    assert_eq!(
        one("[db]\nrows = \"delete\"\n"),
        "a.toml:2:1: \"rows\" must stand below a table: [db.\"public.…\"]"
    );
    assert!(one("[db.\"a.b.c\"]\n").contains("more than a schema and a table"));
    assert_eq!(
        one("[db]\n\"a.b\" = 1\n"),
        "a.toml:2:1: \"a.b\" must be a table of rules, not an integer"
    );
    assert_eq!(
        one("db = \"x\"\n"),
        "a.toml:1:1: db must be a table of rules, not a string"
    );
}

#[test]
fn refused_rules_say_what_to_write() {
    let says = |line: &str, text: &str| {
        let said = refusal(line);
        assert!(said.contains(text), "{line}: {said}");
    };
    says(
        "a = \"keep\"",
        "keep needs its reason: { keep = \"why this may stay\" }",
    );
    says(
        "a = \"delete\"",
        "rows are deleted for a whole table, with rows = \"delete\"; a column takes \"null\"",
    );
    says(
        "a = { keep = \"\" }",
        "keep needs a reason: say why this may stay",
    );
    says("a = { keep = \" \\t\" }", "keep needs a reason");
    says("a = { keep = true }", "keep must be a string, not a boolean");
    says(
        "a = { keep = \"x\", why = \"y\" }",
        "unknown key \"why\"; beside keep there is only where",
    );
    says(
        "a = { keep = \"x\", transform = \"null\" }",
        "a transform or a keep, not both",
    );
    says("a = {}", "a rule needs transform = \"…\" or keep = \"reason\"");
    says(
        "a = { country = \"FR\" }",
        "a rule needs transform = \"…\" or keep = \"reason\"",
    );
    says(
        "a = { transform = 1 }",
        "transform must be a string, not an integer",
    );
    says(
        "a = { transform = \"phnoe\" }",
        "unknown transform \"phnoe\"; did you mean \"phone\"?",
    );
    says("a = { transform = \"null\", where = \"\" }", "where is empty");
    says(
        "a = { transform = \"null\", where = [] }",
        "where must be a string, not an array",
    );
    says(
        "a = 3",
        "a rule is the name of a transform, { transform = … }, { keep = … } or a list of these, not an integer",
    );
    says("a = []", "an empty list of rules leaves every row unruled");
    says("a = [[]]", "a list of rules cannot hold another list");
    says(
        "a = [\"null\", \"email\"]",
        "this rule never applies: the one before it has no where and takes every row",
    );
}

#[test]
fn refused_rules_of_files_say_what_to_write() {
    let says = |line: &str, text: &str| {
        let all = refusals(&[&format!("[uploads]\n{line}\n")]);
        assert!(
            all.len() == 1 && all[0].starts_with("a.toml:2:") && all[0].contains(text),
            "{line}: {all:?}"
        );
    };
    says(
        "keeps = {}",
        "unknown key \"keeps\"; did you mean \"keep\"?; files take delete = [\"glob\"]",
    );
    says("delete = \"x\"", "delete must be a list of globs, not a string");
    says(
        "delete = [1]",
        "a glob of delete must be a string, not an integer",
    );
    says("delete = [\"\"]", "a glob of delete is empty");
    says(
        "keep = [\"x\"]",
        "keep must be a table { \"glob\" = \"reason\" }, not an array",
    );
    says("keep = { \"x\" = \"\" }", "keep needs a reason");
    says("delete = [\"/srv\"]", "paths begin below the volume");
    says(
        "delete = [\"a\", \"a\"]",
        "uploads: \"a\" is ruled already at a.toml:2:11",
    );
}
