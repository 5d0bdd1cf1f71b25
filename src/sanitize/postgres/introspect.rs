//! Reads a PostgreSQL database's schema into [`Schema`].

use std::collections::BTreeMap;
use std::time::Duration;

use super::checks;
use crate::engine::EngineError;
use crate::engine::postgres::{Session, tables_of_cron};
use crate::sanitize::schema::{Column, ForeignKey, Schema, Table, TableKind, TableName, TypeFamily};

/// Relations with columns that belong to the data, not to the server, whose own have numbers below 16384 (`FirstNormalObjectId`):
/// a superuser can make tables in any schema.
const RELATIONS: &str = "SELECT c.oid, n.nspname, c.relname, c.relkind, p.inhparent, c.relpersistence, \
    greatest(c.reltuples, 0)::int8, \
    CASE WHEN c.relkind IN ('r', 'm', 'p') THEN pg_total_relation_size(c.oid) ELSE 0 END, \
    EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attisdropped)::int \
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
    LEFT JOIN pg_inherits AS p ON p.inhrelid = c.oid AND c.relispartition \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384 \
    AND n.nspname !~ '^pg_(toast|temp)' ORDER BY n.nspname, c.relname";

/// Columns with the base type of their domains. `indkey` names a key's plain columns, `pg_depend` those in expressions.
const COLUMNS: &str = "WITH RECURSIVE base AS ( \
      SELECT oid AS typ, oid AS basetyp, -1 AS mod, typnotnull AS nn FROM pg_type WHERE typtype <> 'd' \
      UNION ALL SELECT d.oid, b.basetyp, CASE WHEN d.typtypmod >= 0 THEN d.typtypmod ELSE b.mod END, d.typnotnull OR b.nn \
      FROM pg_type AS d JOIN base AS b ON b.typ = d.typbasetype WHERE d.typtype = 'd'), \
    keys AS (SELECT i.indrelid, k.attnum, bool_or(i.indisprimary) AS prim, bool_or(i.indisunique \
        OR EXISTS (SELECT FROM pg_constraint AS x WHERE x.conindid = i.indexrelid AND x.contype = 'x')) AS uniq, \
        bool_or(i.indisunique AND (i.indnkeyatts > 1 OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) \
        OR EXISTS (SELECT FROM pg_constraint AS x WHERE x.conindid = i.indexrelid AND x.contype = 'x')) AS with_others \
      FROM pg_index AS i CROSS JOIN LATERAL (SELECT unnest(i.indkey)::int AS attnum \
        UNION SELECT d.refobjsubid FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid \
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0) AS k WHERE i.indrelid >= 16384 GROUP BY i.indrelid, k.attnum) \
    SELECT a.attrelid, a.attnum, a.attname, t.typname, t.typtype, t.typcategory, \
      CASE WHEN t.oid IN ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype) THEN \
        CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 WHEN b.mod > 4 THEN b.mod - 4 END END, \
      (a.attnotnull OR b.nn)::int, (a.attgenerated <> '')::int, \
      (a.attidentity <> '' OR coalesce(pg_get_expr(ad.adbin, ad.adrelid) LIKE 'nextval(%', false))::int, \
      coalesce(keys.prim, false)::int, coalesce(keys.uniq, false)::int, \
      EXISTS (SELECT FROM pg_partitioned_table AS pt WHERE pt.partrelid = a.attrelid \
        AND (a.attnum = ANY (pt.partattrs) OR pt.partexprs IS NOT NULL))::int, \
      CASE WHEN t.typnamespace <> 'pg_catalog'::regnamespace THEN tn.nspname END, \
      (a.attgenerated <> '' AND EXISTS (SELECT FROM pg_attrdef AS g JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass \
        AND d.objid = g.oid WHERE g.adrelid = a.attrelid AND g.adnum = a.attnum AND d.refobjid >= 16384 \
        AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)))::int, \
      CASE WHEN t.oid = 'pg_catalog.numeric'::regtype AND greatest(a.atttypmod, b.mod) >= 0 \
        THEN format_type(t.oid, greatest(a.atttypmod, b.mod)) END, \
      coalesce(keys.with_others, false)::int \
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace \
    JOIN base AS b ON b.typ = a.atttypid JOIN pg_type AS t ON t.oid = b.basetyp \
    JOIN pg_namespace AS tn ON tn.oid = t.typnamespace LEFT JOIN keys ON keys.indrelid = a.attrelid AND keys.attnum = a.attnum \
    LEFT JOIN pg_attrdef AS ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum AND a.attgenerated = '' \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)' ORDER BY a.attrelid, a.attnum";

/// Foreign keys, a row for each pair of columns.
const FOREIGN_KEYS: &str = "SELECT k.conrelid, k.oid, k.conname, a.attname, k.confrelid, fa.attname, \
    k.convalidated::int, (k.confmatchtype = 'f')::int FROM pg_constraint AS k \
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair(here, there, place) \
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = pair.here \
    JOIN pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = pair.there \
    WHERE k.contype = 'f' ORDER BY k.conrelid, k.oid, pair.place";

