//! What the names of a table's columns, taken together, say of each: `state` beside `city`, `url` beside a first name,
//! `value` in a table of telephone numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::PersonalKind as Kind;
use super::names::{self, Strength, singular};
use super::neighbours::is_neutral;
use super::people::PEOPLE;
use super::tables::{CLINICAL, FIRMS, LOOKUPS};
use crate::sanitize::transform::Family;

/// What only people have.
const NAMED: [Kind; 4] = [Kind::FirstName, Kind::LastName, Kind::BirthDate, Kind::Gender];

/// What is known of a table before one of its columns is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// A row is of a person, or of a firm that can be reached.
    pub(super) person: bool,
    /// What its columns clearly hold.
    kinds: BTreeSet<Kind>,
    /// A row is of what somebody's body or mind is like.
    pub(super) clinical: bool,
    /// A row is of a session.
    session: bool,
    /// What the columns begin with, and says nothing: `ss` of `ss_users`, `ss_images`.
    prefix: Option<String>,
    /// What they end in, and says nothing: `adh` of `nom_adh`, `ville_adh`.
    suffix: Option<String>,
    /// What stands before the parts of an address: nothing, `billing`, `ship to`.
    addresses: BTreeSet<String>,
    /// Numbers that stand next to a street.
    houses: BTreeSet<String>,
}

