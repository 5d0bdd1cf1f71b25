//! What a database holds, as pure data: an engine fills it from its catalogs; ledger and plan read it.
//!
//! Nothing here is trusted to be consistent: the server that answered may be hostile. A parent that is missing
//! or a cycle of partitions is survived, and a type that the engine cannot place is [`TypeFamily::Other`], which
//! must be classified.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A table's name with its schema (MariaDB: its database), as rule files write it: `public.customers`.
///
/// A part that is empty or holds a dot or a double quote is written in double quotes, as SQL does:
/// `"my.schema".orders`. Names are compared as they stand; nothing is folded to lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table in it.
    pub name: String,
}

/// A text is no table name of the form `schema.table`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableNameError {
    /// Only one part.
    #[error("{0:?} names no schema")]
    NoSchema(String),
    /// More than two parts.
    #[error("{0:?} has more than a schema and a table; put a part that holds a dot in double quotes")]
    TooManyParts(String),
    /// A quote that does not close, or in the middle of a part.
    #[error("{0:?} has a double quote that does not enclose a part")]
    Quote(String),
    /// A part without a character.
    #[error("{0:?} has an empty part")]
    EmptyPart(String),
}

impl TableName {
    /// The table `name` of `schema`.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, &self.schema)?;
        f.write_str(".")?;
        write_part(f, &self.name)
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    if part.is_empty() || part.contains(['.', '"']) {
        write!(f, "\"{}\"", part.replace('"', "\"\""))
    } else {
        f.write_str(part)
    }
}

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, tail) = next_part(rest).ok_or_else(|| TableNameError::Quote(text.to_owned()))?;
            parts.push(part);
            match tail.strip_prefix('.') {
                Some(tail) => rest = tail,
                None if tail.is_empty() => break,
                None => return Err(TableNameError::Quote(text.to_owned())),
            }
        }
        if parts.iter().any(String::is_empty) {
            return Err(TableNameError::EmptyPart(text.to_owned()));
        }
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(schema), Some(name), None) => Ok(Self { schema, name }),
            (_, None, _) => Err(TableNameError::NoSchema(text.to_owned())),
            _ => Err(TableNameError::TooManyParts(text.to_owned())),
        }
    }
}

/// The first part of a dotted name and what follows it; `None` for a quote that does not enclose it.
fn next_part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (part, tail) = text.split_at(end);
        return (!part.contains('"')).then(|| (part.to_owned(), tail));
    };
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"')?;
        part.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                part.push('"');
                rest = after;
            }
            None => return Some((part, after)),
        }
    }
}

impl TryFrom<String> for TableName {
    type Error = TableNameError;
    fn try_from(text: String) -> Result<Self, TableNameError> {
        text.parse()
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> String {
        name.to_string()
    }
}

/// What a type is, as far as personal data can hide in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeFamily {
    /// True or false.
    Boolean,
    /// Whole numbers of any width.
    Integer,
    /// Exact and floating numbers, money.
    Number,
    /// A UUID.
    Uuid,
    /// A day.
    Date,
    /// A time of day, with or without zone.
    Time,
    /// A point in time, with or without zone.
    Timestamp,
    /// A length of time.
    Interval,
    /// One of a list of labels of the schema.
    Enum,
    /// Characters of any length: `text`, `varchar`, `char`, `citext`.
    Text,
    /// `json`, `jsonb`.
    Json,
    /// Bytes.
    Bytes,
    /// Addresses of hosts and networks, MAC addresses.
    Network,
    /// XML.
    Xml,
    /// An array of anything.
    Array,
    /// A range or multirange of anything.
    Range,
    /// A row type.
    Composite,
    /// A search document: it holds the words of what it was made from.
    TextSearch,
    /// Anything else, and what the engine could not place.
    Other,
}

impl TypeFamily {
    /// Whether values are plain numbers, UUIDs, dates or times, which are personal only by name or by sample.
    pub fn is_scalar(self) -> bool {
        use TypeFamily::{Date, Integer, Interval, Number, Time, Timestamp, Uuid};
        matches!(self, Integer | Number | Uuid | Date | Time | Timestamp | Interval)
    }
}

