//! Rules inside a rule: what a path of a document, or a key of a key-value table, is given.

use super::{Column, MaskingKey, Spec, SpecError, Transform, compile};

/// What a rule inside another one does.
pub(super) enum Inner {
    /// The value stays, for a reason that the owner gave.
    Keep(String),
    /// It is replaced.
    Mask(Box<dyn Transform>),
}

impl Inner {
    /// The transform, if there is one.
    pub(super) fn transform(&self) -> Option<&dyn Transform> {
        match self {
            Self::Keep(_) => None,
            Self::Mask(transform) => Some(&**transform),
        }
    }
}

/// What a rule inside another one says, before it meets a type.
pub(super) enum Said {
    /// With the reason.
    Keep(String),
    Mask(Spec),
}

/// Reads `"email"`, `{ transform = "email", … }` or `{ keep = "reason" }`, which stands at `at` of `outer`.
pub(super) fn said(outer: &'static str, at: &str, rule: &toml::Value) -> Result<Said, SpecError> {
    match read(outer, at, rule)? {
        // Inside a value it would leave everything as it is.
        Said::Mask(spec) if spec.name == "shuffle" => Err(SpecError::Rule {
            transform: outer,
            at: at.to_owned(),
            message: "shuffle moves the values of a whole column to other rows, not parts of them".to_owned(),
        }),
        said => Ok(said),
    }
}

fn read(outer: &'static str, at: &str, rule: &toml::Value) -> Result<Said, SpecError> {
    let wrong = |message: &str| SpecError::Rule {
        transform: outer,
        at: at.to_owned(),
        message: message.to_owned(),
    };
    let table = match rule {
        toml::Value::String(name) if name == "keep" => {
            return Err(wrong("keep needs its reason: { keep = \"why this may stay\" }"));
        }
        toml::Value::String(name) => return Ok(Said::Mask(Spec::named(name))),
        toml::Value::Table(table) => table,
        _ => {
            return Err(wrong(
                "a rule is the name of a transform, { transform = … } or { keep = … }",
            ));
        }
    };
    if table.contains_key("where") {
        return Err(wrong(
            "where stands in the rule of the column, not inside it; give the column a list of rules",
        ));
    }
    match (table.get("transform"), table.get("keep")) {
        (Some(name), None) => {
            let name = name.as_str().ok_or_else(|| wrong("transform must be a string"))?;
            let mut spec = Spec::named(name);
            spec.params = table.clone();
            spec.params.remove("transform");
            Ok(Said::Mask(spec))
        }
        (None, Some(reason)) if table.len() == 1 => match reason.as_str() {
            Some(reason) if !reason.trim().is_empty() => Ok(Said::Keep(reason.to_owned())),
            _ => Err(wrong("keep needs a reason: say why this may stay")),
        },
        (None, Some(_)) => Err(wrong("beside keep there is nothing")),
        (Some(_), Some(_)) => Err(wrong("a rule has a transform or a keep, not both")),
        (None, None) => Err(wrong("a rule needs transform = \"…\" or keep = \"reason\"")),
    }
}

/// The rule at `at` of `outer`, made for values that go to `column`.
pub(super) fn inner(
    outer: &'static str,
    at: &str,
    rule: &toml::Value,
    column: &Column,
    key: &MaskingKey,
) -> Result<Inner, SpecError> {
    match said(outer, at, rule)? {
        Said::Keep(reason) => Ok(Inner::Keep(reason)),
        Said::Mask(spec) => compile(&spec, column, key)
            .map(Inner::Mask)
            .map_err(|why| inside(outer, at, &why)),
    }
}

/// The `keep`s of a rule that stands at `at` of another one.
pub(super) fn below(at: &str, keeps: Vec<(String, String)>) -> Vec<(String, String)> {
    keeps
        .into_iter()
        .map(|(inner, reason)| (format!("{at} {inner}"), reason))
        .collect()
}

/// Why a rule inside another one cannot apply.
pub(super) fn inside(outer: &'static str, at: &str, why: &SpecError) -> SpecError {
    SpecError::Rule {
        transform: outer,
        at: at.to_owned(),
        message: why.to_string(),
    }
}