impl Beside {
    /// What the columns of a table tell, each by its name and type.
    pub fn of<'c>(table: &str, columns: impl IntoIterator<Item = (&'c str, &'c str)>) -> Self {
        let words = names::words_of_table(table);
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&singular(word)));
        let mut beside = Self {
            clinical: any(CLINICAL),
            session: any(&["session", "login"]),
            ..Self::default()
        };
        let columns: Vec<(&str, &str)> = columns.into_iter().collect();
        let of_columns: Vec<Vec<String>> = columns.iter().map(|(column, _)| names::tokens(column)).collect();
        beside.prefix = common(&of_columns, <[String]>::first);
        beside.suffix = common(&of_columns, <[String]>::last).filter(|last| !names::is_known_word(last));
        let bare = beside.clone();
        let mut kinds = BTreeSet::new();
        // The column before, and whether it is a street.
        let mut last = ("", false);
        for (column, type_name) in columns {
            let street =
                beside.add(table, column, Family::of(type_name), &bare, &mut kinds) == Some(Kind::Street);
            if street || last.1 {
                let number = if street { last.0 } else { column };
                beside.houses.insert(names::tokens(number).join(" "));
            }
            last = (column, street);
        }
        let reached = [
            Kind::Email,
            Kind::Phone,
            Kind::FullName,
            Kind::Username,
            Kind::Street,
            Kind::Credential,
            Kind::NationalId,
        ];
        let has = |kind: &&Kind| kinds.contains(*kind);
        let enough = NAMED.iter().any(|kind| has(&kind)) || reached.iter().filter(has).count() >= 2;
        let listed = words.iter().any(|word| LOOKUPS.contains(&word.as_str()));
        beside.person = enough && !listed;
        if listed {
            beside.addresses.clear();
        }
        beside.clinical |= kinds.contains(&Kind::Health);
        beside.kinds = kinds;
        beside
    }

    fn add(
        &mut self,
        table: &str,
        column: &str,
        family: Family,
        bare: &Self,
        kinds: &mut BTreeSet<Kind>,
    ) -> Option<Kind> {
        if family == Family::Network {
            kinds.insert(Kind::Ip);
            return None;
        }
        let (hint, before) = names::clearest(table, column, bare)?;
        let fits = match hint.kind {
            Kind::BirthDate => family != Family::Boolean,
            Kind::Health => matches!(family, Family::Text | Family::Decimal),
            Kind::Gender => matches!(family, Family::Text | Family::Integer),
            Kind::Geo => matches!(family, Family::Text | Family::Decimal | Family::Other),
            _ => matches!(family, Family::Text | Family::Other),
        };
        // Alone it may be a thing's; beside what reaches somebody it is not.
        let shown = hint.kind == Kind::FullName && names::is_shown_name(column);
        if !fits || hint.strength == Strength::Vague && !shown {
            return None;
        }
        kinds.insert(hint.kind);
        if matches!(hint.kind, Kind::Street | Kind::City | Kind::Postcode) {
            self.addresses.insert(before);
        }
        Some(hint.kind)
    }

    /// The words of a name without those that all columns have.
    pub(super) fn bare(&self, tokens: &mut Vec<String>) {
        if tokens.len() > 1 && tokens.first() == self.prefix.as_ref() {
            tokens.remove(0);
        }
        if tokens.len() > 1 && tokens.last() == self.suffix.as_ref() {
            tokens.pop();
        }
    }

    fn has(&self, any: &[Kind]) -> bool {
        any.iter().any(|kind| self.kinds.contains(kind))
    }

    /// Whether a row is of somebody who came from somewhere.
    pub(super) fn is_of_a_visit(&self) -> bool {
        self.has(&[Kind::Ip, Kind::UserAgent])
    }

    /// Whether a row is of a session, or of somebody's way in.
    pub(super) fn is_of_a_session(&self) -> bool {
        self.session
    }

    /// What a name that alone says little says here.
    pub(super) fn tell(&self, tokens: &[String]) -> Option<Kind> {
        self.address(tokens)
            .or_else(|| self.visit(tokens))
            .or_else(|| self.person(tokens))
    }

    /// A part of an address that stands beside others of it.
    fn address(&self, tokens: &[String]) -> Option<Kind> {
        const WRITTEN: [&str; 6] = ["code", "iso", "id", "name", "nm", "cd"];
        let written = |word: &&String| WRITTEN.contains(&word.as_str());
        let ends = tokens.iter().rev().take_while(written).count();
        let words = &tokens[..tokens.len() - ends.min(tokens.len().saturating_sub(1))];
        let (last, before) = words.split_last()?;
        let before = before.join(" ");
        if !self.addresses.contains(&before) {
            return None;
        }
        match last.as_str() {
            "state" | "region" | "area" | "zone" | "district" | "departement" | "prefecture" | "oblast"
            | "voivodeship" | "stat" => Some(Kind::Region),
            "country" | "nation" | "land" | "pays" | "pais" | "countries" => Some(Kind::Country),
            "village" | "neighborhood" | "neighbourhood" | "quarter" | "quartier" | "barrio" | "ortsteil"
            | "subdivision" => Some(Kind::City),
            "cap" | "cp" => Some(Kind::Postcode),
            "line" | "floor" | "building" | "block" | "unit" | "flat" | "door" | "entrance" | "landmark"
            | "piso" | "portal" | "puerta" | "escalera" | "etage" | "batiment" | "stiege" | "zusatz"
            | "adresszusatz" | "complement" | "toevoeging" | "lokal" | "house" => Some(Kind::Street),
            "number" | "no" | "nr" | "num" | "nummer" | "numero"
                if self.houses.contains(&tokens.join(" ")) =>
            {
                Some(Kind::Street)
            }
            _ => None,
        }
    }

    /// From where somebody came, or with what.
    fn visit(&self, tokens: &[String]) -> Option<Kind> {
        if !self.has(&[Kind::Ip, Kind::UserAgent]) {
            return None;
        }
        let any = |words: &[&str]| tokens.iter().any(|token| words.contains(&token.as_str()));
        match tokens.last()?.as_str() {
            "location" | "geo" => Some(Kind::Geo),
            "details" if any(&["location", "geo"]) => Some(Kind::Geo),
            "country" | "code" if any(&["country"]) => Some(Kind::Country),
            "region" => Some(Kind::Region),
            "fingerprint" => Some(Kind::Credential),
            "browser" => Some(Kind::UserAgent),
            _ => None,
        }
    }

    /// What belongs to a person: pages, pictures, places and other names.
    fn person(&self, tokens: &[String]) -> Option<Kind> {
        let (last, before) = tokens.split_last()?;
        let single = before.is_empty();
        let ours = names::is_ours(before);
        if self.session && matches!(last.as_str(), "data" | "vars" | "payload" | "sessdata") {
            return Some(Kind::Structured);
        }
        if self.session && matches!(last.as_str(), "sid" | "key") && single {
            return Some(Kind::Credential);
        }
        if self.has(&[Kind::Geo]) && last == "long" {
            return Some(Kind::Geo);
        }
        if self.has(&[Kind::BankAccount]) && tokens.iter().any(|token| token == "branch") {
            return Some(Kind::BankAccount);
        }
        if self.has(&[Kind::Credential]) && single && last == "account" {
            return Some(Kind::Username);
        }
        if !self.person {
            return None;
        }
        match last.as_str() {
            "url" | "uri" | "href" if !ours => Some(Kind::Url),
            "avatar" | "photo" | "picture" | "portrait" | "web" | "permalink" => Some(Kind::Url),
            "mail" => Some(Kind::Email),
            word if before.first().is_some_and(|first| first == "mail") && !is_neutral(word) => {
                Some(Kind::Email)
            }
            "image" if self.has(&NAMED) => Some(Kind::Url),
            "location" | "whereabouts" if single => Some(Kind::Geo),
            "alias" | "aka" if single => Some(Kind::Username),
            "fingerprint" if single => Some(Kind::Credential),
            _ => None,
        }
    }
}

