//! With whose rights rows are loaded. CHECK constraints, generated columns, domains, indexes and conditions of rules may call
//! functions of the data. In production they run as whoever writes the row, hardly ever a superuser: so it is not one here
//! either, while other tables may still hold originals.
//!
//! Tables whose rows, indexes or conditions call such code come after all others, one at a time: while a statement of the
//! superuser runs no code of the data does, and what that code changed before (a domain's check, a view in a table's place) is
//! met by nothing that runs as the superuser, since such a table is loaded as the role that owns it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_identifier, quote_literal};
use crate::model::Secret;
use crate::sanitize::schema::TableName;

/// What expressions and types lead to: `reached` from what `START` gives (whose it is; whether a type, an operator class or an
/// expression; its number; the expression), and the functions `called` there. Expressions are read as the server stores them
/// (`pg_node_tree`), since `pg_depend` does not say which of the server's own functions are called.
///
/// Operator classes and base types are made by superusers, who vouch for what they wrote in C for them.
const REACHED: &str = "reached(of, what, id, tree) AS (START \
        UNION SELECT of, within.* FROM reached, LATERAL ( \
            SELECT 'type', part, NULL FROM pg_type, unnest(ARRAY[typelem, typbasetype]) AS part WHERE what = 'type' AND oid = id \
            UNION ALL SELECT 'type', atttypid, NULL FROM pg_type AS t JOIN pg_attribute ON attrelid = typrelid \
                WHERE what = 'type' AND t.oid = id AND typtype = 'c' AND attnum > 0 AND NOT attisdropped \
            UNION ALL SELECT 'type', rngsubtype, NULL FROM pg_range WHERE what = 'type' AND rngtypid = id \
            UNION ALL SELECT 'type', rngtypid, NULL FROM pg_range WHERE what = 'type' AND rngmultitypid = id \
            UNION ALL SELECT 'class', rngsubopc, NULL FROM pg_range WHERE what = 'type' AND rngtypid = id \
            UNION ALL SELECT 'tree', oid, conbin::text FROM pg_constraint WHERE what = 'type' AND contypid = id AND id <> 0 AND contype = 'c' \
            UNION ALL SELECT 'type', found[1]::oid, NULL FROM regexp_matches(tree, 'typ(?:e|id|eid) (\\d+)', 'g') AS found WHERE what = 'tree' \
        ) AS within), \
    called(of, function) AS (SELECT of, found[1]::oid FROM reached, regexp_matches(tree, '(?:func|aggfno|winfno)id (\\d+)', 'g') AS found \
        UNION SELECT of, oprcode FROM reached, regexp_matches(tree, ':opno (\\d+)', 'g') AS found JOIN pg_operator AS o ON o.oid = found[1]::oid \
        UNION SELECT of, part FROM reached JOIN pg_range ON rngtypid = id, unnest(ARRAY[rngcanonical, rngsubdiff]::oid[]) AS part \
            WHERE what = 'type' AND part <> 0 \
        UNION SELECT of, p.oid FROM reached JOIN pg_opclass AS k ON k.oid = id, LATERAL ( \
                SELECT amproc FROM pg_amproc WHERE amprocfamily = opcfamily \
                UNION ALL SELECT oprcode FROM pg_amop JOIN pg_operator AS o ON o.oid = amopopr WHERE amopfamily = opcfamily) AS part (function) \
            JOIN pg_proc AS p ON p.oid = part.function JOIN pg_language AS l ON l.oid = prolang \
            WHERE what = 'class' AND p.oid >= 16384 AND lanname NOT IN ('internal', 'c'))";

