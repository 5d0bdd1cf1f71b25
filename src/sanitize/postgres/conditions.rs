//! Conditions of rules (`where`) that may call code of the data: by a function that they name, by a cast, operator or domain of a
//! column's type, by a view. As the superuser nobody evaluates those: the owner of the table reads it instead.

use std::collections::BTreeSet;
use std::fmt;

use crate::engine::postgres::Session;
use crate::sanitize::ledger::{Fate, Ledger};
use crate::sanitize::schema::{TableKind, TableName};
use crate::sanitize::service::ServiceError;

use super::rewrite::{quoted, regclass};
use super::rights::{Loader, with_reached};
use super::spool::holds;

/// The numbers that are in the names of views which call code of the data. What a view's query says is stored as the
/// server understands it; only values in it are read, by what their types check (see [`INPUT_CALLS`]). Of relations only tables are read without calling anything,
/// and among those only ones that are not partitioned by an expression. What is written in C is a superuser's, and was named by
/// the owner of the rules.
const CALLING: &str = "WITH RECURSIVE REACHED \
    SELECT substr(relname, VIEW) FROM pg_class AS v JOIN (\
        SELECT of FROM called JOIN pg_proc AS p ON p.oid = function JOIN pg_language AS l ON l.oid = prolang WHERE FOREIGN AND lanname <> 'c' \
        UNION SELECT of FROM reached WHERE tree ~ 'UNCLEAR' \
        UNION SELECT of FROM reached, regexp_matches(tree, ':relid (\\d+)', 'g') AS found JOIN pg_class AS c ON c.oid = found[1]::oid \
            WHERE c.oid <> of AND (relkind NOT IN ('r', 'm', 'p') OR relkind = 'p' AND EXISTS (\
                SELECT FROM pg_partition_tree(c.oid) AS part JOIN pg_partitioned_table ON partrelid = part.relid \
                WHERE partexprs IS NOT NULL))) AS found ON of = v.oid";

/// The names by which a condition can come to a value that cannot be read from text without calling code of the data: those of the
/// types, tables among them, and of the columns and functions that have one.
const INPUT_CALLS: &str = "WITH RECURSIVE REACHED, \
    calling(type) AS (SELECT of FROM called JOIN pg_proc AS p ON p.oid = function JOIN pg_language AS l ON l.oid = prolang WHERE FOREIGN \
        UNION SELECT of FROM reached WHERE tree ~ 'UNCLEAR') \
    SELECT lower(typname) FROM pg_type JOIN calling ON type = oid \
    UNION SELECT lower(attname) FROM pg_attribute JOIN calling ON type = atttypid WHERE attnum > 0 AND NOT attisdropped \
    UNION SELECT lower(proname) FROM pg_proc AS f JOIN calling ON type = ANY (array_append(proargtypes::oid[], prorettype)) WHERE f.oid >= 16384";

/// Where it begins.
const OF_TYPES: &str = "SELECT oid, 'type', oid, NULL::text COLLATE \"C\" FROM pg_type WHERE oid >= 16384";

/// Where it begins.
const OF_VIEWS: &str = "SELECT ev_class, 'tree', r.oid, ev_action::text FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = ev_class \
    WHERE relnamespace = pg_my_temp_schema() AND relname ~ '^envclone_condition_'";

const VIEW: &str = "envclone_condition_";

/// A condition of a rule.
struct Condition<'a> {
    table: &'a TableName,
    /// `None`: of rows that go.
    column: Option<&'a str>,
    text: &'a str,
}

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}.{column}", self.table),
            None => write!(f, "{}.rows", self.table),
        }
    }
}

fn conditions(ledger: &Ledger) -> Vec<Condition<'_>> {
    let mut all = Vec::new();
    for table in ledger
        .tables
        .iter()
        .filter(|table| table.kind == TableKind::Ordinary)
    {
        let condition = |column, text| Condition {
            table: &table.name,
            column,
            text,
        };
        all.extend(table.deletes.as_deref().map(|text| condition(None, text)));
        for column in &table.columns {
            let Fate::Mask(masking) = &column.fate else {
                continue;
            };
            let texts = masking.rules.iter().filter_map(|rule| rule.condition.as_deref());
            all.extend(texts.map(|text| condition(Some(column.name.as_str()), text)));
        }
    }
    all
}

