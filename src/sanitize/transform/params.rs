//! Parameters of transforms: declared, checked, read.

use super::{Entry, SpecError, preserve};

/// One parameter of a transform.
pub struct Param {
    /// Its name in rules.
    pub name: &'static str,
    /// What it means, what values it takes and which is the default.
    pub summary: &'static str,
}

/// The parameters of a rule, of which each is known to the transform.
pub struct Params<'a> {
    transform: &'static str,
    table: &'a toml::Table,
}

impl<'a> Params<'a> {
    pub(super) fn check(entry: &'static Entry, table: &'a toml::Table) -> Result<Self, SpecError> {
        let known =
            |name: &str| name == preserve::PARAM || entry.params.iter().any(|param| param.name == name);
        if let Some(unknown) = table.keys().find(|name| !known(name)) {
            return Err(SpecError::unknown_param(entry, unknown));
        }
        Ok(Self {
            transform: entry.name,
            table,
        })
    }

    /// The transform that they are for.
    pub(super) fn transform(&self) -> &'static str {
        self.transform
    }

    /// The error of one that must be given.
    pub(super) fn missing(&self, param: &'static str, expected: &'static str) -> SpecError {
        SpecError::Missing {
            transform: self.transform,
            param,
            expected,
        }
    }

    /// Any value.
    pub(super) fn get(&self, param: &'static str) -> Option<&'a toml::Value> {
        self.table.get(param)
    }

    /// One of a few words; the first is the default.
    pub(super) fn choice(
        &self,
        param: &'static str,
        words: &[&'static str],
    ) -> Result<&'static str, SpecError> {
        Ok(self.optional_choice(param, words)?.unwrap_or(words[0]))
    }

    /// One of a few words, or nothing.
    pub(super) fn optional_choice(
        &self,
        param: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, SpecError> {
        let Some(value) = self.get(param) else {
            return Ok(None);
        };
        let given = value.as_str();
        let word = words.iter().find(|word| Some(**word) == given).copied();
        word.map(Some)
            .ok_or_else(|| self.wrong(param, format!("one of {}", words.join(", "))))
    }

    /// A whole number between two others, or nothing.
    pub(super) fn number(
        &self,
        param: &'static str,
        from: usize,
        to: usize,
    ) -> Result<Option<usize>, SpecError> {
        let Some(value) = self.get(param) else {
            return Ok(None);
        };
        value
            .as_integer()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| (from..=to).contains(number))
            .map(Some)
            .ok_or_else(|| self.wrong(param, format!("a whole number from {from} to {to}")))
    }

    /// True or false; false where it is not given.
    pub(super) fn flag(&self, param: &'static str) -> Result<bool, SpecError> {
        self.get(param).map_or(Ok(false), |value| {
            value
                .as_bool()
                .ok_or_else(|| self.wrong(param, "true or false".to_owned()))
        })
    }

    /// A number, or nothing.
    pub(super) fn decimal(&self, param: &'static str) -> Result<Option<f64>, SpecError> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a parameter written by hand has few digits"
        )]
        let read = |value: &'a toml::Value| {
            let number = value
                .as_float()
                .or_else(|| value.as_integer().map(|number| number as f64));
            number
                .filter(|number| number.is_finite())
                .ok_or_else(|| self.wrong(param, "a number".to_owned()))
        };
        self.get(param).map(read).transpose()
    }

    /// A whole number of any sign, or nothing.
    pub(super) fn integer(&self, param: &'static str) -> Result<Option<i64>, SpecError> {
        let read = |value: &'a toml::Value| {
            let wrong = || self.wrong(param, "a whole number".to_owned());
            value.as_integer().ok_or_else(wrong)
        };
        self.get(param).map(read).transpose()
    }

    /// A text without NUL, or nothing.
    pub(super) fn text(&self, param: &'static str) -> Result<Option<&'a str>, SpecError> {
        let read = |value: &'a toml::Value| {
            let wrong = || self.wrong(param, "a text without NUL".to_owned());
            value
                .as_str()
                .filter(|text| !text.contains('\0'))
                .ok_or_else(wrong)
        };
        self.get(param).map(read).transpose()
    }

    /// The name of a domain of values: transforms that share it give the same fakes; empty where it is not given.
    pub(super) fn domain(&self) -> Result<&'a str, SpecError> {
        Ok(self.text("domain")?.unwrap_or_default())
    }

    /// The error of a parameter that is not what it must be.
    pub(super) fn wrong(&self, param: &'static str, expected: String) -> SpecError {
        SpecError::Value {
            transform: self.transform,
            param,
            expected,
        }
    }
}