/// The tables among `TABLES` whose rows or indexes call code of the data when they are written. Where a check is NOT VALID the
/// others are held against the new rows by a query, in which a name of the data's may mean another function than it did.
///
/// Tables share most of their types and operator classes, so what those lead to is looked for once.
const WITH_CODE: &str = "WITH RECURSIVE above(of, id) AS (SELECT t, t FROM unnest(TABLES) AS t \
        UNION SELECT of, inhparent FROM above JOIN pg_class AS c ON c.oid = id AND relispartition JOIN pg_inherits ON inhrelid = id), \
    start(of, key, what, id, tree) AS (SELECT attrelid, 't' || atttypid, 'type', atttypid, NULL::text FROM pg_attribute \
            WHERE attrelid = ANY (TABLES) AND attnum > 0 AND NOT attisdropped \
        UNION ALL SELECT conrelid, 'c' || oid, 'tree', oid, conbin::text FROM pg_constraint WHERE conrelid = ANY (TABLES) AND contype = 'c' \
        UNION ALL SELECT adrelid, 'd' || d.oid, 'tree', d.oid, adbin::text FROM pg_attrdef AS d \
            JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = ANY (TABLES) AND attgenerated <> '' \
        UNION ALL SELECT indrelid, 'i' || indexrelid, 'tree', indexrelid, concat(indexprs::text, indpred::text) FROM pg_index \
            WHERE indrelid = ANY (TABLES) AND (indexprs IS NOT NULL OR indpred IS NOT NULL) \
        UNION ALL SELECT indrelid, 'o' || class, 'class', class, NULL FROM pg_index, unnest(indclass::oid[]) AS class \
            WHERE indrelid = ANY (TABLES) \
        UNION ALL SELECT of, 'p' || partrelid, 'tree', partrelid, partexprs::text FROM above JOIN pg_partitioned_table ON partrelid = id \
        UNION ALL SELECT of, 'o' || class, 'class', class, NULL \
            FROM above JOIN pg_partitioned_table ON partrelid = id, unnest(partclass::oid[]) AS class), \
    REACHED \
    SELECT start.of FROM start JOIN called ON called.of = key JOIN pg_proc AS p ON p.oid = function \
        JOIN pg_language AS l ON l.oid = prolang WHERE FOREIGN \
    UNION SELECT start.of FROM start JOIN reached ON reached.of = key WHERE reached.tree ~ 'UNCLEAR' \
    UNION SELECT conrelid FROM pg_constraint JOIN start ON start.of = conrelid WHERE contype = 'c' AND NOT convalidated \
        AND (EXISTS (SELECT FROM called WHERE called.of = key AND function >= 16384) \
            OR EXISTS (SELECT FROM reached WHERE reached.of = key AND reached.what = 'type' AND reached.id >= 16384))";

/// Where [`REACHED`] begins for it.
const OF_TABLES: &str = "SELECT DISTINCT key, what, id, tree FROM start";

