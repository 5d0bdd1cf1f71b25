//! What the names of columns and tables say, in English, French, German, Spanish, Italian, Dutch, Portuguese and Polish.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::PersonalKind as Kind;
use super::neighbours::{AFFIXES, CLINICAL, LOOKUPS, MEASURED, NEUTRAL, PEOPLE, TALK};
use super::words::{STRONG, VAGUE};

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
    let mut tokens: Vec<String> = tokens.into_iter().flat_map(apart).collect();
    if tokens.len() > 1 {
        tokens.retain(|token| !matches!(token.as_str(), "de" | "of" | "du" | "des" | "del"));
    }
    tokens
}

/// Every word that says something.
static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let phrases = STRONG
        .iter()
        .chain(VAGUE)
        .flat_map(|(_, phrases)| phrases.split('|'));
    let words = phrases.flat_map(|phrase| phrase.split(' '));
    words
        .chain(NEUTRAL.iter().chain(PEOPLE).chain(AFFIXES).copied())
        .collect()
});

/// Words of this many letters may end a German or Dutch compound whose beginning says nothing.
const HEAD: usize = 6;

/// Words that end a compound, the longest first.
static HEADS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let words = STRONG.iter().flat_map(|(_, phrases)| phrases.split('|'));
    let mut heads: Vec<&str> = words
        .filter(|word| word.len() >= HEAD && !word.contains(' '))
        .collect();
    heads.sort_by_key(|word| std::cmp::Reverse(word.len()));
    heads
});

/// The words of a token that are written as one, and the singular of a plural: `dateofbirth`, `rechnungsadresse`, `addresses`.
/// What is not made of known words alone stays as it is.
fn apart(token: String) -> Vec<String> {
    if token.len() < 6 || WORDS.contains(token.as_str()) {
        return vec![token];
    }
    let plural = token.strip_suffix("es").filter(|one| one.ends_with("ss"));
    let single = plural
        .or_else(|| token.strip_suffix('s'))
        .filter(|one| WORDS.contains(one));
    if let Some(single) = single {
        return vec![single.to_owned()];
    }
    if let Some(words) = split(&token) {
        return words;
    }
    let mut heads = HEADS.iter();
    if let Some(head) = heads.find(|word| token.len() >= word.len() + 3 && token.ends_with(**word)) {
        return vec![token[..token.len() - head.len()].to_owned(), (*head).to_owned()];
    }
    // What follows says whose it is, or how it is written.
    let first = ["email", "phone", "telefon"]
        .into_iter()
        .find(|first| token.starts_with(first));
    first.map_or_else(
        || vec![token.clone()],
        |first| vec![first.to_owned(), token[first.len()..].to_owned()],
    )
}