/// A word that stands at this end of nearly all columns of a table and says nothing: a short one of all, or one that is not known of
/// most.
fn common(columns: &[Vec<String>], end: fn(&[String]) -> Option<&String>) -> Option<String> {
    const FEWEST: usize = 4;
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for word in columns
        .iter()
        .filter(|tokens| tokens.len() > 1)
        .filter_map(|tokens| end(tokens))
    {
        *counts.entry(word).or_default() += 1;
    }
    let (word, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let all = columns.iter().all(|tokens| end(tokens) == Some(word)) && word.len() <= 3;
    let most = count * 10 >= columns.len() * 6 && !names::is_known_word(word);
    (columns.len() >= FEWEST && count >= FEWEST && (all || most)).then(|| word.clone())
}

/// What the values of a table are that is called after them: `phones.number`, `email_addresses.address`, `api_keys.key`.
pub(super) fn value_of(table: &[String], tokens: &[String]) -> Option<Kind> {
    let [word] = tokens else { return None };
    let is = |words: &[&str]| words.contains(&word.as_str());
    // "patient_identifiers.identifier".
    let people = table.iter().any(|word| PEOPLE.contains(&singular(word)));
    if people && table.last().is_some_and(|last| singular(last) == "identifier") {
        return is(&["identifier", "value", "number"]).then_some(Kind::NationalId);
    }
    // "companies.name".
    let firm = table
        .last()
        .is_some_and(|last| FIRMS.contains(&last.as_str()) || FIRMS.contains(&singular(last)));
    if firm && is(&["name", "nom", "nombre", "naam", "nome", "nazwa", "title"]) {
        return Some(Kind::Company);
    }
    let kind = names::named_after(table)?;
    let fits = match kind {
        Kind::Email | Kind::Street | Kind::Ip | Kind::Mac => is(&["value", "address"]),
        Kind::Phone | Kind::BankAccount | Kind::Card | Kind::NationalId => {
            is(&["value", "number", "no", "nr"])
        }
        Kind::Credential => is(&["value", "key", "code", "hash", "sid"]),
        _ => false,
    };
    fits.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::super::{ColumnSample, detect_beside};
    use super::*;

    fn told(table: &str, column: &str, others: &[&str]) -> Option<Kind> {
        let columns = others.iter().copied().chain([column]);
        let beside = Beside::of(table, columns.map(|name| (name, "text")));
        let sample = ColumnSample {
            table,
            column,
            type_name: "text",
            values: &[],
        };
        detect_beside(&sample, &beside).map(|found| found.kind)
    }

    #[test]
    fn what_stands_beside_a_column_tells_what_it_holds() {
        for (table, column, others, kind) in [
            ("depots", "state", &["street", "city"][..], Kind::Region),
            ("depots", "ship_state", &["ship_city", "ship_zip"], Kind::Region),
            ("depots", "country_code", &["postcode", "town"], Kind::Country),
            ("depots", "line_2", &["town", "postcode"], Kind::Street),
            ("depots", "no", &["town", "street"], Kind::Street),
            ("logs", "country", &["ip", "created"], Kind::Country),
            ("logs", "fingerprint", &["user_agent"], Kind::Credential),
            ("crew", "name", &["birthday", "rank"], Kind::FullName),
            ("actors", "inbox_url", &["username", "display_name"], Kind::Url),
            ("actors", "location", &["first_name"], Kind::Geo),
            ("user_phones", "number", &["user_id"], Kind::Phone),
            ("email_addresses", "address", &["user_id"], Kind::Email),
            ("api_keys", "value", &["user_id"], Kind::Credential),
            ("sheet", "weight", &["blood_pressure"], Kind::Health),
        ] {
            assert_eq!(told(table, column, others), Some(kind), "{table}.{column}");
        }
    }

    #[test]
    fn the_same_names_elsewhere_say_nothing() {
        for (table, column, others) in [
            ("orders", "state", &["total", "bill_city"][..]),
            ("orders", "number", &["street", "town", "total"]),
            ("files", "fingerprint", &["size", "path"]),
            ("pages", "name", &["slug", "body"]),
            ("apps", "callback_url", &["first_name"]),
            ("pages", "location", &["slug"]),
            ("counters", "value", &["name"]),
            ("boxes", "weight", &["width"]),
        ] {
            assert_eq!(told(table, column, others), None, "{table}.{column}");
        }
    }
}