/// Whose a table is, whether there is code in the database that no superuser vouches for, whether a check of the table is NOT
/// VALID, and whether an index of it calls a function of a role that is no superuser. Such code is a function, or an expression that calls more than [`with_rules`] knows to be harmless: functions of
/// superusers may meet it by a domain, a view, a rule, a default, a policy, an operator.
const WHOSE: &str = "WITH others AS (SELECT oid AS role FROM pg_roles WHERE NOT rolsuper), \
    theirs AS (SELECT c.oid FROM pg_class AS c JOIN others ON role = relowner WHERE c.oid >= 16384), \
    trees(tree) AS (SELECT concat(ev_qual::text, ev_action::text) FROM pg_rewrite JOIN theirs AS c ON c.oid = ev_class \
        UNION ALL SELECT adbin::text FROM pg_attrdef JOIN theirs AS c ON c.oid = adrelid \
        UNION ALL SELECT conbin::text FROM pg_constraint JOIN theirs AS c ON c.oid = conrelid \
        UNION ALL SELECT concat(indexprs::text, indpred::text) FROM pg_index JOIN theirs AS c ON c.oid = indrelid \
        UNION ALL SELECT concat(polqual::text, polwithcheck::text) FROM pg_policy JOIN theirs AS c ON c.oid = polrelid \
        UNION ALL SELECT tgqual::text FROM pg_trigger JOIN theirs AS c ON c.oid = tgrelid \
        UNION ALL SELECT partexprs::text FROM pg_partitioned_table JOIN theirs AS c ON c.oid = partrelid \
        UNION ALL SELECT concat(typdefaultbin::text, conbin::text) FROM pg_type AS t JOIN others ON role = typowner \
            LEFT JOIN pg_constraint ON contypid = t.oid), \
    called(function) AS (SELECT found[1]::oid FROM trees, regexp_matches(tree, '(?:func|aggfno|winfno)id (\\d+)', 'g') AS found \
        UNION SELECT oprcode FROM trees, regexp_matches(tree, ':opno (\\d+)', 'g') AS found JOIN pg_operator AS o ON o.oid = found[1]::oid \
        UNION SELECT oprcode FROM pg_operator JOIN others ON role = oprowner) \
    SELECT rolname, rolsuper::int, CASE WHEN rolsuper THEN \
            EXISTS (SELECT FROM pg_proc AS p JOIN others ON role = proowner JOIN pg_language AS l ON l.oid = prolang \
                WHERE p.oid >= 16384 AND lanname <> 'c') \
            OR EXISTS (SELECT FROM called JOIN pg_proc AS p ON p.oid = function JOIN pg_language AS l ON l.oid = prolang WHERE FOREIGN) \
            OR EXISTS (SELECT FROM trees WHERE tree ~ 'UNCLEAR') \
        ELSE true END::int, \
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c' AND NOT convalidated)::int, \
        EXISTS (SELECT FROM pg_index, regexp_matches(concat(indexprs::text, indpred::text), 'funcid (\\d+)', 'g') AS found \
            JOIN pg_proc AS p ON p.oid = found[1]::oid JOIN others ON role = proowner WHERE indrelid = c.oid)::int \
    FROM pg_class AS c JOIN pg_roles AS owner ON owner.oid = relowner WHERE c.oid = TABLE";

/// A query with the rules for what may be code of the data: `FOREIGN`, a condition on `pg_proc` and `pg_language`, and `UNCLEAR`, a
/// pattern of stored expressions that do not name all they call.
///
/// Of the server's own functions the immutable ones are known to call nothing else, and some others: those of times and texts
/// alone, which are stable since they depend on settings, and sources of new values. Else stable ones look for casts of the
/// data (`to_json`), read views (`table_to_xml`) or types by their name, and volatile ones run queries given as text
/// (`query_to_xml`).
pub(super) fn with_rules(sql: &str) -> String {
    // Truth, numbers, texts, dates and times.
    const PLAIN: &str = "'{16,20,21,23,25,700,701,1700,1082,1083,1114,1184,1186,1266}'::oid[]";
    let foreign = format!(
        "(lanname <> 'internal' OR provolatile <> 'i' AND NOT (p.oid < 16384 AND (provolatile = 's' \
         AND prorettype = ANY ({PLAIN}) AND proargtypes::oid[] <@ {PLAIN} OR p.oid IN (SELECT oid FROM pg_proc \
         WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN ('nextval', 'gen_random_uuid', 'uuidv4', 'uuidv7', \
         'random', 'clock_timestamp', 'timeofday')))))"
    );
    sql.replace("FOREIGN", &foreign)
        .replace("UNCLEAR", "{JSON(CONSTRUCTOR)?EXPR")
}

/// A query with [`REACHED`] in it, that begins with `start`.
pub(super) fn with_reached(sql: &str, start: &str) -> String {
    with_rules(&sql.replace("REACHED", REACHED).replace("START", start))
}

