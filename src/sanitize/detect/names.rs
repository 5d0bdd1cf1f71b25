//! What the names of columns and tables say, in English, French, German, Spanish, Italian, Dutch, Portuguese and Polish.

use super::PersonalKind as Kind;
use super::agents::is_agent;
use super::beside::{Beside, value_of};
use super::neighbours::{
    MEASURED, NUMBERS, OURS, OWNERS, STATES, SWITCHES, USERS, is_neutral as is_neutral_word,
};
use super::people::PEOPLE;
use super::phrases::{CLEAR, Said, UNCLEAR};
use super::tables::{CLINICAL, FILES, LOOKUPS, TALK};
pub(super) use super::tokens::{is_known_word, tokens};

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

/// Whether a column is called what identifies a thing or proves that it is whole: no secret, however random it looks.
pub(super) fn is_a_digest_or_key(column: &str) -> bool {
    const WORDS: [&str; 33] = [
        "id",
        "ids",
        "uid",
        "uuid",
        "guid",
        "hash",
        "checksum",
        "digest",
        "md",
        "sha",
        "crc",
        "etag",
        "version",
        "revision",
        "commit",
        "ref",
        "reference",
        "number",
        "tracking",
        "transaction",
        "external",
        "gateway",
        "remote",
        "stripe",
        "path",
        "file",
        "name",
        "slug",
        "url",
        "code",
        "sum",
        "content",
        "data",
    ];
    any_of(&tokens(column), &WORDS)
}

/// Whether a column is called the number of a row, here or elsewhere.
pub(super) fn is_a_reference(column: &str) -> bool {
    holds(&tokens(column), "id")
}

/// Whether a column holds by which way something is reached: a path, a slug.
pub(super) fn is_a_way(column: &str) -> bool {
    const WORDS: [&str; 11] = [
        "slug",
        "path",
        "route",
        "permalink",
        "rewrite",
        "key",
        "action",
        "uri",
        "template",
        "class",
        "module",
    ];
    any_of(&tokens(column), &WORDS)
}

/// Whether a table lists places, or something else for the whole application to refer to.
pub(super) fn is_of_places(table: &str) -> bool {
    const PLACES: [&str; 16] = [
        "state",
        "province",
        "region",
        "city",
        "cities",
        "district",
        "location",
        "place",
        "airport",
        "municipality",
        "town",
        "county",
        "counties",
        "continent",
        "timezone",
        "commune",
    ];
    let words = words_of_table(table);
    any_of(&words, LOOKUPS)
        || words
            .iter()
            .any(|word| PLACES.contains(&word.as_str()) || PLACES.contains(&singular(word)))
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
pub(super) fn clearest(table: &str, column: &str, beside: &Beside) -> Option<(Hint, String)> {
    let mut tokens = tokens(column);
    beside.bare(&mut tokens);
    let before = CLEAR
        .said(&tokens)
        .first()
        .map(|said| tokens[..said.from].join(" "));
    let hint = hints(table, column, beside).into_iter().next()?;
    Some((hint, before.unwrap_or_default()))
}

/// What a column's name says, before anything else that it may say.
pub(super) fn hint(table: &str, column: &str) -> Option<Hint> {
    hints(table, column, &Beside::default()).into_iter().next()
}

/// What a column's name may say beside the other columns of its table, the likeliest first.
pub(super) fn hints(table: &str, column: &str, beside: &Beside) -> Vec<Hint> {
    let mut tokens = tokens(column);
    beside.bare(&mut tokens);
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
            || tokens[0].len() <= 4 && !is_known_word(&tokens[0]));
    let alone = tokens.len() == 1 || prefixed;
    let person = tokens
        .iter()
        .any(|token| PEOPLE.contains(&token.as_str()) || PEOPLE.contains(&singular(token)));
    let agent = tokens.iter().rev().nth(1).is_some_and(|word| is_agent(word));
    let whose = person || kind == Kind::FullName && (agent || any_of(tokens, OWNERS));
    let last = tokens.last().map(String::as_str).unwrap_or_default();
    let named = matches!(last, "name" | "nom" | "nombre" | "state")
        && !tokens
            .iter()
            .any(|token| token != "state" && is_neutral_word(token));
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
    let neutral = before.iter().any(|word| is_neutral_word(word)) || any_of(before, &["group", "filter"]);
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
        .any(|word| is_neutral_word(word) && !part(word));
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
