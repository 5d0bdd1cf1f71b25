//! `choice`: one of a list that the rule gives.

use super::fixed::literal;
use super::letters::number;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Transform, TransformError, Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "choice",
    summary: "replaces every value by one of a list, the same value always by the same one and never by itself",
    params: &[
        Param {
            name: "values",
            summary: "the list, of at least two different values that fit the column (this or file is required)",
        },
        Param {
            name: "file",
            summary: "a file beside the rule file that holds the list, one value on each line",
        },
        Param {
            name: "weights",
            summary: "how often each is chosen, as whole numbers from 1 to 1000 (default: all alike)",
        },
    ],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let given = params
        .get("values")
        .ok_or_else(|| params.missing("values", "a list of at least two values"))?;
    let expected = || params.wrong("values", "a list of at least two different values".to_owned());
    let given = given.as_array().ok_or_else(expected)?;
    let values = given
        .iter()
        .map(|value| literal(params, "values", value, column))
        .collect::<Result<Vec<String>, _>>()?;
    if values.iter().all(|value| Some(value) == values.first()) {
        return Err(expected());
    }
    let weights = weights(params, values.len())?;
    let places = (0..values.len())
        .flat_map(|at| std::iter::repeat_n(at, weights.get(at).copied().unwrap_or(1)))
        .collect();
    Ok(Box::new(Choice {
        digester: key.digester(Kind::Choice),
        values,
        places,
    }))
}

fn weights(params: &Params<'_>, count: usize) -> Result<Vec<usize>, super::SpecError> {
    let Some(given) = params.get("weights") else {
        return Ok(Vec::new());
    };
    let weight = |value: &toml::Value| {
        let weight = value.as_integer().and_then(|weight| usize::try_from(weight).ok());
        weight.filter(|weight| (1..=1000).contains(weight))
    };
    let read = |list: &Vec<toml::Value>| list.iter().map(weight).collect::<Option<Vec<usize>>>();
    given
        .as_array()
        .and_then(read)
        .filter(|weights| weights.len() == count)
        .ok_or_else(|| {
            params.wrong(
                "weights",
                "a whole number from 1 to 1000 for each value".to_owned(),
            )
        })
}

struct Choice {
    digester: Digester,
    values: Vec<String>,
    /// Numbers of values, each as often as its weight.
    places: Vec<usize>,
}

impl Transform for Choice {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let digest = self.digester.digest(value);
        let place = number(&digest, 0, self.places.len());
        // From there on, the first that is another.
        let mut from = self.places.iter().cycle().skip(place).take(self.places.len());
        let other = from.find_map(|at| self.values.get(*at).filter(|other| *other != value));
        out.push_str(other.ok_or(TransformError::Exhausted {
            transform: ENTRY.name,
        })?);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, refused, sized, spec};

    #[test]
    fn every_value_becomes_another_of_the_list_by_its_weight() {
        let choice = compiled(
            &spec("choice", "values = ['a', 'b']\nweights = [9, 1]"),
            &column("text"),
        );
        let count = (0..1_000)
            .filter(|n| masked(&*choice, &n.to_string()) == "a")
            .count();
        assert!((850..950).contains(&count), "{count}");
        assert_eq!(masked(&*choice, "a"), "b");
        let numbers = compiled(&spec("choice", "values = [1, 2]"), &column("int4"));
        assert_eq!(masked(&*numbers, "2"), "1");
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        for params in [
            "",
            "values = 'a'",
            "values = ['a']",
            "values = ['a', 'a']",
            "values = ['a', 'bbbb']",
            "values = ['a', 'b']\nweights = [1]",
            "values = ['a', 'b']\nweights = [1, 0]",
        ] {
            refused(&spec("choice", params), &sized(3));
        }
        refused(&spec("choice", "values = ['a', 'b']"), &column("int4"));
    }
}
