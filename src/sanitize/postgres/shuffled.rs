//! Values that go to other rows, by the question that reads the rows: each row gets the value of the next one in an order that
//! is drawn from the masking key and the row's own key, and the last one that of the first. So no row keeps its value where there
//! are two, the same rows give the same order, and only the server ever sorts, within its own memory.

use std::collections::BTreeMap;

use crate::engine::postgres::{quote_identifier, quote_literal};
use crate::sanitize::schema::{Column, Table};
use crate::sanitize::transform::{Order, Transform};

use super::large::as_text;
use super::rewrite::ColumnWork;

/// The columns of a table whose values move.
pub(super) struct Shuffled<'a> {
    table: &'a Table,
    /// By column, the number of its order.
    columns: BTreeMap<&'a str, usize>,
    /// What each order is drawn from.
    orders: Vec<String>,
}

impl<'a> Shuffled<'a> {
    /// Those of these columns.
    pub(super) fn of(table: &'a Table, work: &'a [ColumnWork]) -> Self {
        let mut shuffled = Self {
            table,
            columns: BTreeMap::new(),
            orders: Vec::new(),
        };
        for column in work {
            let Some(order) = order(column) else { continue };
            // A group and a column of one name are two.
            let whose = order.group.as_ref().map_or_else(
                || format!("column {}", column.name),
                |group| format!("group {group}"),
            );
            let drawn_from = format!("{} {} {whose}", order.secret, table.name);
            let known = shuffled.orders.iter().position(|known| *known == drawn_from);
            let number = known.unwrap_or(shuffled.orders.len());
            if known.is_none() {
                shuffled.orders.push(drawn_from);
            }
            shuffled.columns.insert(&column.name, number);
        }
        shuffled
    }

    /// Whether no value moves.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// What is selected for a column.
    pub(super) fn value(&self, column: &str) -> String {
        let name = quote_identifier(column);
        match self.columns.get(column) {
            None => name,
            Some(number) => {
                let order = format!("OVER order_{number}");
                format!(
                    "CASE WHEN lead(true) {order} THEN lead({name}) {order} ELSE first_value({name}) {order} END"
                )
            }
        }
    }

    /// The orders, for the end of the question; rows come as they lie.
    pub(super) fn windows(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let keys: Vec<String> = self
            .table
            .columns
            .iter()
            .filter(|column| column.primary_key)
            .map(key)
            .collect();
        let row = if keys.is_empty() {
            "ctid::text".to_owned()
        } else {
            keys.join(", ")
        };
        let window = |(number, drawn_from): (usize, &String)| {
            let drawn_from = quote_literal(drawn_from);
            format!(
                "order_{number} AS (ORDER BY sha256(convert_to(concat_ws(' ', {drawn_from}, {row}), 'UTF8')), ctid)"
            )
        };
        let windows: Vec<String> = self.orders.iter().enumerate().map(window).collect();
        format!(" WINDOW {} ORDER BY ctid", windows.join(", "))
    }
}

fn key(column: &Column) -> String {
    as_text(column)
}

/// In which order the values of a column move, if they do.
pub(super) fn order(column: &ColumnWork) -> Option<&Order> {
    let mut transforms = column.rules.iter().filter_map(|rule| rule.transform.as_deref());
    transforms.find_map(Transform::moves)
}

#[cfg(test)]
mod tests {
    use super::super::rewrite::Rule;
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::schema::{TableName, TypeFamily};
    use crate::sanitize::transform::{self, ColumnDefault, Spec};

    fn work(name: &str, group: Option<&str>) -> ColumnWork {
        let mut spec = Spec::named("shuffle");
        let group = group.map(|group| ("group".to_owned(), toml::Value::String(group.to_owned())));
        spec.params.extend(group);
        let column = transform::Column {
            type_name: "text".to_owned(),
            max_chars: None,
            not_null: false,
            unique: false,
            default: ColumnDefault::None,
        };
        let made = transform::compile(&spec, &column, &MaskingKey::from_bytes([7; 32])).unwrap();
        ColumnWork {
            name: name.to_owned(),
            rules: vec![Rule {
                condition: None,
                transform: Some(made),
            }],
        }
    }

    #[test]
    fn columns_of_a_group_move_in_one_order_and_others_each_in_its_own() {
        let id = Column {
            primary_key: true,
            ..Column::plain("id", "int8", TypeFamily::Integer)
        };
        let table = Table::ordinary(TableName::new("p", "t"), vec![id]);
        let work = [
            work("city", Some("place")),
            work("zip", Some("place")),
            work("place", None),
        ];
        let shuffled = Shuffled::of(&table, &work);
        assert_eq!(
            shuffled.value("zip"),
            "CASE WHEN lead(true) OVER order_0 THEN lead(\"zip\") OVER order_0 ELSE first_value(\"zip\") OVER order_0 END"
        );
        assert!(shuffled.value("place").contains("order_1") && !shuffled.value("city").contains("order_1"));
        assert_eq!(shuffled.value("id"), "\"id\"");
        let windows = shuffled.windows();
        assert!(
            windows.contains(" p.t group place', \"id\"::text), 'UTF8')), ctid), order_1"),
            "{windows}"
        );
        assert!(
            windows.ends_with("ORDER BY ctid") && windows.contains("p.t column place"),
            "{windows}"
        );
        let none = Shuffled::of(&table, &[]);
        assert!(none.is_empty() && none.windows().is_empty());
    }
}
