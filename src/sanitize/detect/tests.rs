use super::*;

/// Columns of invented applications: table, column, type, kind (or `-`). Only names and types speak.
const BY_NAME: &str = "
users email text email
users emailAddress text email
users unconfirmed_email varchar(254) email
newsletter courriel text email
outbox bcc text email
kunden EMail varchar(100) email
users first_name varchar(64) first-name
users firstName text first-name
adherents prenom varchar(40) first-name
kunden Vorname varchar(40) first-name
users last_name varchar(64) last-name
people surname text last-name
kunden nachname varchar(60) last-name
clientes apellidos varchar(60) last-name
users full_name text full-name
users displayName text full-name
customers name varchar(255) full-name
shop.contacts name text full-name
cards card_holder text full-name
users username varchar(50) username
users login varchar(50) username
members nickname varchar(50) username
users phone varchar(32) phone
users mobile_phone text phone
kunden telefon varchar(30) phone
kunden telefax varchar(30) phone
clientes telefono varchar(30) phone
orders shipping_phone varchar(20) phone
addresses street text street
addresses address1 varchar(255) street
addresses address_2 varchar(255) street
kunden strasse varchar(255) street
clientes direccion text street
orders billing_city varchar(80) city
adherents ville varchar(80) city
kunden plz varchar(10) postcode
addresses zip_code varchar(10) postcode
addresses postalCode varchar(10) postcode
adherents code_postal varchar(10) postcode
addresses state_name varchar(40) region
addresses state varchar(40) region
kunden bundesland varchar(40) region
customers country varchar(60) country
orders shipping_country varchar(60) country
users date_of_birth date birth-date
users birthday date birth-date
kunden geburtsdatum date birth-date
users gender varchar(10) gender
patients allergies text health
patients diagnosis text health
employees ssn varchar(11) national-id
employees tax_id varchar(20) national-id
employees passport_number varchar(20) national-id
societes siret varchar(14) national-id
employees iban varchar(34) bank-account
employees bank_account varchar(34) bank-account
payments card_number varchar(19) card
payments cvv varchar(4) card
sessions ip_address varchar(45) ip
logins current_sign_in_ip text ip
comments authorIP varchar(40) ip
devices mac_address varchar(17) mac
logins user_agent text user-agent
users website varchar(200) url
users twitter varchar(100) url
authors author_url varchar(100) url
users company varchar(100) company
kunden firma varchar(100) company
orders comment text free-text
orders special_instructions text free-text
tickets message text free-text
users bio text free-text
kunden bemerkungen text free-text
users encrypted_password varchar(255) credential
users password_hash varchar(255) credential
users reset_password_token varchar(255) credential
sessions session_id varchar(128) credential
apps api_key varchar(64) credential
users mot_de_passe varchar(255) credential
uploads filename varchar(255) file-name
stops latitude numeric(10,6) geo
stops lng double_precision geo
cards vcard text structured
users id bigint -
users created_at timestamp -
users email_verified boolean -
users email_notifications varchar(10) -
users email_count integer -
users address_id bigint -
users country_id integer -
users locale varchar(5) -
users role varchar(20) -
users status varchar(20) -
users birth_date_visible boolean -
orders number varchar(20) -
orders total numeric(10,2) -
orders state varchar(20) -
orders currency varchar(3) -
orders placed_on date -
products name varchar(255) -
products sku varchar(64) -
products title text -
products description text -
products price numeric(10,2) -
products image varchar(255) -
products weight double_precision -
categories name varchar(255) -
categories slug varchar(255) -
countries name varchar(255) -
countries iso varchar(2) -
currencies code varchar(3) -
settings key varchar(64) -
settings value text -
migrations version varchar(64) -
pages title varchar(255) -
pages content text -
jobs payload jsonb structured
jobs queue varchar(32) -
events type varchar(32) -
files checksum varchar(64) -
files size bigint -
files content_type varchar(100) -
phone_types label varchar(40) -
";

