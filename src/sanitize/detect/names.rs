//! What the names of columns and tables say, in English, French, German, Spanish, Italian, Dutch, Portuguese and Polish.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::PersonalKind as Kind;
use super::beside::{Beside, value_of};
use super::neighbours::{AFFIXES, MEASURED, NEUTRAL, NUMBERS, OURS, OWNERS, STATES, SWITCHES, USERS};
use super::phrases::{CLEAR, Said, UNCLEAR};
use super::tables::{CLINICAL, FILES, LOOKUPS, PEOPLE, TALK};
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
    if token.len() < 5 || WORDS.contains(token.as_str()) {
        return vec![token];
    }
    let plural = token.strip_suffix("es").filter(|one| one.ends_with("ss"));
    let single = plural
        .or_else(|| token.strip_suffix('s'))
        .filter(|one| WORDS.contains(one));
    if let Some(single) = single {
        return vec![single.to_owned()];
    }
    if token.len() < 6 {
        return vec![token];
    }
    if let Some(words) = split(&token) {
        return words;
    }
    let mut heads = HEADS.iter();
    if let Some(head) = heads.find(|word| token.len() >= word.len() + 3 && token.ends_with(**word)) {
        return vec![token[..token.len() - head.len()].to_owned(), (*head).to_owned()];
    }
    // What stands before says whose it is.
    if let Some(whose) = ["email", "phone"]
        .into_iter()
        .find_map(|last| token.strip_suffix(last))
        && whose.len() >= 2
    {
        return vec![whose.to_owned(), token[whose.len()..].to_owned()];
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
            let known =
                matches!(word, "id" | "of" | "by" | "no" | "ip") || word.len() >= 3 && WORDS.contains(word);
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

/// Whether a table is one of people, by its name.
pub(super) fn is_of_people(table: &str) -> bool {
    of_people(&tokens(table.rsplit('.').next().unwrap_or(table)))
}

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

/// Whether a column holds what mail programs call their messages by, which looks like an address.
pub(super) fn is_of_a_mail(column: &str) -> bool {
    let tokens = tokens(column);
    ["message id", "msg id", "in reply to id"]
        .iter()
        .any(|phrase| holds(&tokens, phrase))
}

/// Whether a column is called the name of an account, and not who did something or a reference.
pub(super) fn is_named_account(column: &str) -> bool {
    let tokens = tokens(column);
    !holds(&tokens, "id") && CLEAR.said(&tokens).iter().any(|said| said.kind == Kind::Username)
}

/// Whether a column is called the number of a house or of what is in it.
pub(super) fn is_a_number(column: &str) -> bool {
    any_of(&tokens(column), NUMBERS)
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

/// The words of a table's name, without its schema.
pub(super) fn words_of_table(table: &str) -> Vec<String> {
    tokens(table.rsplit('.').next().unwrap_or(table))
}

/// What a table is called after, if that is what its rows hold: `phone_numbers`, `api_keys`.
pub(super) fn named_after(table: &[String]) -> Option<Kind> {
    let mut words = table.to_vec();
    if let Some(last) = words.last_mut() {
        *last = singular(last).to_owned();
    }
    let said = CLEAR.said(&words).into_iter().next()?;
    (said.to == words.len()).then_some(said.kind)
}

/// What the words of a name say first, and the words before them.
pub(super) fn clearest(table: &str, column: &str) -> Option<(Hint, String)> {
    let tokens = tokens(column);
    let before = CLEAR
        .said(&tokens)
        .first()
        .map(|said| tokens[..said.from].join(" "));
    Some((hint(table, column)?, before.unwrap_or_default()))
}

/// What a column's name says, before anything else that it may say.
pub(super) fn hint(table: &str, column: &str) -> Option<Hint> {
    hints(table, column, &Beside::default()).into_iter().next()
}

/// What a column's name may say beside the other columns of its table, the likeliest first.
pub(super) fn hints(table: &str, column: &str, beside: &Beside) -> Vec<Hint> {
    let mut tokens = tokens(column);
    if tokens.len() > 1 && tokens.first() == beside.prefix.as_ref() {
        tokens.remove(0);
    }
    while tokens.len() > 1 && tokens.last().is_some_and(|last| STATES.contains(&last.as_str())) {
        tokens.pop();
    }
    let table = words_of_table(table);
    if holds(&tokens, "time zone") || holds(&tokens, "timezone") || is_of_a_directory(&tokens) {
        return Vec::new();
    }
    let strong = |kind| Hint {
        kind,
        strength: Strength::Strong,
    };
    let mut hints = clear(&table, &tokens);
    let vague = hints.iter().all(|hint| hint.strength == Strength::Vague);
    let told = vague.then(|| beside.tell(&tokens)).flatten();
    if let Some(kind) = value_of(&table, &tokens).or(told) {
        hints.insert(0, strong(kind));
    }
    if !hints.is_empty() {
        return hints;
    }
    if is_user(&tokens) {
        return vec![strong(Kind::Username)];
    }
    let clinical = table
        .iter()
        .any(|word| CLINICAL.contains(&word.as_str()) || CLINICAL.contains(&singular(word)));
    let clinical = clinical || beside.clinical;
    if clinical && any_of(&tokens, MEASURED) {
        return vec![strong(Kind::Health)];
    }
    unclear(&table, &tokens, beside)
}

/// What the clear words of a name say.
fn clear(table: &[String], tokens: &[String]) -> Vec<Hint> {
    let lookup_table = any_of(table, LOOKUPS) && !of_people(table);
    let judge = |said: Said| {
        let kind = said.kind;
        // In a table of files, "fname" is a file's.
        let file = kind == Kind::FirstName && any_of(tokens, &["fname"]) && of_files(table);
        let kind = if file { Kind::FileName } else { kind };
        // "payer_id", "session_id" are personal as a whole; "address_id" is a reference.
        let whole = matches!(kind, Kind::Credential | Kind::Username) && holds(tokens, "id");
        let neutral = !whole && is_neutral(tokens, said);
        let shared = matches!(
            kind,
            Kind::Country | Kind::FreeText | Kind::FileName | Kind::City | Kind::Postcode | Kind::Region
        );
        let strength = if neutral || lookup_table && shared {
            Strength::Vague
        } else {
            Strength::Strong
        };
        Hint { kind, strength }
    };
    CLEAR.said(tokens).into_iter().map(judge).collect()
}

/// What words that can mean anything say.
fn unclear(table: &[String], tokens: &[String], beside: &Beside) -> Vec<Hint> {
    let strong = |kind: Kind| is_told(table, tokens, beside, kind);
    let judge = |said: Said| {
        let strength = if strong(said.kind) {
            Strength::Strong
        } else {
            Strength::Vague
        };
        Hint {
            kind: said.kind,
            strength,
        }
    };
    let reference = holds(tokens, "id");
    UNCLEAR
        .said(tokens)
        .into_iter()
        .map(judge)
        .filter(|hint| !reference || hint.strength == Strength::Strong || hint.kind == Kind::NationalId)
        .collect()
}

/// Whether the table, or a word beside it, makes a vague word clear.
fn is_told(table: &[String], tokens: &[String], beside: &Beside, kind: Kind) -> bool {
    let prefixed = tokens.len() == 2
        && (table
            .iter()
            .any(|word| *word == tokens[0] || singular(word) == tokens[0])
            || tokens[0].len() <= 4 && !WORDS.contains(tokens[0].as_str()));
    let alone = tokens.len() == 1 || prefixed;
    let person = tokens
        .iter()
        .any(|token| PEOPLE.contains(&token.as_str()) || PEOPLE.contains(&singular(token)));
    let whose = person || kind == Kind::FullName && any_of(tokens, OWNERS);
    let last = tokens.last().map(String::as_str).unwrap_or_default();
    let named = matches!(last, "name" | "nom" | "nombre" | "state")
        && !tokens
            .iter()
            .any(|token| token != "state" && NEUTRAL.contains(&token.as_str()));
    if tokens.len() > 1 && whose && named && matches!(kind, Kind::FullName | Kind::Region) {
        return true;
    }
    let files = of_files(table) && !of_people(table);
    let people = of_people(table) || beside.person && !files;
    let talk = table.last().is_some_and(|last| TALK.contains(&singular(last)));
    match kind {
        Kind::FullName if shows_name(tokens) => people,
        Kind::Credential => {
            let invited = [
                "invitation",
                "invite",
                "signup",
                "verification",
                "confirmation",
                "reset",
            ];
            let invited = table.iter().any(|word| invited.contains(&singular(word)));
            alone && (people && last == "pin" || invited && matches!(last, "code" | "key"))
        }
        Kind::FreeText => {
            alone
                && last != "data"
                && (talk || beside.person && people && matches!(last, "description" | "details" | "info"))
        }
        Kind::Url => people && alone && !matches!(last, "image" | "identifier") && !is_ours(tokens),
        Kind::FullName => alone && (of_people(table) || people && matches!(last, "name" | "nom" | "nombre")),
        Kind::NationalId => people && (last == "idnumber" || holds(tokens, "id number")),
        Kind::Region => any_of(table, &["address", "addresses"]) && !holds(tokens, "id"),
        _ => false,
    }
}

fn shows_name(tokens: &[String]) -> bool {
    holds(tokens, "display name") || holds(tokens, "displayname")
}

/// Whether a column holds by which name something is shown.
pub(super) fn is_shown_name(column: &str) -> bool {
    shows_name(&tokens(column))
}

fn of_files(table: &[String]) -> bool {
    table.iter().any(|word| FILES.contains(&singular(word)))
}

/// Whether an address on the web is one of the application's own.
pub(super) fn is_ours(tokens: &[String]) -> bool {
    any_of(tokens, OURS)
}

/// Whether a name says where a directory of users keeps something, not what it is.
fn is_of_a_directory(tokens: &[String]) -> bool {
    tokens.len() > 1 && matches!(tokens[0].as_str(), "attr" | "attribute" | "mapping" | "map")
}

/// Whether a name ends in somebody who uses the application, or did something with the row; of a text, that is what he is called.
fn is_user(tokens: &[String]) -> bool {
    let Some((last, before)) = tokens.split_last() else {
        return false;
    };
    let neutral = any_of(before, NEUTRAL) || any_of(before, &["group", "filter"]);
    let user = USERS.contains(&last.as_str())
        || last == "lower" && before.last().is_some_and(|before| before == "uid");
    // "created_by", "cree_par", "erstellt_von".
    let did = matches!(last.as_str(), "by" | "par" | "por" | "von" | "door" | "przez") && !before.is_empty();
    // "assigned_to", "allocated_to".
    let given = last == "to"
        && before.last().is_some_and(|before| {
            matches!(
                before.as_str(),
                "assigned" | "allocated" | "delegated" | "escalated"
            )
        });
    let whose = before.first().is_some_and(|first| first == "uid");
    let id = last == "id"
        && before
            .last()
            .is_some_and(|before| before == "user" || before == "actor");
    (user || did || given || id || whose) && !neutral
}

pub(super) fn singular(word: &str) -> &str {
    let single = word
        .strip_suffix('s')
        .filter(|single| !single.ends_with(['s', 'u']));
    single.unwrap_or(word)
}

/// Whether words beside a phrase make it a switch, a counter, a reference or a setting: nearly all do so behind it
/// (`email_notification` is none, `notification_email` is an address), some before it as well.
fn is_neutral(tokens: &[String], said: Said) -> bool {
    let part = |word: &str| match said.kind {
        Kind::Postcode => word == "code",
        Kind::BankAccount => matches!(word, "code" | "num"),
        Kind::Card | Kind::Phone => word == "num",
        Kind::Region => word == "state",
        Kind::NationalId => matches!(word, "id" | "code" | "num" | "state"),
        Kind::Gender => matches!(word, "code" | "status"),
        Kind::Health => word == "status",
        Kind::BirthDate => matches!(word, "date" | "at"),
        Kind::Credential => matches!(word, "code" | "confirmed"),
        _ => false,
    };
    let behind = tokens[said.to..]
        .iter()
        .any(|word| NEUTRAL.contains(&word.as_str()) && !part(word));
    behind
        || tokens[..said.from]
            .iter()
            .any(|word| SWITCHES.contains(&word.as_str()))
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
