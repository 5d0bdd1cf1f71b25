//! What a column looks like it holds. First shape of the interface; the detector follows.

/// What a column was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The kind of personal data.
    pub kind: &'static str,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Looks at a column's name, type and some values.
pub fn detect(_name: &str, _type_name: &str, _values: &[String]) -> Option<Finding> {
    None
}

/// The rule to start from.
pub fn suggest(_finding: &Finding, _column: &super::transform::Column) -> Option<super::transform::Spec> {
    None
}

/// Whether numbers, dates or identifiers look personal.
pub fn looks_personal_number(_name: &str, _values: &[String]) -> bool {
    false
}
