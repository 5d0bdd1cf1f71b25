//! Names that can mean anything, and what they most often say.

use super::PersonalKind as Kind;

/// What is believed only if the values agree; the more specific stands first.
pub(super) const VAGUE: &[(Kind, &str)] = &[
    (
        Kind::FullName,
        "display name|displayname|name|author|owner|contact|nom|nombre|recipient|sender|person|info",
    ),
    (
        Kind::Username,
        "owner|author|sender|recipient|editor|operator|reporter|manager|agent|assigned",
    ),
    (Kind::Email, "mail|paypal|to|from"),
    (Kind::Region, "state|region|zone|departement"),
    (
        Kind::Credential,
        "key|code|session|nonce|pin|confirmation|verifier|challenge|signature|fingerprint|cookie|seed|sid|auth",
    ),
    (Kind::Geo, "location|position"),
    (Kind::Url, "link|url|avatar|image|identifier|profile"),
    (
        Kind::FreeText,
        "summary|problem|opis|omschrijving|descricao|resolution|story|statement|introduction|observation|\
         texto|texte|contenu|inhalt|contenido|testo|titulo|titel|respuesta|antwort|reponse|answer|\
         question|beschreibung|descripcion|descrizione|review|raw|cooked|\
         text|content|description|title|words|data|keyword|action|details|value|excerpt|objectives|search|header|info",
    ),
    (
        Kind::Structured,
        "meta|metadata|params|preferences|settings|options|properties|props|payload|args|vars|object|attributes|cache",
    ),
    (Kind::UserAgent, "agent|browser"),
    (Kind::NationalId, "tax|id number|idnumber"),
    (Kind::FileName, "file|path|target"),
];