/// The numbers of those among these tables whose rows or indexes call code of the data.
///
/// # Errors
/// [`EngineError`].
pub(super) fn with_code(session: &mut Session, tables: &[u32]) -> Result<BTreeSet<u32>, EngineError> {
    let numbers: Vec<String> = tables.iter().map(u32::to_string).collect();
    let tables = format!("'{{{}}}'::oid[]", numbers.join(","));
    let sql = with_reached(WITH_CODE, OF_TABLES).replace("TABLES", &tables);
    let rows = session.rows("looking for code of the data", &sql)?;
    let numbers = rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten());
    Ok(numbers.filter_map(|number| number.parse().ok()).collect())
}

/// When a table has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// While others may be raw: nothing of it is code of the data.
    First,
    /// After all of those, alone.
    Late {
        /// Whether the conditions of its rules call such code, so that who owns it has to read it as well.
        conditions: bool,
    },
}

/// Who loads a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loader {
    /// The session that emptied it: nothing is called that others could have written.
    Same,
    /// The session that emptied it: all code of the database is a superuser's.
    Superuser,
    /// The role that owns it.
    Owner(String),
    /// A superuser owns it, and not all code of the database is a superuser's: a role that may write rows, and read none.
    WriterOnly,
}

impl Loader {
    /// Who has to load a table with code, given by its number. To be asked once it is locked.
    ///
    /// # Errors
    /// [`EngineError::Unfit`] where nobody can: a superuser's table with a check that is NOT VALID and code of others.
    pub(super) fn of(session: &mut Session, number: u32, table: &TableName) -> Result<Self, EngineError> {
        let sql = with_rules(WHOSE).replace("TABLE", &number.to_string());
        let row = session.rows("looking whose code it is", &sql)?;
        let row = row.into_iter().next().unwrap_or_default();
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (owner, of_superuser, strange) = (next(), next() == "1", next() != "0");
        let (by_hand, indexed) = (next() != "0", next() != "0");
        let loader = Self::from_facts(owner, of_superuser, strange);
        if by_hand && loader == Self::WriterOnly {
            return Err(EngineError::Unfit {
                service: session.service().clone(),
                message: format!(
                    "{table} belongs to a superuser and has a check that is NOT VALID beside code that it calls, and roles that are none \
                     have made some: its new rows cannot be checked without running that as a superuser; validate the checks (ALTER TABLE \
                     ... VALIDATE CONSTRAINT), or give the table to a role that is no superuser"
                ),
            });
        }
        // Whoever builds the index, the server calls its functions as the table's owner.
        if indexed && loader == Self::WriterOnly {
            return Err(EngineError::Unfit {
                service: session.service().clone(),
                message: format!(
                    "{table} belongs to a superuser and has an index that calls a function of a role that is none, which would run as the \
                     superuser while the index is built anew; give the function to a superuser, or the table to that role"
                ),
            });
        }
        Ok(loader)
    }

    /// Whether it is the session that emptied the table.
    pub(super) fn is_same_session(&self) -> bool {
        matches!(self, Self::Same | Self::Superuser)
    }

    fn from_facts(owner: String, of_superuser: bool, strange: bool) -> Self {
        match (of_superuser, strange) {
            (true, false) => Self::Superuser,
            (true, true) => Self::WriterOnly,
            (false, _) => Self::Owner(owner),
        }
    }
}

/// Gives a session as the role of a name.
type Open<'a> = dyn Fn(&str) -> Result<Session, EngineError> + Sync + 'a;

/// The way into a sealed server as a role of it.
pub(super) struct Door<'a> {
    open: &'a Open<'a>,
    /// Held while a role is let in: two changes of one role at a time would fail.
    letting_in: Mutex<()>,
}

impl<'a> Door<'a> {
    /// Through which `open` leads.
    pub(super) fn new(open: &'a Open<'a>) -> Self {
        Self {
            open,
            letting_in: Mutex::default(),
        }
    }
}

/// A session of a loader that is not the superuser.
pub(super) struct Own {
    /// The session.
    pub(super) session: Session,
    /// A role that goes with it.
    made: Option<String>,
}