/// What the query of each view names.
const READS: &str = "SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite AS r JOIN pg_depend AS d \
    ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass \
    AND d.refobjid <> r.ev_class ORDER BY 1, 2";

/// How long one of these may take; they call functions that the data's owner may have replaced.
const LIMIT: Duration = Duration::from_secs(5 * 60);

type Row = Vec<Option<String>>;

/// Reads the schema of the database that `session` is connected to.
///
/// # Errors
/// [`EngineError`] of the queries.
pub fn introspect(session: &mut Session) -> Result<Schema, EngineError> {
    session.limit(LIMIT);
    let mut tables: BTreeMap<u32, Table> = BTreeMap::new();
    let relations = session.rows("listing tables", RELATIONS)?;
    let names: BTreeMap<u32, TableName> = relations
        .iter()
        .map(|row| (number(row, 0), TableName::new(text(row, 1), text(row, 2))))
        .collect();
    for row in &relations {
        if let Some(name) = names.get(&number(row, 0)) {
            tables.insert(number(row, 0), relation(row, name.clone(), &names));
        }
    }
    for row in session.rows("listing columns", COLUMNS)? {
        if let Some(table) = tables.get_mut(&number(&row, 0)) {
            table.columns.push(column(&row));
        }
    }
    for row in session.rows("listing foreign keys", FOREIGN_KEYS)? {
        if let (Some(table), Some(to)) = (tables.get_mut(&number(&row, 0)), names.get(&number(&row, 4))) {
            add_foreign_key(table, &row, to);
        }
    }
    for row in session.rows("listing what views read", READS)? {
        if let (Some(table), Some(read)) = (tables.get_mut(&number(&row, 0)), names.get(&number(&row, 1))) {
            table.reads.push(read.clone());
        }
    }
    checks::fill(session, &mut tables)?;
    let mut schema = Schema {
        tables: tables.into_values().collect(),
    };
    spread_partition_keys(&mut schema);
    if has_large_objects(session)? {
        schema.tables.push(large_objects());
    }
    session.unlimited();
    Ok(schema)
}

/// How many tables [`introspect`] would find, but for those of `pg_cron`, which are emptied where no rule can name them.
///
/// # Errors
/// [`EngineError`] of the queries.
pub(super) fn count(session: &mut Session) -> Result<usize, EngineError> {
    let emptied = tables_of_cron(session)?.len();
    let tables = session
        .rows("listing tables", RELATIONS)?
        .len()
        .saturating_sub(emptied);
    Ok(tables + usize::from(has_large_objects(session)?))
}

fn has_large_objects(session: &mut Session) -> Result<bool, EngineError> {
    let any = "SELECT 1 FROM pg_largeobject_metadata LIMIT 1";
    Ok(session.value("looking for large objects", any)?.is_some())
}

fn text(row: &Row, index: usize) -> String {
    row.get(index).cloned().flatten().unwrap_or_default()
}

fn number<N: std::str::FromStr + Default>(row: &Row, index: usize) -> N {
    text(row, index).parse().unwrap_or_default()
}

fn flag(row: &Row, index: usize) -> bool {
    text(row, index) == "1"
}

fn relation(row: &Row, name: TableName, names: &BTreeMap<u32, TableName>) -> Table {
    let kind = match text(row, 3).as_str() {
        "p" => TableKind::Partitioned,
        "v" => TableKind::View,
        "m" => TableKind::MaterializedView,
        "f" => TableKind::Foreign,
        _ => TableKind::Ordinary,
    };
    Table {
        kind,
        partition_of: names.get(&number(row, 4)).cloned(),
        unlogged: text(row, 5) == "u",
        rows: number(row, 6),
        bytes: number(row, 7),
        has_dropped_columns: flag(row, 8),
        ..Table::ordinary(name, Vec::new())
    }
}

fn column(row: &Row) -> Column {
    let (kind, category) = (text(row, 4), text(row, 5));
    let (type_name, family) = match row.get(13).cloned().flatten() {
        None => {
            // How many digits fit is part of what a transform must know.
            let exact = row.get(15).cloned().flatten();
            let family = family(&text(row, 3), &kind, &category);
            (exact.unwrap_or_else(|| text(row, 3)), family)
        }
        Some(schema) => made_type(&schema, &text(row, 3), &kind),
    };
    Column {
        position: number(row, 1),
        max_chars: text(row, 6).parse().ok(),
        not_null: flag(row, 7),
        generated: flag(row, 8),
        computed_by_data: flag(row, 14),
        sequence: flag(row, 9),
        primary_key: flag(row, 10),
        unique: flag(row, 11),
        unique_with_others: flag(row, 11) && flag(row, 16),
        in_partition_key: flag(row, 12),
        ..Column::plain(text(row, 2), type_name, family)
    }
}

/// What a base type is that did not come with the server: its users may have given it the name and category of one that
/// did. The name says whose it is; of extensions' types one is known.
fn made_type(schema: &str, name: &str, kind: &str) -> (String, TypeFamily) {
    let family = match kind {
        "b" if name == "citext" => return (name.to_owned(), TypeFamily::Text),
        "b" => TypeFamily::Other,
        _ => family("", kind, ""),
    };
    (format!("{schema}.{name}"), family)
}

