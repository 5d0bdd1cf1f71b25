//! Which values the CHECK constraints of a column leave, where they list them or give a range: a rule that a scan writes gives no other.
//! What else a constraint may say is not understood, and nothing is called.

use std::collections::BTreeMap;

use crate::engine::EngineError;
use crate::engine::postgres::Session;
use crate::sanitize::schema::{Allowed, Table};

/// Constraints of tables, and of the domains of columns, that read one column.
const CHECKS: &str = "SELECT k.conrelid, k.conkey[1], a.attname, pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint AS k \
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
    WHERE k.contype = 'c' AND cardinality(k.conkey) = 1 AND k.conrelid >= 16384 \
    UNION ALL SELECT a.attrelid, a.attnum, 'VALUE', pg_get_expr(k.conbin, 0) FROM pg_attribute AS a \
    JOIN pg_constraint AS k ON k.contypid = a.atttypid AND k.contype = 'c' \
    WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2";

/// Fills in what the constraints leave.
///
/// # Errors
/// [`EngineError`] of the query.
pub(super) fn fill(session: &mut Session, tables: &mut BTreeMap<u32, Table>) -> Result<(), EngineError> {
    let mut of_columns: BTreeMap<(u32, u16), Vec<Allowed>> = BTreeMap::new();
    for row in session.rows("listing what columns may hold", CHECKS)? {
        let text = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        if let (Ok(table), Ok(column)) = (text(0).parse(), text(1).parse()) {
            let allowed = allowed(&text(3), &text(2));
            of_columns.entry((table, column)).or_default().push(allowed);
        }
    }
    for ((table, position), allowed) in of_columns {
        // Of several, each leaves less than it says.
        let [allowed] = &allowed[..] else { continue };
        let columns = tables.get_mut(&table).map(|table| table.columns.iter_mut());
        if let Some(column) =
            columns.and_then(|mut columns| columns.find(|column| column.position == position))
        {
            column.allowed = allowed.clone();
        }
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A name or a keyword.
    Word(String),
    /// A constant.
    Constant(String),
    /// An operator.
    Operator(String),
}

/// What a condition on a column leaves, as the server writes conditions.
fn allowed(condition: &str, column: &str) -> Allowed {
    let Some(tokens) = tokens(condition) else {
        return Allowed::Any;
    };
    let is_column = |token: &Token| matches!(token, Token::Word(word) if word == column);
    let is = |token: &Token, text: &str| matches!(token, Token::Operator(other) if other == text);
    if let [
        first,
        from,
        Token::Constant(least),
        Token::Word(and),
        second,
        to,
        Token::Constant(most),
    ] = &tokens[..]
        && is_column(first)
        && is_column(second)
        && and == "AND"
        && is(from, ">=")
        && is(to, "<=")
        && let (Ok(least), Ok(most)) = (least.parse(), most.parse())
    {
        return Allowed::Between(least, most);
    }
    let mut constants = Vec::new();
    for token in &tokens {
        match token {
            Token::Constant(constant) => constants.push(constant.clone()),
            Token::Operator(operator) if operator == "=" => {}
            Token::Word(word)
                if is_column(token) || matches!(word.as_str(), "ANY" | "ARRAY" | "OR" | "IS" | "NULL") => {}
            _ => return Allowed::Any,
        }
    }
    // `a = 'x'` and nothing before it or between but the column.
    let compared = tokens
        .windows(2)
        .all(|pair| !is(&pair[1], "=") || is_column(&pair[0]));
    let lists = tokens.iter().any(|token| is(token, "=")) && !constants.is_empty();
    if compared && lists {
        Allowed::Only(constants)
    } else {
        Allowed::Any
    }
}

/// The tokens of a condition without parentheses, brackets, commas and casts; `None` where something else stands in it.
fn tokens(condition: &str) -> Option<Vec<Token>> {
    const TYPES: [&str; 10] = [
        "text",
        "character",
        "varying",
        "bpchar",
        "integer",
        "smallint",
        "bigint",
        "numeric",
        "citext",
        "char",
    ];
    let mut tokens = Vec::new();
    let mut rest = condition.trim_start();
    let mut cast = false;
    while let Some(first) = rest.chars().next() {
        let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let length = match first {
            '(' | ')' | '[' | ']' | ',' => {
                cast = false;
                1
            }
            '\'' | '"' => {
                let (text, length) = quoted(rest, first)?;
                tokens.push(if first == '"' {
                    Token::Word(text)
                } else {
                    Token::Constant(text)
                });
                length
            }
            ':' => {
                cast = true;
                2
            }
            c if name(c) => {
                let length = rest.find(|c: char| !name(c)).unwrap_or(rest.len());
                let word = &rest[..length];
                if cast && TYPES.contains(&word) {
                    // A part of the name of a type.
                } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
                    tokens.push(Token::Constant(word.to_owned()));
                } else {
                    cast = false;
                    tokens.push(Token::Word(word.to_owned()));
                }
                length
            }
            '<' | '>' | '=' => {
                cast = false;
                let length = rest
                    .find(|c: char| !matches!(c, '<' | '>' | '='))
                    .unwrap_or(rest.len());
                tokens.push(Token::Operator(rest[..length].to_owned()));
                length
            }
            _ => return None,
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

/// The text between quotes at the beginning of this one, and how long it is with them; a doubled one stands for itself.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = letters.next() {
        if c != quote {
            inner.push(c);
        } else if letters.peek().is_some_and(|(_, next)| *next == quote) {
            inner.push(quote);
            letters.next();
        } else {
            return Some((inner, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_understood_and_nothing_else() {
        let only = |values: &[&str]| Allowed::Only(values.iter().map(|value| (*value).to_owned()).collect());
        for (condition, column, expected) in [
            (
                "(sex = ANY (ARRAY['m'::bpchar, 'f'::bpchar]))",
                "sex",
                only(&["m", "f"]),
            ),
            (
                "((sex)::text = ANY ((ARRAY['m'::character varying, 'it''s'::character varying])::text[]))",
                "sex",
                only(&["m", "it's"]),
            ),
            ("(sex = ANY (ARRAY[0, 1, 2]))", "sex", only(&["0", "1", "2"])),
            (
                "((\"Sex\" = 'm'::bpchar) OR (\"Sex\" = 'f'::bpchar))",
                "Sex",
                only(&["m", "f"]),
            ),
            (
                "((sex IS NULL) OR (sex = ANY (ARRAY[1, 2])))",
                "sex",
                only(&["1", "2"]),
            ),
            (
                "(VALUE = ANY (ARRAY['a'::text, 'b'::text]))",
                "VALUE",
                only(&["a", "b"]),
            ),
            ("((sex >= 0) AND (sex <= 9))", "sex", Allowed::Between(0, 9)),
            (
                "((sex >= '-1'::integer) AND (sex <= 1))",
                "sex",
                Allowed::Between(-1, 1),
            ),
        ] {
            assert_eq!(allowed(condition, column), expected, "{condition}");
        }
        for condition in [
            "(sex <> 'm'::text)",
            "(length(sex) = 1)",
            "(sex ~ '^[mf]$'::text)",
            "(other = ANY (ARRAY['m'::text, 'f'::text]))",
            "((sex)::text = lower((sex)::text))",
            "((sex > 0) AND (sex < 9))",
            "(sex = ANY (ARRAY['m'::text, 'f",
            "(NOT (sex = ANY (ARRAY['m'::text, 'f'::text])))",
            "",
        ] {
            assert_eq!(allowed(condition, "sex"), Allowed::Any, "{condition}");
        }
    }
}