/// What a column gets where a row says nothing: its `DEFAULT`. An engine looks it up only where a rule asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnDefault {
    /// There is none, or nobody asked.
    #[default]
    None,
    /// This text for every row, or NULL.
    Value(Option<String>),
    /// Another value for each row: from a sequence, or a random one.
    EachRow,
    /// What functions or types of the data give, which are not called while tables are raw.
    OfTheData,
}

/// Which values a column may hold, by the CHECK constraints on it alone and on its domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allowed {
    /// Any, or some by a condition that the engine did not understand.
    #[default]
    Any,
    /// These.
    Only(Vec<String>),
    /// Whole numbers from this one to that.
    Between(i64, i64),
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the catalog")]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its number in the table, from 1, with the gaps that dropped columns leave (PostgreSQL: `attnum`).
    pub position: u16,
    /// Its type in the engine's own words, without length: `varchar`, `int8`, `timestamptz`; the base type of a
    /// domain.
    pub type_name: String,
    /// What that type is.
    pub family: TypeFamily,
    /// The most characters that it takes; `None` for no limit.
    pub max_chars: Option<u32>,
    /// Whether NULL is refused, also by a domain.
    pub not_null: bool,
    /// Whether the server computes it from other columns.
    pub generated: bool,
    /// Whether functions, operators or types of the data compute it, which may read anything else.
    pub computed_by_data: bool,
    /// Whether it is an identity column or takes its default from a sequence (`serial`).
    pub sequence: bool,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
    /// Whether it is in a unique index or an exclusion constraint, alone or with others, plainly or inside an
    /// expression.
    pub unique: bool,
    /// Whether one of those is over several columns, over an expression or only over some rows.
    #[serde(default)]
    pub unique_with_others: bool,
    /// Whether the table, or one that it is a partition of, is partitioned by it.
    pub in_partition_key: bool,
    /// What it gets where a row says nothing.
    #[serde(default)]
    pub default: ColumnDefault,
    /// Which values it may hold.
    #[serde(default)]
    pub allowed: Allowed,
}

impl Column {
    /// A nullable column of this type that is in no key; for engines to fill in, and for tests.
    pub fn plain(name: impl Into<String>, type_name: impl Into<String>, family: TypeFamily) -> Self {
        Self {
            name: name.into(),
            position: 0,
            type_name: type_name.into(),
            family,
            max_chars: None,
            not_null: false,
            generated: false,
            computed_by_data: false,
            sequence: false,
            primary_key: false,
            unique: false,
            unique_with_others: false,
            in_partition_key: false,
            default: ColumnDefault::None,
            allowed: Allowed::Any,
        }
    }

    /// Whether its type came with the server: of others the name says whose they are.
    pub fn is_of_a_type_of_the_servers(&self) -> bool {
        !self.type_name.contains('.') && self.type_name != "citext"
    }

    /// The type as a person writes it: `varchar(120)`.
    pub fn type_text(&self) -> String {
        match self.max_chars {
            Some(limit) => format!("{}({limit})", self.type_name),
            None => self.type_name.clone(),
        }
    }
}

/// What kind of relation a [`Table`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// Holds rows.
    Ordinary,
    /// Holds no rows itself; its partitions do.
    Partitioned,
    /// A view: holds no rows.
    View,
    /// A materialized view: holds rows computed from others.
    MaterializedView,
    /// A foreign table: its rows are elsewhere.
    Foreign,
}

/// A foreign key of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub to_table: TableName,
    /// The columns referred to, one for each referring column.
    pub to_columns: Vec<String>,
    /// Whether all rows are known to hold to it (PostgreSQL: not `NOT VALID`).
    pub validated: bool,
    /// Whether one NULL among several columns is not enough to refer to nothing (`MATCH FULL`).
    pub match_full: bool,
}

/// A table, view or other relation with columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// What it is.
    pub kind: TableKind,
    /// The table that it is a partition of.
    pub partition_of: Option<TableName>,
    /// Whether it is not written to the WAL.
    pub unlogged: bool,
    /// Its columns, without dropped ones.
    pub columns: Vec<Column>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// About how many rows it has.
    pub rows: u64,
    /// The bytes of its files: heap, TOAST and indexes.
    pub bytes: u64,
    /// Whether columns were dropped from it: their values are still in its rows.
    pub has_dropped_columns: bool,
    /// Views: the relations that its query names.
    pub reads: Vec<TableName>,
}