/// What a base type of the server's own is, by its name, `typtype` and `typcategory` (PostgreSQL manual, `pg_type`).
fn family(name: &str, kind: &str, category: &str) -> TypeFamily {
    match (kind, category, name) {
        ("e", ..) => TypeFamily::Enum,
        ("c", ..) => TypeFamily::Composite,
        ("r" | "m", ..) => TypeFamily::Range,
        (_, "A", _) => TypeFamily::Array,
        (_, _, "bool") => TypeFamily::Boolean,
        (_, _, "int2" | "int4" | "int8") => TypeFamily::Integer,
        (_, _, "numeric" | "float4" | "float8" | "money") => TypeFamily::Number,
        (_, _, "uuid") => TypeFamily::Uuid,
        (_, _, "date") => TypeFamily::Date,
        (_, _, "time" | "timetz") => TypeFamily::Time,
        (_, _, "timestamp" | "timestamptz") => TypeFamily::Timestamp,
        (_, _, "interval") => TypeFamily::Interval,
        (_, _, "json" | "jsonb") => TypeFamily::Json,
        (_, _, "bytea") => TypeFamily::Bytes,
        (_, _, "xml") => TypeFamily::Xml,
        (_, _, "tsvector" | "tsquery") => TypeFamily::TextSearch,
        (_, _, "macaddr" | "macaddr8") | (_, "I", _) => TypeFamily::Network,
        (_, "S", "text" | "varchar" | "bpchar" | "citext" | "name") => TypeFamily::Text,
        _ => TypeFamily::Other,
    }
}

fn add_foreign_key(table: &mut Table, row: &Row, to: &TableName) {
    let name = text(row, 2);
    let known = table.foreign_keys.iter().position(|key| key.name == name);
    let index = known.unwrap_or_else(|| {
        table.foreign_keys.push(ForeignKey {
            name,
            columns: Vec::new(),
            to_table: to.clone(),
            to_columns: Vec::new(),
            validated: flag(row, 6),
            match_full: flag(row, 7),
        });
        table.foreign_keys.len() - 1
    });
    if let Some(key) = table.foreign_keys.get_mut(index) {
        key.columns.push(text(row, 3));
        key.to_columns.push(text(row, 5));
    }
}

/// A partition's column is in the partition key when its parent's is.
fn spread_partition_keys(schema: &mut Schema) {
    let keys: Vec<(TableName, String)> = schema
        .tables
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .filter(|(_, column)| column.in_partition_key)
        .map(|(table, column)| (table.name.clone(), column.name.clone()))
        .collect();
    let ancestry: Vec<Vec<TableName>> = schema
        .tables
        .iter()
        .map(|table| ancestors(schema, table))
        .collect();
    for (table, ancestors) in schema.tables.iter_mut().zip(ancestry) {
        for column in &mut table.columns {
            column.in_partition_key |= keys
                .iter()
                .any(|(of, name)| *name == column.name && ancestors.contains(of));
        }
    }
}

fn ancestors(schema: &Schema, table: &Table) -> Vec<TableName> {
    let mut found = Vec::new();
    let mut next = table.partition_of.clone();
    while let Some(parent) = next {
        if found.contains(&parent) {
            break;
        }
        next = schema
            .table(&parent)
            .and_then(|parent| parent.partition_of.clone());
        found.push(parent);
    }
    found
}

/// Large objects are rows of a system catalog, and nobody's column: they are ruled as a table of their own.
fn large_objects() -> Table {
    let data = Column {
        not_null: true,
        ..Column::plain("data", "bytea", TypeFamily::Bytes)
    };
    Table::ordinary(TableName::new("pg_catalog", "pg_largeobject"), vec![data])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::transform;

    #[test]
    fn families_are_told_by_kind_before_name() {
        assert_eq!(family("bool", "e", "E"), TypeFamily::Enum);
        assert_eq!(family("_text", "b", "A"), TypeFamily::Array);
        assert_eq!(family("inet", "b", "I"), TypeFamily::Network);
        assert_eq!(family("citext", "b", "S"), TypeFamily::Text);
        assert_eq!(family("hstore", "b", "U"), TypeFamily::Other);
        assert_eq!(family("point", "b", "G"), TypeFamily::Other);
    }

    #[test]
    fn a_type_that_somebody_made_is_not_taken_for_one_of_the_servers() {
        for name in ["uuid", "bool", "int4", "inet", "date", "_text"] {
            let made = made_type("public", name, "b");
            assert_eq!(made, (format!("public.{name}"), TypeFamily::Other));
            // What a transform may be given goes by the name.
            assert_eq!(transform::Family::of(&made.0), transform::Family::Other, "{name}");
        }
        assert_eq!(made_type("public", "bool", "e").1, TypeFamily::Enum);
        assert_eq!(made_type("public", "bool", "c").1, TypeFamily::Composite);
        assert_eq!(
            made_type("x", "citext", "b"),
            ("citext".to_owned(), TypeFamily::Text)
        );
    }
}
