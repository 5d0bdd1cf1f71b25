//! Pieces of rule files as text; each reads back as what it was made from.

use crate::model::ServiceName;
use crate::sanitize::schema::TableName;
use crate::sanitize::transform::Spec;

use super::Action;

/// The line that opens the rules of a table: `[db."public.customers"]`.
pub fn table_header(service: &ServiceName, table: &TableName) -> String {
    format!("[{}.{}]", key(service.as_str()), quoted(&table.to_string()))
}

/// The line that masks a column: `email = "email"`.
pub fn mask_line(column: &str, spec: &Spec) -> String {
    let action = Action::Mask(spec.clone());
    // The short form of a column called "rows" would be read as the action on all rows.
    let rule = if column == "rows" {
        table(&action, None)
    } else {
        rule(&action, None)
    };
    format!("{} = {rule}", key(column))
}

/// The line that keeps a column.
pub fn keep_line(column: &str, reason: &str) -> String {
    let reason = reason.to_owned();
    format!("{} = {}", key(column), rule(&Action::Keep { reason }, None))
}

/// A rule, in its short form where it has one.
pub(super) fn rule(action: &Action, condition: Option<&str>) -> String {
    match action {
        Action::Mask(spec) if spec.params.is_empty() && condition.is_none() => quoted(&spec.name),
        _ => table(action, condition),
    }
}

fn table(action: &Action, condition: Option<&str>) -> String {
    let mut entries = Vec::new();
    match action {
        Action::Keep { reason } => entries.push(format!("keep = {}", quoted(reason))),
        Action::Mask(spec) => {
            entries.push(format!("transform = {}", quoted(&spec.name)));
            // Values that stand in a file are not said twice.
            let in_file = spec.params.get("file").is_some_and(toml::Value::is_str);
            let params = spec
                .params
                .iter()
                .filter(|(name, _)| !(in_file && *name == "values"));
            entries.extend(params.map(|(name, value)| format!("{} = {value}", key(name))));
        }
    }
    entries.extend(condition.map(|condition| format!("where = {}", quoted(condition))));
    format!("{{ {} }}", entries.join(", "))
}

/// A key, bare where TOML allows it.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let code = format!("\\u{:04X}", u32::from(c));
                quoted.push_str(&code);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_look_as_a_person_would_write_them() {
        let service = "db".parse().unwrap();
        assert_eq!(
            table_header(&service, &TableName::new("public", "customers")),
            "[db.\"public.customers\"]"
        );
        let mut spec = Spec {
            name: "email".to_owned(),
            params: toml::Table::new(),
        };
        assert_eq!(mask_line("email", &spec), "email = \"email\"");
        assert_eq!(mask_line("rows", &spec), "rows = { transform = \"email\" }");
        spec.params
            .insert("a b".to_owned(), toml::Value::String("c\"d".to_owned()));
        assert_eq!(
            mask_line("e mail", &spec),
            "\"e mail\" = { transform = \"email\", \"a b\" = 'c\"d' }"
        );
        assert_eq!(keep_line("a", "b\n"), "a = { keep = \"b\\u000A\" }");
    }

    proptest! {
        #[test]
        fn any_name_and_reason_reads_back(name in "\\PC{0,6}|[\\x00-\\x7f]{0,6}", reason in "(?s).{0,6}") {
            let table: toml::Table = toml::from_str(&keep_line(&name, &reason)).unwrap();
            prop_assert_eq!(table[&name]["keep"].as_str(), Some(reason.as_str()));
        }
    }
}
