//! Fakes of values met a moment ago: names, towns and states repeat, and a fake costs far more than a look.

use std::hash::{BuildHasher, RandomState};

use super::transform::Masked;

/// Places. With values of 48 bytes it is about a megabyte.
const PLACES: usize = 8192;
/// Longer values repeat too seldom.
const LONGEST: usize = 48;
/// After so many values it is judged whether looking pays.
const TRIAL: u32 = 16_384;

/// The last fakes of one transform, by value. It stops by itself where values hardly repeat.
#[derive(Default)]
pub(super) struct Recent {
    hasher: RandomState,
    places: Vec<Option<Known>>,
    looked: u32,
    found: u32,
    given_up: bool,
}

struct Known {
    value: String,
    fake: String,
    masked: Masked,
}

impl Recent {
    /// The fake of `value`, appended to `out`; asks `make` for it where it is not known.
    ///
    /// # Errors
    /// Those of `make`, which are not remembered.
    pub(super) fn fake<E>(
        &mut self,
        value: &str,
        out: &mut String,
        make: impl FnOnce(&mut String) -> Result<Masked, E>,
    ) -> Result<Masked, E> {
        if self.given_up || value.len() > LONGEST {
            return make(out);
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        self.judge();
        let hash = self.hasher.hash_one(value);
        let place = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        let place = self.places.get_mut(place);
        if let Some(Some(known)) = &place
            && known.value == value
        {
            self.found += 1;
            out.push_str(&known.fake);
            return Ok(known.masked);
        }
        let start = out.len();
        let masked = make(out)?;
        if let Some(place) = place {
            let known = place.get_or_insert_with(|| Known {
                value: String::new(),
                fake: String::new(),
                masked,
            });
            known.value.clear();
            known.value.push_str(value);
            known.fake.clear();
            known.fake.push_str(&out[start..]);
            known.masked = masked;
        }
        Ok(masked)
    }

    /// Less than one in four known is not worth the looking.
    fn judge(&mut self) {
        self.looked += 1;
        if self.looked == TRIAL {
            self.given_up = self.found < TRIAL / 4;
            if self.given_up {
                self.places = Vec::new();
            }
            (self.looked, self.found) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn fake(recent: &mut Recent, value: &str, made: &mut u32) -> String {
        let mut out = "before ".to_owned();
        let masked = recent.fake(value, &mut out, |out| {
            *made += 1;
            out.push_str("fake of ");
            out.push_str(value);
            Ok::<_, Infallible>(Masked::Value)
        });
        assert_eq!(masked, Ok(Masked::Value));
        out
    }

    #[test]
    fn a_value_that_repeats_is_made_once_and_every_value_gets_its_own() {
        let (mut recent, mut made) = (Recent::default(), 0);
        for round in 0..3 {
            for name in ["Anna", "Ben", ""] {
                assert_eq!(
                    fake(&mut recent, name, &mut made),
                    format!("before fake of {name}")
                );
            }
            assert_eq!(made, 3, "in round {round}");
        }
    }

    #[test]
    fn more_values_than_places_still_get_their_own() {
        let (mut recent, mut made) = (Recent::default(), 0);
        for number in (0..60_000).chain(0..100) {
            let value = (number % 30_000).to_string();
            assert_eq!(
                fake(&mut recent, &value, &mut made),
                format!("before fake of {value}")
            );
        }
    }

    #[test]
    fn values_that_do_not_repeat_are_not_kept() {
        let (mut recent, mut made) = (Recent::default(), 0);
        for number in 0..TRIAL {
            fake(&mut recent, &number.to_string(), &mut made);
        }
        assert!(recent.given_up && recent.places.is_empty());
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(
            fake(&mut recent, &long, &mut made),
            format!("before fake of {long}")
        );
    }

    #[test]
    fn a_failure_is_not_remembered() {
        let mut recent = Recent::default();
        let mut out = String::new();
        assert_eq!(recent.fake("a", &mut out, |_| Err("no")), Err("no"));
        assert_eq!(
            recent.fake("a", &mut out, |_| Ok::<_, &str>(Masked::Null)),
            Ok(Masked::Null)
        );
        assert_eq!(recent.fake("a", &mut out, |_| Err("not asked")), Ok(Masked::Null));
    }
}
