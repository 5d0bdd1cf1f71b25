//! The words that names of columns and tables are made of, by what they say, in eight languages.

use super::PersonalKind as Kind;

/// Phrases of tokens, the first that occurs in a name decides: longer and clearer ones stand before.
pub(super) const STRONG: &[(Kind, &str)] = &[
    (
        Kind::Ip,
        "remote ip|source ip|src ip|peer ip|login ip|last ip|reg ip|ip adresse|indirizzo ip|ip adres|endereco ip|\
         adres ip|ip address|ipaddress|ip addr|remote addr|client ip|sign in ip|ip|forwarded for|adresse ip",
    ),
    (
        Kind::Mac,
        "calling station|called station|\
         mac adresse|indirizzo mac|wifi mac|bluetooth mac|macaddress|mac address|mac addr|hardware address",
    ),
    (
        Kind::Credential,
        "key hash|invite key|security answer|sicherheitsantwort|respuesta seguridad|clave|pin block|\
         signing key|license key|shared key|password answer|\
         pass word|pw hash|passwd hash|pwhash|password hash|contrasenya|clave acceso|senha|wachtwoord|haslo|\
         parola chiave|api token|access token|refresh token|bearer|client secret|webhook secret|ssh key|private pem|\
         authkey|mfa|two factor|encrypted pw|crypted pw|jwt|pw|password|passwd|passwort|kennwort|passphrase|pwd|pass|\
         mot passe|mdp|contrasena|salt|secret|token|api key|apikey|\
         private key|access key|activation key|auth key|session id|sess id|sessionid|otp|totp|csrf|credential|credentials|\
         security code|reset digest|remember digest|activation digest|recovery code|backup code|newpassword",
    ),
    (
        Kind::UserAgent,
        "navegador|navigateur|\
         agent utilisateur|browser agent|ua string|user agent|useragent|comment agent|http agent",
    ),
    (
        Kind::Email,
        "mail adresse|adresse mail|adresse courriel|adresse electronique|correo electronico|posta elettronica|\
         indirizzo mail|pec|emailadres|mailadres|poczta|adres mail|endereco mail|e mailadres|contact mail|user mail|\
         mailbox|email|e mail|emailaddress|email address|mailaddress|courriel|correo|mail address|reply to|replyto|\
         bcc|cc|sent to|\
         sent from|recipient email|mailto",
    ),
    (
        Kind::Url,
        "sito web|sitio web|pagina web|site internet|strona www|webseite|profile picture|photo url|picture url|\
         telegram|tiktok|whats app|discord|snapchat|bluesky|website|web site|homepage|home page|blog|twitter|facebook|\
         linkedin|instagram|skype|xing|mastodon|github|user url|\
         author url|profile url|aim|icq|yahoo|google|avatar url",
    ),
    (
        Kind::FirstName,
        "mname|middle initial|initials|other name|vornamen|preferred name|forenames|given names|fornavn|\
         fornamn|etunimi|\
         first nm|fst name|forname|rufname|nome proprio|primeiro nome|voornaam|imie|firstnames|christian name|\
         nombre propio|nombres|prenoms|roepnaam|vname|fore name|first name|firstname|fname|given name|givenname|\
         forename|prenom|vorname|primer nombre|middle name|middlename|\
         nombre pila",
    ),
    (
        Kind::LastName,
        "surnames|efternavn|efternamn|sukunimi|family names|birth lname|\
         last nm|lst name|cognome|achternaam|tussenvoegsel|nazwisko|sobrenome|apelido|patronyme|nom usage|\
         nom naissance|primer apellido|segundo apellido|apellido paterno|apellido materno|apellido uno|nname|zuname|\
         second name|nomfamille|last name|lastname|lname|surname|family name|familyname|nachname|familienname|\
         nom famille|apellido|apellidos|\
         maiden name|geburtsname",
    ),
    (
        Kind::FullName,
        "name birth|name at birth|legal name|proprio|proprietaire|bearbeiter|sachbearbeiter|informant|\
         referrer|counterparty|creditor|debtor|guarantor|persona contacto|contacto|beneficiario|huesped|\
         spouse|mother|father|guardian name|owner name|nombre fiscal|nombre titular|signed name|\
         embossed name|suspect|witness|medecin|medico|doctor|arzt|decide par|signed by|auteur|autor|\
         caller name|cnam|kontaktperson|name history|assistant|\
         nome completo|nominativo|volledige naam|volle naam|imie nazwisko|vollstaendiger name|nombre apellidos|\
         account name holder|guest name|passenger name|traveller name|driver name|student name|member name|user full|\
         emergency contact|next kin|kin name|beneficiary|intestatario|titular|titulaire|inhaber|kontoinhaber|\
         contactpersoon|opdrachtgever|empfaenger|destinataire|destinatario|ontvanger|odbiorca|nadawca|absender|\
         expediteur|mittente|full name|fullname|real name|realname|display name|displayname|contact name|\
         contact person|ansprechpartner|\
         card holder|cardholder|holder name|account holder|bank account name|customer name|client name|nom complet|\
         nombre completo|billing name|shipping name|referred by|payee|cheque|sender name|recipient name|employee name|\
         patient name|comment author",
    ),
    (
        Kind::Username,
        "openid|ldap|extern uid|provider uid|external login|user principal|principal uri|principaluri|\
         cardnumber of member|\
         nazwa uzytkownika|gebruikersnaam|benutzerkennung|nome utente|nome usuario|identifiant|usr name|user nm|\
         account login|loginid|login id|pseudo|pseudonyme|apodo|bijnaam|uname|userid text|sam account|samaccountname|\
         username|user name|user login|login name|loginname|nickname|nicename|nick|screen name|screenname|\
         benutzername|\
         nom utilisateur|nombre usuario|actor name|handle|payer id|login",
    ),
    (
        Kind::BankAccount,
        "code banque|code guichet|cle rib|bban|routing num|account num|acc num|acc number|acc no|\
         konto nummer|bank number|check number|cheque number|num cheque|cuenta|dd account|sepa mandate|\
         beneficiary account|debtor account|\
         iban number|account no|acct no|acct number|bank acc|compte bancaire|numero compte|cuenta bancaria|\
         conto corrente|coordinate bancarie|rekeningnummer|conta bancaria|nr konta|numer konta|bankverbindung|kontonr|\
         clabe|bsb|ach account|codigo banco|cod banco|iban|bic|swift|account number|bank account|sort code|\
         routing number|kontonummer|bank branch|bankleitzahl|blz|rib|\
         numero cuenta",
    ),
    (
        Kind::Card,
        "tarjeta|cvn|card exp|card expiry|carte numero|pan first|pan last|\
         pan number|card no|card num|cardno|ccnum|cc num|carta credito|tarjeta credito|carte bancaire|\
         creditcardnummer|cartao credito|karta kredytowa|kreditkarte|card pan|carta numero|card number|cardnumber|\
         credit card|creditcard|cc number|cvv|cvc|last digits|card last|last four|kartennummer|\
         numero carte|numero tarjeta",
    ),
    (
        Kind::NationalId,
        "ss|idprof|tva intra|num documento|documento|dni pasaporte|seguridad social|num secu|sv nummer|\
         ust idnr|fuehrerschein|fuehrerscheinnummer|license num|lice num|lic num|licencia|npi|tin|mrz|\
         registration number|company registry|personal no|personal number|document no|document key|\
         doc no|other id|sin num|sinid|ssnid|permit no|visa no|visa number|identification id|id number|\
         idnumber|incorp no|cif|numen|ine|federal tax|federaltaxid|dea number|upin|license plate|\
         car plate|kennzeichen privat|\
         codice fiscale|codicefiscale|cod fiscale|partita iva|piva|burgerservicenummer|rijksregisternummer|\
         numero contribuinte|contribuinte|nipc|cartao cidadao|numero identificacao|nr pesel|nip|regon|dowod|\
         dowod osobisty|numero dossier fiscal|numero nir|nir|numero securite|nss|curp|rfc|rut|ein|itin|sin number|\
         nhs number|nhs no|medicare number|aadhaar|aadhar|pan card|personal number|personnr|cpr|henkilotunnus|svnr|\
         ahv|ahv nummer|identity no|id card no|id card number|document number|numero documento|doc number|\
         documento identidad|licence number|license number|drivers license|rijbewijs|steuernr|ust id|ustid|\
         tva intracom|numero tva|btw nummer|sozialversicherung|reisepass|passeport|pasaporte|passaporto|paspoort|\
         paszport|ssn|social security|national id|nationalid|national identity|identity number|identity card|passport|\
         tax id|taxid|\
         tax number|tax code|vat id|vat number|vat|steuernummer|steuer id|sozialversicherungsnummer|siret|siren|nif|nie|\
         dni|pesel|bsn|cpf|cnpj|nino|insurance number|driver license|driving licence|numero secu|securite sociale|abn|acn|\
         personnummer|ausweis",
    ),
    (
        Kind::BirthDate,
        "of birth|date of birth|\
         date naiss|dt naissance|data nascita|nascita|geboortedatum|geboorte|data nascimento|nascimento|\
         data urodzenia|urodzenia|fecha nac|fecha nacimiento|gebdat|gebdatum|geb datum|bday|birth year|year birth|\
         birth month|birthdt|brth dt|date naissance|dt birth|d o b|bdate|nacim|birth|birthday|birthdate|date birth|\
         dob|born|born on|naissance|geburtsdatum|geburtstag|geboren|nacimiento",
    ),
    (
        Kind::Gender,
        "geslacht|genere|genero|plec|sesso|salutation|civility|titre civilite|anredecode|gender|sex|sexe|\
     sexo|geschlecht|anrede|civilite",
    ),
    (
        Kind::Health,
        "ethnoracial|ethnic|race|smoker|drug|dosage|dosierung|symptom|pulse|bmi|blood pressure|systolic|\
         diastolic|oxygen saturation|respiration|heart rate|glucose|krankenkasse|allergen|immunization|\
         vaccine|pregnancy|orientation|sexuality|observations medicales|antecedents|tratamiento|terapia|\
         therapy|deceased reason|cause death|reaction|indication|blood|\
         blutgruppe|groupe sanguin|gruppo sanguigno|grupo sanguineo|gruppo sangue|allergie|allergien|alergia|alergias|\
         diagnose|diagnosi|diagnostico|medication|medicament|medikament|medicacion|patologia|handicap|\
         behinderung|discapacidad|symptoms|prescription|treatment notes|ziekte|choroba|vaccination|insurance provider|\
         religion|ethnicity|race ethnicity|sexual orientation|political|diagnosis|allergy|allergies|disability|\
         blood type|blood group|medical|health|illness|disease|krankheit|maladie|\
         enfermedad|diet|dietary",
    ),
    (
        Kind::Phone,
        "home no|office no|work no|clid|caller id|calling number|called number|cnum|alert number|\
         num movil|mobiltelefon|diensttelefon|a number|b number|\
         phone no|phone nbr|ph no|phonenum|telefone|telemovel|celular|cellulare|cell phone|cell number|\
         numero telefono|numero telephone|num tel|telefoon|telefoonnummer|mobiel|komorka|numer telefonu|mobilnummer|\
         handynummer|tlf|tfno|contact no|contact number|mobile no|home ph|work ph|sms number|landline|festnetz|\
         tel fixe|tel mobile|pager|phone|telephone|phonenumber|tel|mobile|mobil|cell|cellphone|fax|telefax|telefon|\
         telefono|movil|handy|gsm|whatsapp|\
         msisdn|rufnummer|portable",
    ),
    (
        Kind::Street,
        "town village|premise|sub premise|complemento|lieu dit|wohnanschrift|postadresse|\
         straat|straatnaam|huisnummer|indirizzo|rua|endereco|logradouro|morada|ulica|adres|nr domu|numer domu|\
         domicile|voie|numero voie|complement adresse|street name|streetname|street no|street number|addr line|\
         addressline|adr|str nr|hausnr|calle numero|residence|home address|apartment|apt no|suite no|colonia|bairro|\
         wohnung|ship to|bill to|street|street address|streetaddress|address|addr|adresse|anschrift|strasse|rue|calle|\
         direccion|domicilio|\
         house number|hausnummer|po box|full address",
    ),
    (
        Kind::Postcode,
        "postal town code|cp|\
         postal|zip cd|zipcd|cap residenza|codice postale|cep|codigopostal|cod postal|kod pocztowy|postnummer|\
         post code|postc|codepostal|pin code|pincode|eircode|zip|zipcode|zip code|postcode|postal code|postalcode|plz|\
         postleitzahl|code postal|codigo postal",
    ),
    (
        Kind::City,
        "birth city|city birth|birth place|wohnsitz|\
         citta|comune|localita|plaats|woonplaats|stad|cidade|localidade|municipio|miasto|miejscowosc|ort|commune|\
         city name|cityname|suburb|locality|birthplace|place birth|lieu naissance|geburtsort|luogo nascita|\
         lugar nacimiento|geboorteplaats|city|town|ville|stadt|ciudad|wohnort|localite|localidad|poblacion|hometown",
    ),
    (
        Kind::Region,
        "wojewodztwo|provincie|distrito|province name|state province|state cd|regione|gemeinde|kanton|canton|\
         state name|province|county|bundesland|provincia|payment zone|shipping zone|billing zone",
    ),
    (
        Kind::Country,
        "nazione|paese|nationality|nationalite|nacionalidad|nazionalita|staatsangehoerigkeit|\
     nationalitaet|nationaliteit|obywatelstwo|citizenship|landcode|kraj|country nm|country|country name|pays|land|\
     pais",
    ),
    (
        Kind::Geo,
        "gps|geo lat|geo lng|latitud|longitud|latitudine|longitudine|breitengrad|laengengrad|lat lng|latlng|geom home|\
         home location|latitude|longitude|lat|lng|lon|geolocation|coordinates|geo point|geopoint",
    ),
    (
        Kind::Company,
        "ragione sociale|azienda|raison sociale|razon social|bedrijf|bedrijfsnaam|nazwa firmy|razao social|company nm|\
         org name|business name|employer name|denominazione|ditta|werkgever|pracodawca|employeur|empleador|company|\
         company name|companyname|organization|organisation|employer|firma|firmenname|societe|entreprise|empresa|\
         arbeitgeber|unternehmen",
    ),
    (
        Kind::FileName,
        "photo|foto|selfie|recording|piece jointe|attachment file|datei|archivo adjunto|scan file|\
         signature file|fichier joint|\
         nom fichier|nombre archivo|nome file|dateiname|bestandsnaam|uploaded file name|attachment name|nome arquivo|\
         filename|file name|original name|originalname|orig path|archive name",
    ),
    (
        Kind::FreeText,
        "hinweis|zustellhinweis|motif|motivo|begruendung|grund|beschwerdetext|objet|corps|betreff|asunto|\
         oggetto|cuerpo|preferencias|peticiones|wuensche|narrative|appreciation|headline|caption|spoiler|\
         chat text|free text|additional info|complaint text|remittance|verwendungszweck|\
         annotazioni|osservazioni|commento|messaggio|opmerking|opmerkingen|bericht|notitie|notities|observacoes|\
         comentarios internos|mensagem|uwagi|wiadomosc|komentarz|opis klienta|anmerkung|anmerkungen|freitext|\
         beschwerde|chat message|msg|msg text|msg body|review text|reply text|transcript|cover letter|motivation|\
         complaint|internal note|private note|customer note|staff note|case notes|comment|comments|note|notes|message|\
         memo|bio|biography|about|remark|remarks|feedback|background info|instructions|\
         special instructions|signature|testimonial|kommentar|bemerkung|bemerkungen|notiz|notizen|nachricht|commentaire|\
         remarque|comentario|comentarios|observaciones|mensaje|post content|body|subject|reason|post excerpt",
    ),
    (
        Kind::Structured,
        "vcard|object changes|custom field|custom fields",
    ),
];

/// As above, for names that can mean anything.
pub(super) const VAGUE: &[(Kind, &str)] = &[
    (
        Kind::FullName,
        "name|author|owner|contact|nom|nombre|recipient|sender|person|info",
    ),
    (Kind::Email, "mail|paypal|to|from"),
    (Kind::Region, "state|region|zone|departement"),
    (Kind::Credential, "key|code|session|nonce|pin"),
    (Kind::Geo, "location|position"),
    (Kind::Url, "link|url|avatar|image|identifier|profile"),
    (
        Kind::FreeText,
        "texto|texte|contenu|inhalt|contenido|testo|titulo|titel|respuesta|antwort|reponse|answer|\
         question|beschreibung|descripcion|descrizione|review|raw|cooked|\
         text|content|description|title|words|data|keyword|action|details|value|excerpt|objectives|search|header|info",
    ),
    (
        Kind::Structured,
        "meta|metadata|params|preferences|settings|options|properties|props|payload|args|vars|object|attributes|cache",
    ),
    (Kind::UserAgent, "agent|browser"),
    (Kind::NationalId, "tax"),
];
