//! With whose rights rows are loaded. CHECK constraints, generated columns and domains may call functions of the data, which
//! run as whoever writes the row. In production that is hardly ever a superuser: so it is not one here either, while other
//! tables may still hold originals. Such a table is loaded over a connection of its own, as the role that owns it, and after
//! all others: what its code changes meanwhile (a domain's check, a view in a table's place) is met by nothing that runs as the
//! superuser.

use std::sync::{Mutex, PoisonError};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_identifier, quote_literal};
use crate::model::Secret;
use crate::sanitize::schema::TableName;

use super::rewrite::regclass;

/// What the expressions that writing a row evaluates call, and whose the table is. Expressions are read as the server stores
/// them (`pg_node_tree`), since `pg_depend` does not say which of the server's own functions are called.
///
/// `FOREIGN` and `UNCLEAR` are put in by [`with_rules`]. What is `strange` is code that no superuser vouches for.
const CODE: &str = "WITH RECURSIVE reached(what, id, tree) AS ( \
        SELECT 'type', atttypid, NULL::text FROM pg_attribute WHERE attrelid = TABLE AND attnum > 0 AND NOT attisdropped \
        UNION SELECT 'tree', oid, conbin::text FROM pg_constraint WHERE conrelid = TABLE AND contype = 'c' \
        UNION SELECT 'tree', oid, adbin::text FROM pg_attrdef WHERE adrelid = TABLE AND EXISTS (SELECT FROM pg_attribute \
            WHERE attrelid = TABLE AND attnum = adnum AND attgenerated <> '') \
        UNION SELECT within.* FROM reached, LATERAL ( \
            SELECT 'type', part, NULL FROM pg_type, unnest(ARRAY[typelem, typbasetype]) AS part WHERE what = 'type' AND oid = id \
            UNION ALL SELECT 'type', atttypid, NULL FROM pg_type AS t JOIN pg_attribute ON attrelid = typrelid \
                WHERE what = 'type' AND t.oid = id AND typtype = 'c' AND attnum > 0 AND NOT attisdropped \
            UNION ALL SELECT 'type', rngsubtype, NULL FROM pg_range WHERE what = 'type' AND rngtypid = id \
            UNION ALL SELECT 'type', rngtypid, NULL FROM pg_range WHERE what = 'type' AND rngmultitypid = id \
            UNION ALL SELECT 'tree', oid, conbin::text FROM pg_constraint WHERE what = 'type' AND contypid = id AND contype = 'c' \
            UNION ALL SELECT 'type', found[1]::oid, NULL FROM regexp_matches(tree, 'typ(?:e|id|eid) (\\d+)', 'g') AS found WHERE what = 'tree' \
        ) AS within), \
    called AS (SELECT found[1]::oid AS function FROM reached, regexp_matches(tree, 'funcid (\\d+)', 'g') AS found \
        UNION SELECT oprcode FROM reached, regexp_matches(tree, ':opno (\\d+)', 'g') AS found JOIN pg_operator AS o ON o.oid = found[1]::oid \
        UNION SELECT rngcanonical FROM reached JOIN pg_range ON rngtypid = id WHERE what = 'type' AND rngcanonical <> 0) \
    SELECT (EXISTS (SELECT FROM called JOIN pg_proc AS p ON p.oid = function JOIN pg_language AS l ON l.oid = prolang \
            WHERE FOREIGN) \
            OR EXISTS (SELECT FROM reached WHERE tree ~ 'UNCLEAR'))::int, \
        (EXISTS (SELECT FROM called WHERE function >= 16384) OR EXISTS (SELECT FROM reached WHERE what = 'type' AND id >= 16384))::int, rolname, rolsuper::int, \
        CASE WHEN rolsuper THEN EXISTS (SELECT FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang \
            JOIN pg_roles AS r ON r.oid = proowner WHERE p.oid >= 16384 AND lanname NOT IN ('internal', 'c') AND NOT r.rolsuper) \
            ELSE true END::int, \
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c' AND NOT convalidated)::int \
    FROM pg_class AS c JOIN pg_roles AS owner ON owner.oid = relowner WHERE c.oid = TABLE";

/// A query with the rules for what may be code of the data: `FOREIGN`, a condition on `pg_proc` and `pg_language`, and `UNCLEAR`, a
/// pattern of stored expressions that do not name all they call.
///
/// Only functions of the server's own that are immutable are known to call nothing else: stable ones look for casts of the
/// data (`to_json`), read views (`table_to_xml`) or types by their name, and volatile ones run queries given as text
/// (`query_to_xml`).
pub(super) fn with_rules(sql: &str) -> String {
    sql.replace("FOREIGN", "(lanname <> 'internal' OR provolatile <> 'i')")
        .replace("UNCLEAR", "{JSON(CONSTRUCTOR)?EXPR")
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
    /// Who has to load a table. Where a check is NOT VALID the others are held against the new rows by a query, in which a name
    /// of the data's may mean another function than it did.
    ///
    /// # Errors
    /// [`EngineError::Unfit`] where nobody can: a superuser's table with such checks and code of others.
    pub(super) fn of(session: &mut Session, table: &TableName) -> Result<Self, EngineError> {
        let sql = with_rules(CODE).replace("TABLE", &regclass(table));
        let row = session.rows("looking for code of the data", &sql)?;
        let row = row.into_iter().next().unwrap_or_default();
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (calls, names) = (next() != "0", next() != "0");
        let (owner, of_superuser, strange) = (next(), next() == "1", next() != "0");
        let by_hand = next() != "0";
        let loader = Self::from_facts(calls || by_hand && names, owner, of_superuser, strange);
        if by_hand && loader == Self::WriterOnly {
            return Err(EngineError::Unfit {
                service: session.service().clone(),
                message: format!(
                    "{table} belongs to a superuser and has a check that is NOT VALID beside one that calls functions, and roles that are none \
                     have made functions: its new rows cannot be checked without running those as a superuser; validate the checks (ALTER TABLE \
                     ... VALIDATE CONSTRAINT), or give the table to a role that is no superuser"
                ),
            });
        }
        Ok(loader)
    }

    /// Whether it is the session that emptied the table.
    pub(super) fn is_same_session(&self) -> bool {
        matches!(self, Self::Same | Self::Superuser)
    }

    fn from_facts(calls: bool, owner: String, of_superuser: bool, strange: bool) -> Self {
        match (calls, of_superuser, strange) {
            (false, ..) => Self::Same,
            (true, true, false) => Self::Superuser,
            (true, true, true) => Self::WriterOnly,
            (true, false, _) => Self::Owner(owner),
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
        let loader =
            |calls, of_superuser, strange| Loader::from_facts(calls, "app".to_owned(), of_superuser, strange);
        for strange in [false, true] {
            assert_eq!(loader(false, false, strange), Loader::Same);
            assert_eq!(loader(false, true, strange), Loader::Same);
            assert_eq!(loader(true, false, strange), Loader::Owner("app".to_owned()));
        }
        assert_eq!(loader(true, true, true), Loader::WriterOnly);
        assert_eq!(loader(true, true, false), Loader::Superuser);
    }
}
