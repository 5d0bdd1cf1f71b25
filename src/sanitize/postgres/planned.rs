//! What the tables of a database are, by number. Held against what they are once code of the data has run: a table that such code
//! made, or put in the place of another, is one that no rule decided about.

use std::collections::BTreeMap;

use crate::engine::EngineError;
use crate::engine::postgres::Session;
use crate::sanitize::schema::TableName;
use crate::sanitize::service::{ServiceError, Site};

use super::service::PostgresService;

/// Tables, views and the like with their columns; the last row stands for large objects, and counts them.
const TABLES: &str = "SELECT c.oid, nspname, relname, relkind, (SELECT string_agg(concat_ws(' ', attnum, attname, atttypid, attisdropped), ',' \
        ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) \
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace \
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384 AND nspname !~ '^pg_(toast|temp)' \
    UNION ALL SELECT 0, '', '', '', count(*)::text FROM pg_largeobject_metadata";

/// Who may log in, with which password, and what roles may do: the same text as long as none of it changes.
const ROLES: &str = "SELECT encode(sha256(convert_to(concat( \
        (SELECT string_agg(concat_ws(' ', oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, \
            rolbypassrls, extract(epoch FROM rolvaliduntil), rolpassword), ',' ORDER BY oid) FROM pg_authid), ';', \
        (SELECT string_agg(concat_ws(' ', roleid, member, grantor, admin_option), ',' ORDER BY roleid, member, grantor) FROM pg_auth_members) \
    ), getdatabaseencoding())), 'hex')";

/// The roles, as something that can be compared and tells nothing.
///
/// # Errors
/// [`EngineError`].
pub(super) fn roles(session: &mut Session) -> Result<String, EngineError> {
    Ok(session.value("looking at roles", ROLES)?.unwrap_or_default())
}

/// The tables of one database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tables {
    by_number: BTreeMap<u32, Known>,
    large_objects: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    name: TableName,
    kind: String,
    columns: String,
}

impl Tables {
    /// Those of the database that `session` is connected to.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn read(session: &mut Session) -> Result<Self, EngineError> {
        let mut tables = Self::default();
        for row in session.rows("listing tables by number", TABLES)? {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let (number, name) = (next(), TableName::new(next(), next()));
            let (kind, columns) = (next(), next());
            match number.parse() {
                Ok(0) | Err(_) => tables.large_objects = columns.parse().unwrap_or(u64::MAX),
                Ok(number) => {
                    let known = Known { name, kind, columns };
                    tables.by_number.insert(number, known);
                }
            }
        }
        Ok(tables)
    }

    /// Their numbers by name.
    fn numbers(&self) -> BTreeMap<TableName, u32> {
        let pair = |(number, known): (&u32, &Known)| (known.name.clone(), *number);
        self.by_number.iter().map(pair).collect()
    }

    /// What became of them, in words.
    pub(super) fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let has =
            |tables: &Self, name: &TableName| tables.by_number.values().any(|known| known.name == *name);
        for (number, was) in &self.by_number {
            let name = &was.name;
            match now.by_number.get(number) {
                None if has(now, name) => changes.push(format!("{name} is another one")),
                None => changes.push(format!("{name} vanished")),
                Some(is) if is.name != *name => changes.push(format!("{name} is now {}", is.name)),
                Some(is) if is.kind != was.kind => changes.push(format!("{name} is of another kind")),
                Some(is) if is.columns != was.columns => changes.push(format!("{name} has other columns")),
                Some(_) => {}
            }
        }
        let fresh = now
            .by_number
            .iter()
            .filter(|(number, known)| !self.by_number.contains_key(number) && !has(self, &known.name));
        changes.extend(fresh.map(|(_, known)| format!("{} appeared", known.name)));
        if now.large_objects > self.large_objects {
            changes.push("large objects appeared".to_owned());
        }
        changes
    }
}

impl PostgresService {
    /// What the tables of all databases are, before anything is rewritten.
    pub(super) fn plan_tables(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        for database in &self.databases {
            let mut session = self.session(site, database)?;
            self.planned.insert(database.clone(), Tables::read(&mut session)?);
            if *database == self.credentials_of()?.database {
                self.roles = roles(&mut session)?;
            }
            self.keep_session(database, session);
        }
        Ok(())
    }

