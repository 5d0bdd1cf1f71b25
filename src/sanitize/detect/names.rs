//! What the names of columns and tables say, in English, French, German and Spanish.

use super::PersonalKind as Kind;

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

/// Phrases of tokens, the first that occurs in a name decides: longer and clearer ones stand before.
const STRONG: &[(Kind, &str)] = &[
    (
        Kind::Ip,
        "ip address|ipaddress|ip addr|remote addr|client ip|sign in ip|ip|forwarded for|adresse ip",
    ),
    (Kind::Mac, "mac address|mac addr|hardware address"),
    (
        Kind::Credential,
        "password|passwd|passwort|kennwort|passphrase|pwd|pass|mot passe|mdp|contrasena|salt|secret|token|api key|apikey|\
         private key|access key|activation key|auth key|session id|sess id|sessionid|otp|totp|csrf|credential|credentials|\
         security code|reset digest|remember digest|activation digest|recovery code|backup code|newpassword",
    ),
    (Kind::UserAgent, "user agent|useragent|comment agent|http agent"),
    (
        Kind::Email,
        "email|e mail|emailaddress|email address|mailaddress|courriel|correo|mail address|reply to|replyto|bcc|cc|sent to|\
         sent from|recipient email|mailto",
    ),
    (
        Kind::Url,
        "website|web site|homepage|home page|blog|twitter|facebook|linkedin|instagram|skype|xing|mastodon|github|user url|\
         author url|profile url|aim|icq|yahoo|google|avatar url",
    ),
    (
        Kind::FirstName,
        "first name|firstname|fname|given name|givenname|forename|prenom|vorname|primer nombre|middle name|middlename|\
         nombre pila",
    ),
    (
        Kind::LastName,
        "last name|lastname|lname|surname|family name|familyname|nachname|familienname|nom famille|apellido|apellidos|\
         maiden name|geburtsname",
    ),
    (
        Kind::FullName,
        "full name|fullname|real name|realname|display name|displayname|contact name|contact person|ansprechpartner|\
         card holder|cardholder|holder name|account holder|bank account name|customer name|client name|nom complet|\
         nombre completo|billing name|shipping name|referred by|payee|cheque|sender name|recipient name|employee name|\
         patient name|comment author",
    ),
    (
        Kind::Username,
        "username|user name|user login|login name|loginname|nickname|nicename|nick|screen name|screenname|benutzername|\
         nom utilisateur|nombre usuario|actor name|handle|payer id|login",
    ),
    (
        Kind::BankAccount,
        "iban|bic|swift|account number|bank account|sort code|routing number|kontonummer|bank branch|bankleitzahl|blz|rib|\
         numero cuenta",
    ),
    (
        Kind::Card,
        "card number|cardnumber|credit card|creditcard|cc number|cvv|cvc|last digits|card last|last four|kartennummer|\
         numero carte|numero tarjeta",
    ),
    (
        Kind::NationalId,
        "ssn|social security|national id|nationalid|national identity|identity number|identity card|passport|tax id|taxid|\
         tax number|tax code|vat id|vat number|vat|steuernummer|steuer id|sozialversicherungsnummer|siret|siren|nif|nie|\
         dni|pesel|bsn|cpf|cnpj|nino|insurance number|driver license|driving licence|numero secu|securite sociale|abn|acn|\
         personnummer|ausweis",
    ),
    (
        Kind::BirthDate,
        "birth|birthday|birthdate|date birth|dob|born|born on|naissance|geburtsdatum|geburtstag|geboren|nacimiento",
    ),
    (Kind::Gender, "gender|sex|sexe|sexo|geschlecht|anrede|civilite"),
    (
        Kind::Health,
        "diagnosis|allergy|allergies|disability|blood type|blood group|medical|health|illness|disease|krankheit|maladie|\
         enfermedad|diet|dietary",
    ),
    (
        Kind::Phone,
        "phone|telephone|phonenumber|tel|mobile|mobil|cell|cellphone|fax|telefax|telefon|telefono|movil|handy|gsm|whatsapp|\
         msisdn|rufnummer|portable",
    ),
    (
        Kind::Street,
        "street|street address|streetaddress|address|addr|adresse|anschrift|strasse|rue|calle|direccion|domicilio|\
         house number|hausnummer|po box|full address",
    ),
    (
        Kind::Postcode,
        "zip|zipcode|zip code|postcode|postal code|postalcode|plz|postleitzahl|code postal|codigo postal",
    ),
    (
        Kind::City,
        "city|town|ville|stadt|ciudad|wohnort|localite|localidad|poblacion|hometown",
    ),
    (
        Kind::Region,
        "state name|province|county|bundesland|provincia|payment zone|shipping zone|billing zone",
    ),
    (Kind::Country, "country|country name|pays|land|pais"),
    (
        Kind::Geo,
        "latitude|longitude|lat|lng|lon|geolocation|coordinates|geo point|geopoint",
    ),
    (
        Kind::Company,
        "company|company name|companyname|organization|organisation|employer|firma|firmenname|societe|entreprise|empresa|\
         arbeitgeber|unternehmen",
    ),
    (
        Kind::FileName,
        "filename|file name|original name|originalname|orig path|archive name",
    ),
    (
        Kind::FreeText,
        "comment|comments|note|notes|message|memo|bio|biography|about|remark|remarks|feedback|background info|instructions|\
         special instructions|signature|testimonial|kommentar|bemerkung|bemerkungen|notiz|notizen|nachricht|commentaire|\
         remarque|comentario|comentarios|observaciones|mensaje|post content|body|subject|reason|post excerpt",
    ),
    (
        Kind::Structured,
        "vcard|object changes|custom field|custom fields",
    ),
];