impl Own {
    /// Opens it, with the help of the superuser's `session`; `None` where that does the loading.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn open(
        session: &mut Session,
        loader: &Loader,
        door: &Door<'_>,
    ) -> Result<Option<Self>, EngineError> {
        let (role, made) = match loader {
            Loader::Same | Loader::Superuser => return Ok(None),
            Loader::Owner(role) => (role.clone(), None),
            Loader::WriterOnly => {
                let role = writer(session)?;
                let name = quote_identifier(&role);
                let make = format!("CREATE ROLE {name} LOGIN IN ROLE pg_write_all_data");
                session.execute("making a role that writes", &make)?;
                (role.clone(), Some(name))
            }
        };
        let session = let_in(session, &role, door)?;
        Ok(Some(Self { session, made }))
    }

    /// Ends it, and with it the role that was made for it.
    ///
    /// # Errors
    /// [`EngineError`]: functions of the data have made something as that role, it may be.
    pub(super) fn end(self, session: &mut Session) -> Result<(), EngineError> {
        drop(self.session);
        match self.made {
            Some(name) => session.execute("dropping the role that wrote", &format!("DROP ROLE {name}")),
            None => Ok(()),
        }
    }
}

/// A name that no role has.
fn writer(session: &Session) -> Result<String, EngineError> {
    let secret = Secret::random().map_err(|error| EngineError::Unfit {
        service: session.service().clone(),
        message: error.to_string(),
    })?;
    Ok(format!("envclone_writer_{}", secret.reveal()))
}

/// A session as a role that may be one which nobody logs in as. Whatever is changed for that is changed back at once.
fn let_in(session: &mut Session, role: &str, door: &Door<'_>) -> Result<Session, EngineError> {
    let _alone = door.letting_in.lock().unwrap_or_else(PoisonError::into_inner);
    let (name, text) = (quote_identifier(role), quote_literal(role));
    let sql = format!(
        "SELECT rolcanlogin::int, rolconnlimit, has_database_privilege(rolname, current_database(), 'CONNECT')::int, \
         quote_ident(current_database()), current_setting('lc_monetary'), current_setting('TimeZone') \
         FROM pg_roles WHERE rolname = {text}"
    );
    let row = session.rows("looking at a role", &sql)?.into_iter().next();
    let mut row = row.unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let mut next = || row.next().unwrap_or_default();
    let (login, limit, connect, database) = (next() == "1", next(), next() == "1", next());
    let (money, zone) = (next(), next());
    let mut changes = Vec::new();
    if !login || limit != "-1" {
        let back = if login { "LOGIN" } else { "NOLOGIN" };
        changes.push((
            format!("ALTER ROLE {name} LOGIN CONNECTION LIMIT -1"),
            format!("ALTER ROLE {name} {back} CONNECTION LIMIT {limit}"),
        ));
    }
    if !connect {
        changes.push((
            format!("GRANT CONNECT ON DATABASE {database} TO {name}"),
            format!("REVOKE CONNECT ON DATABASE {database} FROM {name}"),
        ));
    }
    for (change, _) in &changes {
        session.execute("letting the owner of a table in", change)?;
    }
    let mut own = (door.open)(role)?;
    for (_, back) in &changes {
        session.execute("letting the owner of a table out", back)?;
    }
    // Values are read as they were written.
    let same = format!(
        "SET lc_monetary = {}; SET TimeZone = {}",
        quote_literal(&money),
        quote_literal(&zone)
    );
    own.execute("setting how values are read", &same)?;
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_elses_code_runs_as_a_superuser() {
        let loader = |of_superuser, strange| Loader::from_facts("app".to_owned(), of_superuser, strange);
        for strange in [false, true] {
            assert_eq!(loader(false, strange), Loader::Owner("app".to_owned()));
        }
        assert_eq!(loader(true, true), Loader::WriterOnly);
        assert_eq!(loader(true, false), Loader::Superuser);
    }
}
