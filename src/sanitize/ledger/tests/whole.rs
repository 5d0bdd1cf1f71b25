//! No column is ever lost, whatever a schema looks like.

use proptest::prelude::*;

use super::*;

fn any_family() -> impl Strategy<Value = TypeFamily> {
    use TypeFamily as F;
    proptest::sample::select(vec![
        F::Boolean,
        F::Integer,
        F::Number,
        F::Uuid,
        F::Date,
        F::Enum,
        F::Text,
        F::Json,
        F::Bytes,
        F::Array,
        F::Other,
    ])
}

fn any_kind() -> impl Strategy<Value = TableKind> {
    use TableKind as K;
    proptest::sample::select(vec![
        K::Ordinary,
        K::Partitioned,
        K::View,
        K::MaterializedView,
        K::Foreign,
    ])
}

prop_compose! {
    fn any_column()(family in any_family(), name in "[a-d]", flags in any::<[bool; 5]>()) -> Column {
        Column {
            not_null: flags[0],
            generated: flags[1],
            sequence: flags[2],
            primary_key: flags[3],
            unique: flags[4],
            ..typed(&name, "x", family)
        }
    }
}

prop_compose! {
    fn any_table()(
        name in "[a-e]",
        kind in any_kind(),
        parent in proptest::option::of("[a-e]"),
        columns in proptest::collection::vec(any_column(), 0..4),
        key in proptest::option::of(("[a-d]", "[a-e]", "[a-d]", any::<bool>())),
    ) -> Table {
        let mut table = Table { kind, partition_of: parent.map(|parent| TableName::new("public", parent)), ..table(&name, columns) };
        if let Some((column, to, to_column, validated)) = key {
            table = refers(table, &column, &to, &to_column);
            table.foreign_keys[0].validated = validated;
        }
        table
    }
}

proptest! {
    /// Also of a schema that makes no sense: two tables of one name, partitions in circles, keys to nowhere.
    #[test]
    fn no_column_of_a_schema_is_ever_missing(tables in proptest::collection::vec(any_table(), 0..6)) {
        let schema = schema(tables);
        let survey = survey_of(&schema, "").unwrap();
        let expected: Vec<_> = schema.tables.iter()
            .flat_map(|table| table.columns.iter().map(|column| (table.name.clone(), column.name.clone())))
            .collect();
        let found: Vec<_> = survey.tables.iter()
            .flat_map(|table| table.columns.iter().map(|(name, ..)| (table.name.clone(), name.clone())))
            .collect();
        prop_assert_eq!(&found, &expected);
        match survey.complete() {
            Ok(ledger) => prop_assert_eq!(ledger.columns().count(), expected.len()),
            Err(LedgerError::Unclassified(error)) => prop_assert!(!error.columns.is_empty()),
            Err(LedgerError::Rules(error)) => prop_assert!(false, "no rule was given: {}", error),
        }
    }
}