/// As above, for names that can mean anything.
const VAGUE: &[(Kind, &str)] = &[
    (
        Kind::FullName,
        "name|author|owner|contact|nom|nombre|recipient|sender|person|info",
    ),
    (Kind::Email, "mail|paypal|to|from|uid"),
    (Kind::Region, "state|region|zone|departement"),
    (Kind::Credential, "key|code|session|nonce|pin"),
    (Kind::Geo, "location|position"),
    (Kind::Url, "link|url|avatar|image|identifier|profile"),
    (
        Kind::FreeText,
        "text|content|description|title|words|data|keyword|action|details|value|excerpt|objectives|search|header|info",
    ),
    (
        Kind::Structured,
        "meta|metadata|params|preferences|settings|options|properties|props|payload|args|vars|object|attributes|cache",
    ),
    (Kind::UserAgent, "agent|browser"),
    (Kind::NationalId, "tax"),
];

/// Words that turn what stands beside them into a switch, a counter, a reference or a setting.
const NEUTRAL: &[&str] = &[
    "id",
    "ids",
    "is",
    "has",
    "can",
    "enable",
    "enabled",
    "disable",
    "allow",
    "allowed",
    "show",
    "count",
    "counter",
    "num",
    "total",
    "status",
    "type",
    "kind",
    "template",
    "format",
    "method",
    "required",
    "require",
    "verified",
    "confirmed",
    "at",
    "date",
    "time",
    "class",
    "label",
    "enum",
    "mode",
    "order",
    "sort",
    "position",
    "index",
    "size",
    "length",
    "width",
    "limit",
    "max",
    "min",
    "version",
    "locale",
    "lang",
    "language",
    "visible",
    "hidden",
    "notify",
    "notification",
    "notifications",
    "default",
    "iso",
    "mime",
    "checksum",
    "service",
    "option",
    "options",
    "flag",
    "level",
    "hint",
    "expires",
    "expiry",
    "rate",
    "amount",
    "placeholder",
    "state",
    "code",
];

/// Tables that list things for the whole application to refer to.
const LOOKUPS: &[&str] = &[
    "country",
    "countries",
    "zone",
    "zones",
    "geo",
    "currency",
    "currencies",
    "language",
    "languages",
    "locale",
    "locales",
    "category",
    "categories",
    "taxon",
    "taxons",
    "tag",
    "tags",
    "product",
    "products",
    "variant",
    "variants",
    "extension",
    "layout",
    "theme",
    "module",
    "modules",
    "attribute",
    "attributes",
    "permission",
    "permissions",
    "status",
    "statuses",
    "unit",
    "units",
    "rate",
    "rates",
    "migrations",
    "translation",
    "translations",
    "seo",
    "banner",
    "banners",
];

/// Tables of people, where a name is a person's.
const PEOPLE: &[&str] = &[
    "user",
    "customer",
    "contact",
    "person",
    "people",
    "employee",
    "member",
    "lead",
    "patient",
    "student",
    "author",
    "client",
    "identity",
    "recipient",
    "subscriber",
    "profile",
    "address",
    "guest",
    "applicant",
    "candidate",
    "invitation",
    "utilisateur",
    "kunde",
    "kunden",
    "benutzer",
    "mitarbeiter",
    "personne",
    "adherent",
    "cliente",
    "usuario",
    "empleado",
    "signup",
];

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
