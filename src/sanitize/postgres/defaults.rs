//! What columns get where a row says nothing (`DEFAULT`), for rules that ask for it. The server computes it, once, as the
//! superuser: so only where nothing of the data is called for that.

use std::collections::BTreeMap;

use crate::engine::EngineError;
use crate::engine::postgres::Session;
use crate::sanitize::rules::{Action, ColumnRules, DatabaseRules};
use crate::sanitize::schema::{ColumnDefault, Schema, TableName};

use super::rewrite::regclass;
use super::rights::with_rules;

/// The defaults of a table: column, expression, whether it calls what may be of the data, whether it may give each row another value.
/// Stable functions of dates and times call nothing else (`now`, `to_char`). Of types of the data those are known to run nothing
/// of it whose input only a superuser can make, and labels.
const DEFAULTS: &str = "WITH trees AS (SELECT adnum, adbin::text AS tree FROM pg_attrdef WHERE adrelid = TABLE), \
    called AS (SELECT adnum, p.* FROM trees, regexp_matches(tree, '(funcid|:opno) (\\d+)', 'g') AS found \
        LEFT JOIN pg_operator AS o ON found[1] = ':opno' AND o.oid = found[2]::oid \
        JOIN pg_proc AS p ON p.oid = CASE WHEN found[1] = 'funcid' THEN found[2]::oid ELSE oprcode END), \
    named AS (SELECT adnum, coalesce(e.oid, t.oid) AS id, coalesce(e.typtype, t.typtype) AS kind \
        FROM trees, regexp_matches(tree, 'typ(?:e|id|eid) (\\d+)', 'g') AS found JOIN pg_type AS t ON t.oid = found[1]::oid \
        LEFT JOIN pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A') \
    SELECT attname, pg_get_expr(adbin, adrelid), \
        (adbin::text ~ 'UNCLEAR' OR adbin::text ~ '{COERCETODOMAIN' \
         OR EXISTS (SELECT FROM named AS n WHERE n.adnum = d.adnum AND id >= 16384 AND kind NOT IN ('b', 'e')) \
         OR EXISTS (SELECT FROM called AS p JOIN pg_language AS l ON l.oid = prolang WHERE p.adnum = d.adnum AND FOREIGN \
            AND NOT (lanname = 'internal' AND (provolatile = 'v' OR prorettype = ANY (TIMES) AND proargtypes::oid[] <@ TIMES))))::int, \
        EXISTS (SELECT FROM called AS c WHERE c.adnum = d.adnum AND provolatile = 'v')::int \
    FROM pg_attrdef AS d JOIN pg_attribute AS a ON attrelid = adrelid AND attnum = adnum \
    WHERE adrelid = TABLE AND attgenerated = ''";

const TIMES: &str = "'{text,date,time,timetz,timestamp,timestamptz,interval}'::regtype[]::oid[]";

/// Fills in the defaults of the columns whose rules ask for them.
///
/// # Errors
/// [`EngineError`] of the queries: a default that cannot be computed.
pub(super) fn fill(
    session: &mut Session,
    schema: &mut Schema,
    rules: &DatabaseRules,
) -> Result<(), EngineError> {
    for table in &mut schema.tables {
        let Some(rules) = rules.get(&table.name) else {
            continue;
        };
        let asked = |name: &str| rules.columns.get(name).is_some_and(asks);
        if !table.columns.iter().any(|column| asked(&column.name)) {
            continue;
        }
        let known = known(session, &table.name)?;
        for column in &mut table.columns {
            if let Some((expression, default)) = known.get(&column.name).filter(|_| asked(&column.name)) {
                column.default = match default {
                    ColumnDefault::Value(_) => {
                        let action = format!("computing the DEFAULT of {}.{}", table.name, column.name);
                        let text = format!(
                            "SELECT format('%s', default_value), default_value IS NULL FROM (SELECT ({expression}) AS default_value) AS one"
                        );
                        let row = session
                            .rows(&action, &text)?
                            .into_iter()
                            .next()
                            .unwrap_or_default();
                        value(&row)
                    }
                    other => other.clone(),
                };
            }
        }
    }
    Ok(())
}

fn asks(column: &ColumnRules) -> bool {
    let of_default = |action: &Action| matches!(action, Action::Mask(spec) if spec.name == "default");
    column.rules.iter().any(|rule| of_default(&rule.action))
}

/// Columns of a table that have a default: its expression, and what kind of default it is.
fn known(
    session: &mut Session,
    table: &TableName,
) -> Result<BTreeMap<String, (String, ColumnDefault)>, EngineError> {
    let sql = with_rules(DEFAULTS)
        .replace("TABLE", &regclass(table))
        .replace("TIMES", TIMES);
    let rows = session.rows("looking at defaults", &sql)?;
    let one = |row: Vec<Option<String>>| {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (name, expression) = (row.next()?, row.next()?);
        let (of_the_data, each_row) = (row.next()? != "0", row.next()? != "0");
        let default = if of_the_data {
            ColumnDefault::OfTheData
        } else if each_row {
            ColumnDefault::EachRow
        } else {
            ColumnDefault::Value(None)
        };
        Some((name, (expression, default)))
    };
    Ok(rows.into_iter().filter_map(one).collect())
}

fn value(row: &[Option<String>]) -> ColumnDefault {
    match row {
        [Some(text), Some(null)] if null == "f" => ColumnDefault::Value(Some(text.clone())),
        _ => ColumnDefault::Value(None),
    }
}