/// The tables with a column whose condition may call code of the data; the server is asked nothing where there are no
/// conditions.
///
/// # Errors
/// [`ServiceError::Mistaken`] where nobody but a superuser could evaluate it, and [`ServiceError::Engine`] where it is none.
pub(super) fn calling(session: &mut Session, ledger: &Ledger) -> Result<BTreeSet<TableName>, ServiceError> {
    let conditions = conditions(ledger);
    if conditions.is_empty() {
        return Ok(BTreeSet::new());
    }
    let numbers = numbers_of_calling(session, &conditions)?;
    let mut tables = BTreeSet::new();
    for condition in numbers.iter().filter_map(|number| conditions.get(*number)) {
        refuse_superusers(session, condition)?;
        if condition.column.is_some() {
            tables.insert(condition.table.clone());
        }
    }
    Ok(tables)
}

/// Which of the conditions may call code of the data.
fn numbers_of_calling(
    session: &mut Session,
    conditions: &[Condition<'_>],
) -> Result<BTreeSet<usize>, ServiceError> {
    // While a condition is read, the values in it are: those of an array of a domain by what the domain checks. What a condition
    // names is looked up among the server's own, so that what is the data's it must name as such.
    let input_calls = session.rows(
        "looking for types that call code of the data",
        &with_reached(INPUT_CALLS, OF_TYPES),
    )?;
    let names: Vec<String> = input_calls
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    let comes_to_one = |text: &str| {
        let text = text.to_lowercase();
        let escaped = ["operator", "u&\""].iter().any(|word| text.contains(word));
        !names.is_empty() && (escaped || names.iter().any(|name| text.contains(name.as_str())))
    };
    let mut calling: BTreeSet<usize> = (0..conditions.len())
        .filter(|number| conditions.get(*number).is_some_and(|one| comes_to_one(one.text)))
        .collect();
    // Event triggers that fire always do so for views as well.
    let still = "BEGIN; UPDATE pg_event_trigger SET evtenabled = 'D' WHERE evtenabled IN ('A', 'R')";
    session.execute("beginning", still)?;
    for (number, condition) in conditions.iter().enumerate() {
        if calling.contains(&number) {
            continue;
        }
        let view = format!(
            "CREATE VIEW pg_temp.{VIEW}{number} AS SELECT {} AS holds FROM ONLY {}",
            holds(condition.text),
            quoted(condition.table)
        );
        let action = match condition.column {
            Some(_) => format!("reading the condition of {condition}"),
            None => format!(
                "holding the rows of {} against `where` of their rule",
                condition.table
            ),
        };
        session.execute(&action, &view)?;
    }
    let sql = with_reached(CALLING, OF_VIEWS).replace("VIEW", &(VIEW.len() + 1).to_string());
    let found = session.rows("looking for code of the data in conditions", &sql)?;
    session.execute("forgetting the conditions", "ROLLBACK")?;
    let numbers = found
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten());
    calling.extend(numbers.filter_map(|number| number.parse::<usize>().ok()));
    Ok(calling)
}

/// Nobody but a superuser may read the rows of a superuser's table, and nobody else asks which rows go: that is asked while all
/// tables are raw. So all code must be a superuser's.
fn refuse_superusers(session: &mut Session, condition: &Condition<'_>) -> Result<(), ServiceError> {
    let Condition { table, column, text } = condition;
    let number = session.value("looking for a table", &format!("SELECT {}::oid", regclass(table)))?;
    let number = number.and_then(|number| number.parse().ok()).unwrap_or_default();
    match Loader::of(session, number, table)? {
        Loader::Superuser => return Ok(()),
        Loader::Owner(_) if column.is_some() => return Ok(()),
        Loader::Owner(_) | Loader::WriterOnly | Loader::Same => {}
    }
    let service = session.service().clone();
    let advice = if column.is_some() {
        ", or give the table to a role that is no superuser"
    } else {
        ""
    };
    Err(ServiceError::Mistaken {
        what: format!(
            "the condition `{text}` of {service}.{condition} may call code of the data, which would run as a superuser; compare by what \
             the server itself knows of the columns' values (`(column).field`){advice}"
        ),
        service,
    })
}