/// The same in other languages, with abbreviations, prefixes and letters of both cases; `~` stands for any personal kind.
const ELSEWHERE: &str = "
clienti cognome text last-name
clienti codice_fiscale varchar(16) national-id
clienti data_nascita date birth-date
clienti indirizzo text street
clienti cellulare text phone
clienti partitaIva text national-id
clienti ragione_sociale text company
dipendenti sesso varchar(1) gender
klanten voornaam text first-name
klanten achternaam text last-name
klanten geboortedatum date birth-date
klanten straatnaam text street
klanten woonplaats text city
klanten telefoonnummer text phone
klanten burgerservicenummer text national-id
klanten rekeningnummer text bank-account
klanten opmerkingen text free-text
clientes sobrenome text last-name
clientes endereco text street
clientes cep varchar(9) postcode
clientes telemovel text phone
clientes data_nascimento date birth-date
clientes senha text credential
clientes observacoes text free-text
klienci imie text first-name
klienci nazwisko text last-name
klienci kod_pocztowy text postcode
klienci numer_telefonu text phone
klienci nip text national-id
klienci uwagi text free-text
personas primer_apellido text last-name
personas fechaNacimiento date birth-date
personas correoElectronico text email
personas numero_documento text national-id
salaries numeroSecu varchar(15) national-id
salaries dateNaissance date birth-date
salaries adresse_mail text email
mitarbeiter strNr text street
mitarbeiter ibanNr text bank-account
mitarbeiter handynummer text phone
mitarbeiter geb_datum date birth-date
usr_mst usrFstName text first-name
tbl_emp emp_first_name text first-name
tbl_emp empLastName text last-name
tbl_emp c_email_addr text email
tbl_emp ph_no text phone
tbl_emp brth_dt date birth-date
T_PERSON P_SURNAME text last-name
T_PERSON P_DOB date birth-date
T_PERSON p_zipcode text postcode
passengers passport_no text national-id
patients nhs_number text national-id
patients blutgruppe text health
contacts contactNumber text phone
accounts pw_hash text credential
accounts refresh_token text credential
devices wifi_mac text mac
visits srcIp text ip
orders shipToName text ~
orders via text -
orders carrier text -
orders discount_code text -
orders tracking_status text -
shelves location_code text -
units abbreviation text -
releases tag_name text -
jobs queue_name text -
";