    /// The numbers of the tables that were decided about, by name.
    pub(super) fn numbers_in(&self, database: &str) -> BTreeMap<TableName, u32> {
        self.planned
            .get(database)
            .map(Tables::numbers)
            .unwrap_or_default()
    }

    /// Refuses databases that were not there: what is in them nobody has looked at.
    pub(super) fn refuse_other_names(&self, session: &mut Session) -> Result<(), ServiceError> {
        let names = session.rows(
            "listing databases",
            "SELECT datname FROM pg_database ORDER BY oid",
        )?;
        let mut names = names
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten());
        match names.find(|name| name != "template0" && !self.databases.contains(name)) {
            None => Ok(()),
            Some(name) => Err(ServiceError::Undecided {
                service: self.setup.name.clone(),
                what: format!(
                    "database {name:?} appeared while rows were replaced; no rule decides about it"
                ),
            }),
        }
    }

    /// Refuses tables that code of the data has made or changed while others were replaced: no rule decided about them.
    pub(super) fn refuse_changes(&self, session: &mut Session, database: &str) -> Result<(), ServiceError> {
        let now = Tables::read(session)?;
        let changes = self.planned.get(database).map(|planned| planned.changes(&now));
        match changes.unwrap_or_default().as_slice() {
            [] => Ok(()),
            changes => Err(ServiceError::Undecided {
                service: self.setup.name.clone(),
                what: format!(
                    "code of the data changed the schema of database {database:?} while rows were replaced ({}); no rule decides \
                     about that",
                    changes.join(", ")
                ),
            }),
        }
    }

    /// Refuses passwords, rights and memberships that code of the data has given.
    pub(super) fn refuse_changed_roles(&self, session: &mut Session) -> Result<(), ServiceError> {
        if roles(session)? == self.roles {
            return Ok(());
        }
        Err(ServiceError::Undecided {
            service: self.setup.name.clone(),
            what: "code of the data changed roles, their passwords or memberships while rows were replaced; the branch would let in \
                   whom it was not made for"
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(known: &[(u32, &str, &str, &str)], large_objects: u64) -> Tables {
        let one = |&(number, name, kind, columns): &(u32, &str, &str, &str)| {
            let known = Known {
                name: TableName::new("s", name),
                kind: kind.to_owned(),
                columns: columns.to_owned(),
            };
            (number, known)
        };
        Tables {
            by_number: known.iter().map(one).collect(),
            large_objects,
        }
    }

    #[test]
    fn each_change_of_a_table_is_told() {
        let was = tables(&[(1, "a", "r", "1 x 25"), (2, "b", "r", "1 x 25")], 3);
        for (is, said) in [
            (&[(1, "a", "r", "1 x 25"), (2, "b", "r", "1 x 25")][..], &[][..]),
            (&[(1, "a", "r", "1 x 25")], &["s.b vanished"]),
            (
                &[(1, "a", "r", "1 x 25"), (3, "b", "r", "1 x 25")],
                &["s.b is another one"],
            ),
            (
                &[(1, "b", "r", "1 x 25"), (2, "a", "r", "1 x 25")],
                &["s.a is now s.b", "s.b is now s.a"],
            ),
            (
                &[(1, "a", "v", "1 x 25"), (2, "b", "r", "1 x 25")],
                &["s.a is of another kind"],
            ),
            (
                &[(1, "a", "r", "1 x 25"), (2, "b", "r", "1 x 16")],
                &["s.b has other columns"],
            ),
            (
                &[
                    (1, "a", "r", "1 x 25"),
                    (2, "b", "r", "1 x 25"),
                    (9, "c", "v", ""),
                ],
                &["s.c appeared"],
            ),
        ] {
            assert_eq!(was.changes(&tables(is, 3)), said);
        }
        let all = [(1, "a", "r", "1 x 25"), (2, "b", "r", "1 x 25")];
        assert_eq!(was.changes(&tables(&all, 0)), Vec::<String>::new());
        assert_eq!(was.changes(&tables(&all, 4)), ["large objects appeared"]);
    }
}
