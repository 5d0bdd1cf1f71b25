//! `company`: names of companies that do not exist, from the lists of the `fake` crate.

use std::collections::HashSet;
use std::sync::LazyLock;

use fake::locales::{DE_DE, Data, EN, IT_IT, NL_NL, PT_BR, PT_PT};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::letters::number;
use super::name::family_names;
use super::sized::SizedNames;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{self, Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "company",
    summary: "replaces a company's name by one of family names and a legal form",
    params: &[Param {
        name: "locale",
        summary: "en (default), fr, de, it, nl, pt or pt-br",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

const LOCALES: [&str; 7] = ["en", "fr", "de", "it", "nl", "pt", "pt-br"];
/// Of the French the crate has none.
const FRENCH: &[&str] = &["SA", "SARL", "SAS", "et Fils", "Groupe"];

fn forms(locale: &str) -> &'static [&'static str] {
    match locale {
        "fr" => FRENCH,
        "nl" => NL_NL::COMPANY_SUFFIX,
        "pt" => PT_PT::COMPANY_SUFFIX,
        "pt-br" => PT_BR::COMPANY_SUFFIX,
        "de" => DE_DE::COMPANY_SUFFIX,
        "it" => IT_IT::COMPANY_SUFFIX,
        _ => EN::COMPANY_SUFFIX,
    }
}

/// Every legal form that a fake can hold.
pub(super) fn all_forms() -> impl Iterator<Item = &'static str> {
    LOCALES.iter().flat_map(|locale| forms(locale)).copied()
}

/// The shortest column that is taken.
const LEAST: usize = 10;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let locale = params.choice("locale", &LOCALES)?;
    if let Some(size) = params.size()? {
        return Ok(Box::new(SizedCompany {
            digester: key.digester(Kind::Company),
            names: SizedNames::new(family_names(locale), size),
        }));
    }
    match column.max_chars {
        Some(max_chars) if !column.fits(LEAST) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: LEAST,
            max_chars,
            instead: "use hmac or text",
        }),
        max_chars => Ok(Box::new(Company {
            digester: key.digester(Kind::Company),
            names: family_names(locale).collect(),
            forms: forms(locale),
            room: max_chars.map_or(usize::MAX, |max| max as usize),
        })),
    }
}

struct Company {
    digester: Digester,
    names: Vec<&'static str>,
    forms: &'static [&'static str],
    room: usize,
}

/// How often another name is tried where one does not fit, before it is cut.
const ATTEMPTS: u8 = 24;

impl Transform for Company {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if value.trim().is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let start = out.len();
        key::name(value, |canonical| {
            for attempt in 0..ATTEMPTS {
                self.write(&self.digester.attempt(canonical, attempt), attempt, out);
                let fake = &out[start..];
                let same = key::name(fake, |same| same == canonical);
                if !same && fake.chars().count() <= self.room {
                    return Ok(Masked::Value);
                }
                out.truncate(start);
            }
            Err(TransformError::Exhausted {
                transform: ENTRY.name,
            })
        })
    }
}

impl Company {
    /// Two names and a form, or fewer where that does not fit.
    fn write(&self, digest: &[u8; 32], attempt: u8, out: &mut String) {
        let name = |at| {
            self.names
                .get(number(digest, at, self.names.len()))
                .copied()
                .unwrap_or_default()
        };
        out.push_str(name(0));
        if attempt < ATTEMPTS / 3 {
            out.push_str(if attempt.is_multiple_of(2) { ", " } else { "-" });
            out.push_str(name(8));
        }
        if attempt < ATTEMPTS * 2 / 3 {
            out.push(' ');
            out.push_str(
                self.forms
                    .get(number(digest, 16, self.forms.len()))
                    .copied()
                    .unwrap_or_default(),
            );
        }
    }
}

/// Names that are as long as the value's, word by word; its legal form stays.
struct SizedCompany {
    digester: Digester,
    names: SizedNames,
}

/// Legal forms that are common, but in no list.
const COMMON: [&str; 12] = [
    "ag",
    "co",
    "company",
    "corp",
    "corporation",
    "incorporated",
    "kg",
    "limited",
    "llp",
    "ltd",
    "plc",
    "se",
];

/// Words of legal forms, in small letters.
static FORMS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let words = all_forms().flat_map(|form| form.split(|c: char| !c.is_alphabetic()));
    let words = words.chain(COMMON).filter(|word| word.len() > 1);
    words.map(str::to_lowercase).collect()
});

impl Transform for SizedCompany {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if !value.chars().any(char::is_alphanumeric) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let is_form = |word: &str| FORMS.contains(&word.to_lowercase());
        let words = value.split(|c: char| !c.is_alphabetic());
        let only_forms = !words.filter(|word| !word.is_empty()).any(|word| !is_form(word));
        let stays = |word: &str| !only_forms && is_form(word);
        let start = out.len();
        for attempt in 0..ATTEMPTS {
            let digest = key::name(value, |canonical| self.digester.attempt(canonical, attempt));
            let mut random = ChaCha8Rng::from_seed(digest);
            self.names.write(value, &mut random, &stays, out);
            if out[start..] != *value {
                return Ok(Masked::Value);
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    #[test]
    fn the_fakes_of_fixed_inputs_never_change() {
        let company = |locale: &str| {
            let spec = spec("company", &format!("locale = '{locale}'"));
            masked(&*compiled(&spec, &column("text")), "Kanari Ltd")
        };
        assert_eq!(
            LOCALES.map(company),
            [
                "Hauck, Stokes and Sons",
                "Fernandes, Roland SARL",
                "Krüger, Brandt GbR",
                "Ferrari, Rossi S.a.p.a.",
                "de Bruijn, Hermans bv",
                "Lima, Guerreiro Lda.",
                "Fontes, Urias e Associados"
            ]
        );
    }

    #[test]
    fn fakes_as_long_as_their_values_keep_words_and_legal_forms() {
        let company = compiled(&spec("company", "preserve = ['length']"), &sized(5));
        assert_eq!(
            masked(&*company, "Kanari & Söhne 24 GmbH"),
            "Russel & Runte 57 GmbH"
        );
        let fake = masked(&*company, "Ltd");
        assert!(fake.len() == 3 && fake != "Ltd", "{fake}");
    }

    #[test]
    fn one_company_has_one_fake_however_it_is_written() {
        let company = compiled(&Spec::named("company"), &column("text"));
        assert_eq!(masked(&*company, "Kanari  LTD "), masked(&*company, "kanari ltd"));
        assert_eq!(masked(&*company, " "), " ");
    }

    #[test]
    fn fakes_fit_and_short_columns_are_refused() {
        for max in 10..40 {
            for locale in LOCALES {
                let spec = spec("company", &format!("locale = '{locale}'"));
                let company = compiled(&spec, &sized(max));
                for n in 0..50 {
                    let fake = masked(&*company, &format!("Kanari {n}"));
                    assert!(fake.chars().count() <= max as usize, "{max} {fake}");
                }
            }
        }
        refused(&Spec::named("company"), &sized(9));
    }
}