impl Table {
    /// An empty ordinary table; for engines to fill in, and for tests.
    pub fn ordinary(name: TableName, columns: Vec<Column>) -> Self {
        Self {
            name,
            kind: TableKind::Ordinary,
            partition_of: None,
            unlogged: false,
            columns,
            foreign_keys: Vec::new(),
            rows: 0,
            bytes: 0,
            has_dropped_columns: false,
            reads: Vec::new(),
        }
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// All that one service's database holds. System catalogs are not in it: sealing deals with their secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Every relation with columns. Where large objects exist, the engine adds the table that holds them
    /// (`pg_catalog.pg_largeobject`), so that they too must be classified.
    pub tables: Vec<Table>,
}

impl Schema {
    /// The table of this name. For many of them, make a [`Lookup`].
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// Its tables by name.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup {
            by_name: self.tables.iter().map(|table| (&table.name, table)).collect(),
        }
    }
}

/// The tables of a schema by name.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    by_name: HashMap<&'a TableName, &'a Table>,
}

impl<'a> Lookup<'a> {
    /// The table of this name.
    pub fn table(&self, name: &TableName) -> Option<&'a Table> {
        self.by_name.get(name).copied()
    }

    /// The table whose rules hold for `table`: itself, or the topmost table that it is a partition of. A parent
    /// that is not in the schema ends the search; in a cycle, every table is its own root.
    pub fn root(&self, table: &'a Table) -> &'a Table {
        let mut root = table;
        for _ in 0..self.by_name.len() {
            match root.partition_of.as_ref().and_then(|parent| self.table(parent)) {
                Some(parent) => root = parent,
                None => return root,
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table_names_read_as_rule_files_write_them() {
        let parse = |text: &str| text.parse::<TableName>();
        assert_eq!(
            parse("public.customers").unwrap(),
            TableName::new("public", "customers")
        );
        assert_eq!(
            parse("\"a.b\".\"c\"\"d\"").unwrap(),
            TableName::new("a.b", "c\"d")
        );
        assert_eq!(
            parse("public.\"Order Lines\"").unwrap(),
            TableName::new("public", "Order Lines")
        );
        assert!(matches!(parse("customers"), Err(TableNameError::NoSchema(_))));
        assert!(matches!(parse("a.b.c"), Err(TableNameError::TooManyParts(_))));
        for text in ["a.\"b", "a.b\"c", "a.\"b\"c", "\""] {
            assert!(matches!(parse(text), Err(TableNameError::Quote(_))), "{text}");
        }
        for text in ["", ".", "a.", ".a", "\"\".a"] {
            assert!(matches!(parse(text), Err(TableNameError::EmptyPart(_))), "{text}");
        }
    }

    #[test]
    fn the_root_of_a_partition_is_found_and_a_cycle_is_survived() {
        let table = |name: &str, parent: Option<&str>| Table {
            partition_of: parent.map(|parent| TableName::new("p", parent)),
            ..Table::ordinary(TableName::new("p", name), Vec::new())
        };
        let schema = Schema {
            tables: vec![
                table("top", None),
                table("mid", Some("top")),
                table("leaf", Some("mid")),
                table("lost", Some("gone")),
                table("x", Some("y")),
                table("y", Some("x")),
            ],
        };
        let tables = schema.lookup();
        let roots: Vec<&str> = schema
            .tables
            .iter()
            .map(|table| tables.root(table).name.name.as_str())
            .collect();
        assert_eq!(roots, ["top", "top", "top", "lost", "x", "y"]);
    }

    proptest! {
        #[test]
        fn a_table_name_parses_back_from_its_display(schema in ".{1,8}", name in ".{1,8}") {
            let table = TableName::new(schema, name);
            prop_assert_eq!(table.to_string().parse::<TableName>().unwrap(), table);
        }
    }
}
