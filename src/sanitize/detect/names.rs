//! What the names of columns and tables say, in English, French, German, Spanish, Italian, Dutch, Portuguese and Polish.

use super::PersonalKind as Kind;
use super::words::{LOOKUPS, NEUTRAL, PEOPLE, STRONG, VAGUE};

/// How clearly a name speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Believed unless the values contradict.
    Strong,
    /// Believed only if the values agree.
    Vague,
}

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) kind: Kind,
    pub(super) strength: Strength,
}

/// The words of a name: split at anything but letters, and where lower case meets upper; lower case, without accents.
pub(super) fn tokens(name: &str) -> Vec<String> {
    let plain = deunicode::deunicode(name);
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut before = ' ';
    let mut letters = plain.chars().peekable();
    while let Some(c) = letters.next() {
        // "IPAddress" is "ip address", "userID" is "user id".
        let next_lower = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || before.is_ascii_uppercase() && next_lower);
        if (begins || !c.is_ascii_alphabetic()) && !token.is_empty() {
            tokens.push(std::mem::take(&mut token));
        }
        if c.is_ascii_alphabetic() {
            token.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    if tokens.len() > 1 {
        tokens.retain(|token| !matches!(token.as_str(), "de" | "of" | "du" | "des" | "del"));
    }
    tokens
}

fn holds(tokens: &[String], phrase: &str) -> bool {
    let words = phrase.split(' ').count();
    tokens
        .windows(words)
        .any(|window| window.iter().map(String::as_str).eq(phrase.split(' ')))
}

fn any_of(tokens: &[String], words: &[&str]) -> bool {
    tokens.iter().any(|token| words.contains(&token.as_str()))
}

fn lookup(tokens: &[String], table: &[(Kind, &str)]) -> Option<Kind> {
    table
        .iter()
        .find(|(_, phrases)| phrases.split('|').any(|phrase| holds(tokens, phrase)))
        .map(|(kind, _)| *kind)
}

/// Whether a table is one of people, by its name.
pub(super) fn is_of_people(table: &str) -> bool {
    of_people(&tokens(table.rsplit('.').next().unwrap_or(table)))
}

/// Whose a column is, where a row has columns of several people: `billing_city`, `ship_to_city`, `city` are three's.
pub fn owner(column: &str) -> String {
    const OWNERS: &[&str] = &[
        "billing",
        "bill",
        "invoice",
        "shipping",
        "ship",
        "delivery",
        "payment",
        "pay",
        "sender",
        "recipient",
        "receiver",
        "buyer",
        "seller",
        "emergency",
        "secondary",
        "alternate",
        "alt",
        "previous",
        "old",
        "new",
        "guardian",
        "spouse",
        "rechnung",
        "rechnungs",
        "liefer",
        "lieferung",
        "facturation",
        "livraison",
        "facturacion",
        "envio",
        "fatturazione",
        "spedizione",
        "factuur",
        "verzend",
        "bezorg",
        "cobranca",
        "entrega",
        "faktura",
        "dostawa",
    ];
    let tokens = tokens(column);
    let found = tokens.iter().find(|token| OWNERS.contains(&token.as_str()));
    found.cloned().unwrap_or_default()
}

/// Whether a name alone tells what stands there.
pub fn speaks_clearly(name: &str) -> bool {
    hint("", name).is_some_and(|hint| hint.strength == Strength::Strong)
}

/// Whether a column counts releases.
pub(super) fn is_version(column: &str) -> bool {
    any_of(&tokens(column), &["version", "release"])
}

fn of_people(table: &[String]) -> bool {
    table.last().is_some_and(|last| {
        let single = last
            .strip_suffix("es")
            .filter(|_| last.ends_with("sses"))
            .or(last.strip_suffix('s'))
            .unwrap_or(last);
        PEOPLE.contains(&single) || PEOPLE.contains(&last.as_str()) || last == "identities"
    })
}

/// What a column's name says.
pub(super) fn hint(table: &str, column: &str) -> Option<Hint> {
    let tokens = tokens(column);
    let table = self::tokens(table.rsplit('.').next().unwrap_or(table));
    let strong = |kind| {
        Some(Hint {
            kind,
            strength: Strength::Strong,
        })
    };
    let vague = |kind| {
        Some(Hint {
            kind,
            strength: Strength::Vague,
        })
    };
    if let Some(kind) = lookup(&tokens, STRONG) {
        // "payer_id", "session_id" are personal as a whole; "address_id" is a reference.
        let whole = matches!(kind, Kind::Credential | Kind::Username) && holds(&tokens, "id");
        let neutral = !whole && any_of(&tokens, NEUTRAL) && !neutral_is_part(&tokens, kind);
        let lookup_table = any_of(&table, LOOKUPS) && !of_people(&table);
        let shared = matches!(kind, Kind::Country | Kind::FreeText | Kind::FileName | Kind::City);
        return if neutral || lookup_table && shared {
            vague(kind)
        } else {
            strong(kind)
        };
    }
    let kind = lookup(&tokens, VAGUE)?;
    let alone = tokens.len() == 1 || tokens.len() == 2 && table.first() == tokens.first();
    if kind == Kind::FullName && alone && of_people(&table) {
        return strong(kind);
    }
    if kind == Kind::Region && any_of(&table, &["address", "addresses"]) && !holds(&tokens, "id") {
        return strong(kind);
    }
    (!holds(&tokens, "id")).then(|| vague(kind)).flatten()
}

/// "zip code", "state name" and the like: the neutral word belongs to the phrase.
fn neutral_is_part(tokens: &[String], kind: Kind) -> bool {
    let neutral = tokens.iter().filter(|token| NEUTRAL.contains(&token.as_str()));
    let part = |word: &str| match kind {
        Kind::Postcode | Kind::BankAccount => word == "code",
        Kind::Region => word == "state",
        Kind::NationalId => matches!(word, "id" | "code"),
        Kind::BirthDate => matches!(word, "date" | "at"),
        Kind::Credential => matches!(word, "code" | "confirmed"),
        _ => false,
    };
    neutral.into_iter().all(|word| part(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_into_words() {
        for (name, words) in [
            ("first_name", "first name"),
            ("firstName", "first name"),
            ("comment_author_IP", "comment author ip"),
            ("IPAddress", "ip address"),
            ("address2", "address"),
            ("Prénom", "prenom"),
            ("Straße", "strasse"),
            ("reply-to", "reply to"),
            ("userID", "user id"),
        ] {
            assert_eq!(tokens(name).join(" "), words, "{name}");
        }
    }

    #[test]
    fn references_and_switches_are_not_what_they_name() {
        for name in [
            "address_id",
            "email_notifications",
            "phone_verified",
            "country_iso",
            "city_count",
        ] {
            assert_ne!(
                hint("users", name).map(|hint| hint.strength),
                Some(Strength::Strong),
                "{name}"
            );
        }
        for name in [
            "session_id",
            "payer_id",
            "zip_code",
            "state_name",
            "tax_id",
            "date_of_birth",
            "birth_date",
        ] {
            assert_eq!(
                hint("users", name).map(|hint| hint.strength),
                Some(Strength::Strong),
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_is_a_persons_in_a_table_of_people() {
        let strength = |table| hint(table, "name").map(|hint| hint.strength);
        assert_eq!(strength("shop.customers"), Some(Strength::Strong));
        assert_eq!(strength("spree_addresses"), Some(Strength::Strong));
        assert_eq!(strength("products"), Some(Strength::Vague));
    }
}