/// The fewest known words that the token consists of; short ones only where nothing else is meant by them.
fn split(token: &str) -> Option<Vec<String>> {
    if !token.is_ascii() || token.len() > 40 {
        return None;
    }
    // At each place, where the last word of the best way there begins, and of how many words it is.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; token.len() + 1];
    best[0] = Some((0, 0));
    for end in 1..=token.len() {
        for from in 0..end {
            let Some((_, words)) = best[from] else { continue };
            let word = &token[from..end];
            let known = matches!(word, "id" | "of" | "by" | "no") || word.len() >= 3 && WORDS.contains(word);
            if known && best[end].is_none_or(|(_, before)| words + 1 < before) {
                best[end] = Some((from, words + 1));
            }
        }
    }
    let mut words = Vec::new();
    let mut end = token.len();
    while end > 0 {
        let (from, _) = best[end]?;
        words.push(token[from..end].to_owned());
        end = from;
    }
    words.reverse();
    Some(words)
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

/// What phrases say, by the first word of each: a scan asks for every name of a database.
struct Phrases(HashMap<&'static str, Vec<Phrase>>);

/// Its place in the table, which is its rank, what it says, and the words after its first.
type Phrase = (usize, Kind, Vec<&'static str>);

static CLEAR: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(STRONG));
static UNCLEAR: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(VAGUE));

impl Phrases {
    fn of(table: &[(Kind, &'static str)]) -> Self {
        let mut all: HashMap<_, Vec<Phrase>> = HashMap::new();
        for (rank, (kind, phrases)) in table.iter().enumerate() {
            for phrase in phrases.split('|') {
                let mut words = phrase.split(' ');
                if let Some(first) = words.next() {
                    all.entry(first).or_default().push((rank, *kind, words.collect()));
                }
            }
        }
        Self(all)
    }

    /// What the first phrase of the table that occurs among the words says.
    fn lookup(&self, tokens: &[String]) -> Option<Kind> {
        let said = |(place, token): (usize, &String)| {
            let rest = &tokens[place + 1..];
            let phrases = self.0.get(token.as_str())?.iter();
            let follow =
                |words: &[&str]| rest.len() >= words.len() && rest.iter().zip(words).all(|(a, b)| a == b);
            phrases
                .filter(|(_, _, words)| follow(words))
                .map(|(rank, kind, _)| (*rank, *kind))
                .min_by_key(|(rank, _)| *rank)
        };
        let found = tokens.iter().enumerate().filter_map(said);
        found.min_by_key(|(rank, _)| *rank).map(|(_, kind)| kind)
    }
}

/// Whether a table is one of people, by its name.
pub(super) fn is_of_people(table: &str) -> bool {
    of_people(&tokens(table.rsplit('.').next().unwrap_or(table)))
}

/// Whose something is.
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

/// Whose a column is, where a row has columns of several people: `billing_city`, `ship_to_city`, `city` are three's.
pub fn owner(column: &str) -> String {
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
    if holds(&tokens, "time zone") || holds(&tokens, "timezone") {
        return None;
    }
    if let Some(kind) = CLEAR.lookup(&tokens) {
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
    if is_user(&tokens) {
        return strong(Kind::Username);
    }
    if any_of(&table, CLINICAL) && any_of(&tokens, MEASURED) {
        return strong(Kind::Health);
    }
    let kind = UNCLEAR.lookup(&tokens)?;
    let prefixed = tokens.len() == 2
        && (table.first() == tokens.first() || tokens[0].len() <= 4 && !WORDS.contains(tokens[0].as_str()));
    let alone = tokens.len() == 1 || prefixed;
    let person = tokens
        .iter()
        .any(|token| PEOPLE.contains(&token.as_str()) || PEOPLE.contains(&singular(token)));
    let whose = person || kind == Kind::FullName && any_of(&tokens, OWNERS);
    let named = tokens
        .last()
        .is_some_and(|last| matches!(last.as_str(), "name" | "nom" | "nombre" | "state"))
        && !any_of(
            &tokens,
            NEUTRAL
                .iter()
                .filter(|word| **word != "state")
                .copied()
                .collect::<Vec<_>>()
                .as_slice(),
        );
    if tokens.len() > 1 && whose && named && matches!(kind, Kind::FullName | Kind::Region) {
        return strong(kind);
    }
    if kind == Kind::FreeText && alone && table.last().is_some_and(|last| TALK.contains(&singular(last))) {
        return strong(kind);
    }
    if kind == Kind::Url && alone && of_people(&table) && tokens.last().is_some_and(|last| last == "url") {
        return strong(kind);
    }
    if kind == Kind::FullName && alone && of_people(&table) {
        return strong(kind);
    }
    if kind == Kind::Region && any_of(&table, &["address", "addresses"]) && !holds(&tokens, "id") {
        return strong(kind);
    }
    (!holds(&tokens, "id")).then(|| vague(kind)).flatten()
}

/// Whether a name ends in somebody who uses the application, or did something with the row; of a text, that is what he is called.
fn is_user(tokens: &[String]) -> bool {
    const USERS: [&str; 7] = [
        "user",
        "usuario",
        "utilisateur",
        "uid",
        "userid",
        "utente",
        "gebruiker",
    ];
    let Some((last, before)) = tokens.split_last() else {
        return false;
    };
    let neutral = any_of(before, NEUTRAL) || any_of(before, &["group", "filter"]);
    let user = USERS.contains(&last.as_str())
        || last == "lower" && before.last().is_some_and(|before| before == "uid");
    let did = last == "by" && !before.is_empty();
    let id = last == "id"
        && before
            .last()
            .is_some_and(|before| before == "user" || before == "actor");
    (user || did || id) && !neutral
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').unwrap_or(word)
}

/// "zip code", "state name" and the like: the neutral word belongs to the phrase.
fn neutral_is_part(tokens: &[String], kind: Kind) -> bool {
    let neutral = tokens.iter().filter(|token| NEUTRAL.contains(&token.as_str()));
    let part = |word: &str| match kind {
        Kind::Postcode => word == "code",
        Kind::BankAccount => matches!(word, "code" | "num"),
        Kind::Card | Kind::Phone => word == "num",
        Kind::Region => word == "state",
        Kind::NationalId => matches!(word, "id" | "code" | "num" | "state"),
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
    fn words_that_are_written_as_one_are_told_apart_where_all_of_them_are_known() {
        for (name, words) in [
            ("dateofbirth", "date birth"),
            ("altcontactfirstname", "alt contact firstname"),
            ("workphone", "work phone"),
            ("rechnungsadresse", "rechnungs adresse"),
            ("bcc_addresses", "bcc address"),
            ("emailpro", "email pro"),
            ("portalloginpassword", "portal login password"),
            // What is not made of known words alone is no compound.
            ("location", "location"),
            ("namespace", "namespace"),
            ("island", "island"),
            ("taxonomy", "taxonomy"),
            ("status", "status"),
        ] {
            assert_eq!(tokens(name).join(" "), words, "{name}");
        }
    }

    #[test]
    fn whose_a_name_is_and_who_did_something_is_told_by_the_words_beside() {
        let said = |table: &str, name: &str| {
            hint(table, name)
                .filter(|hint| hint.strength == Strength::Strong)
                .map(|hint| hint.kind)
        };
        for (table, name, kind) in [
            ("visits", "guardiansname", Kind::FullName),
            ("ledger", "counterparty_name", Kind::FullName),
            ("mailbox", "outbound_user", Kind::Username),
            ("tickets", "closed_by", Kind::Username),
            ("pupils", "passport_num", Kind::NationalId),
            ("wohnungen", "sv_nummer", Kind::NationalId),
            ("reviews", "text", Kind::FreeText),
            ("patient_vitals", "weight", Kind::Health),
            ("contact_addresses", "guardian_state", Kind::Region),
        ] {
            assert_eq!(said(table, name), Some(kind), "{table}.{name}");
        }
        for (table, name) in [
            ("orders", "payment_state"),
            ("products", "weight"),
            ("lists", "order_by"),
            ("accounts", "user_role_name"),
            ("accounts", "timezone"),
            ("papers", "tipo_documento"),
            ("pages", "text"),
        ] {
            assert_eq!(said(table, name), None, "{table}.{name}");
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
