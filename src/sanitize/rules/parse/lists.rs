//! Rules whose values stand in a file: `file` becomes `values`, as if they stood in the rule.

use toml::{Table, Value};

/// Gives the text of the list of a name.
type Text<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// How the lines of a file are read.
#[derive(Clone, Copy)]
enum Form {
    /// A value, a tab, what replaces it.
    Pairs,
    /// A value.
    Values,
}

/// How a transform's file is read; `None` for one that takes none.
fn form(transform: &str) -> Option<Form> {
    match transform {
        "dictionary" => Some(Form::Pairs),
        "choice" => Some(Form::Values),
        _ => None,
    }
}

/// Puts the values of files into a rule, and into the rules inside it. Of another transform a `file` is a parameter like any.
///
/// # Errors
/// What is wrong, with the file's name and line, without what stands there.
pub(super) fn put_in(transform: &str, params: &mut Table, text: &Text<'_>) -> Result<(), String> {
    let file = params.get("file").and_then(Value::as_str).map(str::to_owned);
    if let (Some(form), Some(file)) = (form(transform), file) {
        if params.contains_key("values") {
            return Err(format!("{transform} takes values or a file of them, not both"));
        }
        let text = text(&file).ok_or_else(|| format!("there is no list {file:?} beside this rule file"))?;
        params.insert("values".to_owned(), values(form, &file, text)?);
    }
    params.iter_mut().try_for_each(|(_, value)| within(value, text))
}

fn within(value: &mut Value, text: &Text<'_>) -> Result<(), String> {
    match value {
        Value::Table(table) => {
            let transform = table.get("transform").and_then(Value::as_str).map(str::to_owned);
            put_in(&transform.unwrap_or_default(), table, text)
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| within(item, text)),
        _ => Ok(()),
    }
}

/// One entry a line; lines that are empty say nothing.
fn values(form: Form, file: &str, text: &str) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    match form {
        Form::Values => Ok(Value::Array(
            lines.map(|(_, line)| Value::String(line.to_owned())).collect(),
        )),
        Form::Pairs => {
            let mut pairs = Table::new();
            for (number, line) in lines {
                let number = number + 1;
                let pair = line.split_once('\t').filter(|(_, new)| !new.contains('\t'));
                let (old, new) = pair
                    .ok_or_else(|| format!("{file}, line {number}: a value, a tab, and what replaces it"))?;
                if pairs
                    .insert(old.to_owned(), Value::String(new.to_owned()))
                    .is_some()
                {
                    return Err(format!("{file}, line {number}: the value stands there already"));
                }
            }
            Ok(Value::Table(pairs))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(rule: &str, text: Option<&str>) -> Result<Table, String> {
        let mut params: Table = rule.parse().unwrap();
        let transform = params.remove("transform").unwrap();
        let found = |name: &str| text.filter(|_| name == "l.txt");
        put_in(transform.as_str().unwrap(), &mut params, &found)?;
        Ok(params)
    }

    #[test]
    fn a_file_stands_for_its_values_also_inside_other_rules() {
        let list = "\u{feff}a\tb\r\n\nc d\te=f\n";
        let pairs = read("transform = 'dictionary'\nfile = 'l.txt'", Some(list)).unwrap();
        let expected: Table = "a = 'b'\n'c d' = 'e=f'".parse().unwrap();
        assert_eq!(pairs["values"], Value::Table(expected));
        assert_eq!(pairs["file"].as_str(), Some("l.txt"));
        let inside = "transform = 'json'\npaths = { '$.a' = { transform = 'choice', file = 'l.txt' } }";
        let inside = read(inside, Some("x\ny")).unwrap();
        assert_eq!(inside["paths"]["$.a"]["values"].as_array().unwrap().len(), 2);
        // Another transform's own parameter.
        let other = read("transform = 'hmac'\nfile = 'l.txt'", None).unwrap();
        assert!(!other.contains_key("values"));
    }

    #[test]
    fn what_is_no_list_is_told_by_its_line_without_what_stands_there() {
        let said = |rule: &str, text| read(rule, text).unwrap_err();
        let rule = "transform = 'dictionary'\nfile = 'l.txt'";
        assert_eq!(
            said(rule, None),
            "there is no list \"l.txt\" beside this rule file"
        );
        for text in ["a\tb\nsecret", "a\tb\nsecret\tb\tc"] {
            let line = "l.txt, line 2: a value, a tab, and what replaces it";
            assert_eq!(said(rule, Some(text)), line);
        }
        assert_eq!(
            said(rule, Some("a\tb\n\na\tc")),
            "l.txt, line 3: the value stands there already"
        );
        let both = format!("{rule}\nvalues = {{ a = 'b' }}");
        assert!(said(&both, Some("")).contains("values or a file of them, not both"));
    }

    proptest! {
        #[test]
        fn every_line_is_an_entry(pairs in prop::collection::btree_map("[^\t\r\n\u{feff}]{1,9}", "[^\t\r\n]{0,9}", 0..20)) {
            let lines: Vec<String> = pairs.iter().map(|(old, new)| format!("{old}\t{new}\n")).collect();
            let text = lines.concat();
            let read = values(Form::Pairs, "l.txt", &text).unwrap();
            let expected = pairs.into_iter().map(|(old, new)| (old, Value::String(new)));
            prop_assert_eq!(read, Value::Table(expected.collect()));
        }
    }
}
