//! What fakes are made of. An original that equals it proves nothing when it is found in a branch.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::email::DOMAINS;
use super::letters::{CODE_SHORT_RISK, is_code};
use super::{company, name, phone, text};
use crate::sanitize::key;

struct Vocabulary {
    set: HashSet<String>,
    words: Vec<String>,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut set = HashSet::new();
    let entries = name::all()
        .chain(text::words().iter().copied())
        .chain(company::all_forms());
    for entry in entries {
        let folded = key::name(entry, str::to_owned);
        // "O'Connell" stands as "oconnell" in addresses.
        set.insert(folded.replace('\'', ""));
        set.extend(tokens(&folded).map(str::to_owned));
    }
    let words = set.iter().cloned().collect();
    Vocabulary { set, words }
});

fn tokens(folded: &str) -> impl Iterator<Item = &str> {
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|token| !token.is_empty())
}

/// Whether an original could be met in the fakes of others by chance: as a name, as Latin words, as a number
/// reserved for fiction, or as a part of one of these. Such a value is no usable needle.
pub fn in_vocabulary(value: &str) -> bool {
    key::name(value, |folded| match folded.rsplit_once('@') {
        Some((local, domain)) if DOMAINS.contains(&domain) => local.len() < CODE_SHORT_RISK && is_code(local),
        Some(_) => false,
        None => {
            DOMAINS.iter().any(|domain| domain.contains(folded))
                || phone::could_be_fake(folded)
                || names(folded)
        }
    })
}

/// Whether the text could be cut from a row of names or words: whole words inside, ends of words at both ends.
fn names(folded: &str) -> bool {
    let vocabulary = &*VOCABULARY;
    let tokens: Vec<&str> = tokens(folded).collect();
    let any = |test: &dyn Fn(&str) -> bool| vocabulary.words.iter().any(|word| test(word));
    let whole = |token: &&str| vocabulary.set.contains(*token);
    match tokens.as_slice() {
        [] => true,
        [only] => whole(only) || any(&|word| word.contains(only)),
        [first, middle @ .., last] => {
            middle.iter().all(whole)
                && (whole(first) || any(&|word| word.ends_with(first)))
                && (whole(last) || any(&|word| word.starts_with(last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, spec};
    use super::*;

    #[test]
    fn names_and_latin_words_are_vocabulary_in_any_case() {
        for value in [
            "Anna",
            "SMITH",
            "anna smith",
            "Smith, Anna",
            "anna.smith",
            "Lorem Ipsum",
            "voluptatem",
            "O'Connell",
            "oconnell",
            "lexandr",
            "Anna Schroed",
            "example.com",
            "xample.or",
            "",
            "--",
        ] {
            assert!(in_vocabulary(value), "{value}");
        }
    }

    #[test]
    fn what_no_fake_can_hold_is_not() {
        for value in [
            "anna@shop.example",
            "anna.smith@example.com",
            "Xanthippe Zwölfender",
            "Anna Zwölfender",
            "12 High Street",
            "+33 6 12 34 56 78",
            "secret99",
        ] {
            assert!(!in_vocabulary(value), "{value}");
        }
    }

    #[test]
    fn addresses_at_reserved_domains_can_be_the_end_of_a_fake_only_when_short() {
        assert!(in_vocabulary("bk4@example.com"));
        assert!(!in_vocabulary("bk4tz7qw@example.com"));
        assert!(!in_vocabulary("bob@example.com"));
    }

    #[test]
    fn every_fake_name_phone_and_latin_text_is_vocabulary() {
        for rule in [
            spec("name", ""),
            spec("name", "locale = 'nl'"),
            spec("name", "part = 'first'\nlocale = 'fr'"),
            spec("phone", "country = 'GB'"),
            spec("text", "mode = 'lorem'"),
        ] {
            let transform = compiled(&rule, &column("text"));
            for n in 0..300 {
                let fake = masked(&*transform, &format!("original number {n:x}"));
                assert!(
                    in_vocabulary(&fake) || fake.contains(char::is_numeric) && rule.name == "text",
                    "{fake}"
                );
            }
        }
        let email = compiled(&Spec::named("email"), &column("text"));
        assert!(!in_vocabulary(&masked(&*email, "anna@shop.example")));
    }
}