/// Columns with values: table, column, type, kind (or `-`), then values between bars.
const BY_VALUE: &str = "
t x text email |anna@a.test|bob@b.test|c.d@e.test|f@g.test|h+i@j.test
t y varchar(60) phone |+33 6 12 34 56 78|+49 30 1234567|+44 7911 123456|+1 650 253 0000|+33 1 42 34 56 78
t a text ip |203.0.113.9|198.51.100.7|192.0.2.4|10.1.2.3|2001:db8::1
t p text credential |$2y$10$abcdefgh|$2y$10$ijklmnop|$2y$10$qrstuvwx|$2y$10$yzabcdef|$2y$10$ghijklmn
t b text bank-account |DE89370400440532013000|GB82WEST12345698765432|FR1420041010050500013M02606|NL91ABNA0417164300|BE68539007547034
t ua text user-agent |Mozilla/5.0 (X11)|Mozilla/5.0 (Mac)|curl/8.1.1|Mozilla/5.0 (iPhone)|Mozilla/5.0 (Windows)
t who text full-name |Anna Smith|Robert Miller|Linda Johnson|Emily Taylor|Jessica Young
t j jsonb structured |{\"email\":\"a@b.test\"}|{\"email\":\"c@d.test\"}|{\"email\":null}|{}|{}
t blob text structured |a:1:{s:5:\"email\";s:8:\"a@b.test\";}|a:0:{}|a:0:{}|a:0:{}|a:0:{}
t firm text company |Nord GmbH|Sud SARL|West Ltd|East Inc|Center AG
t notice text free-text |Please call Anna on +49 30 1234567|The parcel came two days late|write to me at a@b.test soon|all is fine with this one|nothing else to say here
pages x text - |The parcel came two days late|all is fine with this one|nothing else to say here|the colour is too dark|it does not fit at all
users email_template text - |welcome|goodbye|reset|invoice|reminder
ext version text - |4.2.0.1|4.3.1.1|4.0.2.6|4.8.5.7|4.1.1.1
comments token text - |comment_01h24k1e1j|comment_01hj58g3kb|comment_01hq35jk2j|comment_01h9b1rzm2|comment_01hmw279r7
products name text - |Oak chair|Blue ceramic lamp|Victoria sponge|Rye bread|Wool scarf
files address text - |alpha/victoria-sponge|beta/oak-chair-2|gamma/lamp|delta/usb-c-2|eps/rye
jobs payload jsonb - |{\"limit\":1}|{\"limit\":2}|{\"limit\":3}|{\"limit\":4}|{\"limit\":5}
orders phone text - |yes|no|no|yes|no
";

fn found(table: &str, column: &str, type_name: &str, values: &[String]) -> String {
    let finding = detect(&ColumnSample {
        table,
        column,
        type_name: &type_name
            .replace('_', " ")
            .replace("varchar", "character varying"),
        values,
    });
    finding.map_or("-", |finding| finding.kind.name()).to_owned()
}

#[test]
fn names_in_four_languages_tell_what_columns_hold() {
    let columns = BY_NAME.lines().filter(|line| !line.is_empty());
    let mut count = 0;
    for line in columns {
        let words: Vec<&str> = line.split(' ').collect();
        let [table, column, type_name, kind] = words[..] else {
            panic!("{line}");
        };
        assert_eq!(found(table, column, type_name, &[]), kind, "{line}");
        count += 1;
    }
    assert!(count > 110, "{count}");
}

#[test]
fn names_in_other_languages_abbreviated_and_prefixed_tell_it_too() {
    let mut wrong = Vec::new();
    for line in ELSEWHERE.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let [table, column, type_name, kind] = words[..] else {
            panic!("{line}");
        };
        let got = found(table, column, type_name, &[]);
        if got != kind && !(kind == "~" && got != "-") {
            wrong.push(format!("{line}: {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_tell_what_names_do_not_and_contradict_what_they_say() {
    for line in BY_VALUE.lines().filter(|line| !line.is_empty()) {
        let (facts, values) = line.split_once(" |").unwrap();
        let words: Vec<&str> = facts.split(' ').collect();
        let values: Vec<String> = values.split('|').map(str::to_owned).collect();
        assert_eq!(found(words[0], words[1], words[2], &values), words[3], "{line}");
    }
}

#[test]
fn evidence_and_confidence_go_together() {
    let values: Vec<String> = (0..9).map(|n| format!("p{n}@shop.test")).collect();
    let look = |column, values: &[String]| {
        detect(&ColumnSample {
            table: "users",
            column,
            type_name: "text",
            values,
        })
        .unwrap()
    };
    let both = look("email", &values);
    assert_eq!(both.evidence, ["name", "validator"]);
    let name = look("email", &[]);
    assert_eq!(name.evidence, ["name"]);
    let value = look("x", &values);
    assert_eq!(value.evidence, ["validator"]);
    assert!(both.confidence > value.confidence && value.confidence > name.confidence);
}

#[test]
fn numbers_and_dates_are_personal_by_name_or_by_value() {
    let numbers = |from: u64, step: u64| (0..40).map(|n| (from + n * step).to_string()).collect::<Vec<_>>();
    let looks = |column, type_name, values: &[String]| {
        let sample = ColumnSample {
            table: "users",
            column,
            type_name,
            values,
        };
        detect(&sample).is_some() || are_phones(type_name, values)
    };
    assert!(looks("phone", "bigint", &numbers(33_612_345_678, 7_919)));
    assert!(looks("x", "bigint", &numbers(33_612_345_678, 7_919)));
    assert!(looks("birth_date", "date", &[]));
    assert!(looks("birth_year", "integer", &[]));
    assert!(looks("latitude", "numeric(10,6)", &[]));
    assert!(looks("ssn", "integer", &[]));
    assert!(looks("client_ip", "inet", &[]));
    assert!(looks("reset_token", "uuid", &[]));
    assert!(!looks("id", "bigint", &numbers(1, 1)));
    assert!(!looks(
        "created_ms",
        "bigint",
        &numbers(1_700_000_000_000, 86_400_000)
    ));
    assert!(!looks("phone_id", "bigint", &numbers(1, 1)));
    assert!(!looks("amount", "numeric(10,2)", &numbers(100, 37)));
    assert!(!looks("created_at", "timestamp with time zone", &[]));
    assert!(!looks("shipped_on", "date", &[]));
    assert!(!looks("public_id", "uuid", &[]));
}

#[test]
fn the_last_word_tells_and_what_stands_before_it_says_whose() {
    for (table, column, type_name, kind) in [
        ("deals", "billing_address_city", "text", "city"),
        ("deals", "spouse_birthdate", "date", "birth-date"),
        ("deals", "notification_email", "text", "email"),
        ("deals", "email_signature", "text", "free-text"),
        ("deals", "country_of_birth", "integer", "-"),
        ("deals", "email_notification", "text", "-"),
        ("deals", "type_document", "text", "-"),
        ("uploads", "store_fname", "text", "file-name"),
        ("directories", "attr_lastname", "text", "-"),
        ("products", "display_name", "text", "-"),
        ("members", "display_name", "text", "full-name"),
        ("mails", "contemail", "text", "email"),
        ("visits", "iplastlogin", "text", "ip"),
        ("akten", "erstellt_von", "text", "username"),
    ] {
        assert_eq!(found(table, column, type_name, &[]), kind, "{table}.{column}");
    }
}

#[test]
fn codes_of_one_digit_are_personal_where_the_name_says_so() {
    let codes: Vec<String> = (0..40).map(|n| (n % 3).to_string()).collect();
    let counts: Vec<String> = (0..40).map(|n| (n * 7).to_string()).collect();
    assert_eq!(found("staff", "gender", "smallint", &codes), "gender");
    assert_eq!(found("staff", "marital_status", "integer", &codes), "gender");
    assert_eq!(found("staff", "smoker", "integer", &codes), "health");
    assert_eq!(found("staff", "gender", "integer", &counts), "-");
    assert_eq!(found("staff", "gender_id", "integer", &codes), "-");
}

#[test]
fn a_name_of_an_account_may_be_a_number_and_a_reference_is_none() {
    let numbers: Vec<String> = (0..40).map(|n| (20_240_001 + n * 37).to_string()).collect();
    let handles: Vec<String> = (0..40).map(|n| format!("anna{n}")).collect();
    assert_eq!(found("students", "username", "text", &numbers), "username");
    assert_eq!(found("students", "login", "text", &numbers), "username");
    assert_eq!(found("students", "created_by", "text", &numbers), "-");
    assert_eq!(found("students", "user_id", "text", &numbers), "-");
    assert_eq!(found("students", "created_by", "text", &handles), "username");
    // What is called a person's name or address holds an account's.
    assert_eq!(found("letters", "to_address", "text", &handles), "username");
}

#[test]
fn texts_in_bytes_are_read() {
    let card = |n: usize| format!("BEGIN:VCARD\nFN:Anna Smith\nEMAIL:anna{n}@a.test\nEND:VCARD");
    let hexadecimal = |text: String| format!("\\x{}", crate::model::hex(text.as_bytes()));
    let cards: Vec<String> = (0..10).map(|n| hexadecimal(card(n))).collect();
    let noise: Vec<String> = (0..10).map(|n| format!("\\xff00{n:02x}fe")).collect();
    assert_eq!(found("cards", "data", "bytea", &cards), "structured");
    assert_eq!(found("cards", "data", "bytea", &noise), "-");
}
