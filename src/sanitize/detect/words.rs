//! The words that names of columns and tables are made of, by what they say, in eight languages.

use super::PersonalKind as Kind;

/// Phrases of tokens, the first that occurs in a name decides: longer and clearer ones stand before.
pub(super) const STRONG: &[(Kind, &str)] = &[
    (
        Kind::Ip,
        "ip last login|ip previous login|from ip|host ip|user ip|xff|remote host|ipaddr|ipv|ip v|remoteaddr|clientip|remoteip|\
         remote ip|source ip|src ip|peer ip|login ip|last ip|reg ip|ip adresse|indirizzo ip|ip adres|endereco ip|\
         adres ip|ip address|ipaddress|ip addr|remote addr|client ip|sign in ip|ip|forwarded for|adresse ip",
    ),
    (
        Kind::Mac,
        "calling station id|called station id|calling station|called station|\
         mac adresse|indirizzo mac|wifi mac|bluetooth mac|macaddress|mac address|mac addr|hardware address",
    ),
    (
        Kind::Credential,
        "webauthn|two fa|twofa|tfa|act key|actkey|activation code|activation hash|confirm code|confirm key|\
         confirmation code|confirmation key|reset key|reset code|verification code|verification key|\
         verify code|verify key|login key|login code|login hash|passcode|pass code|passkey|pin hash|\
         security stamp|shared secret|master key|encryption key|secret key|consumer key|auth code|auth hash|\
         auth string|authentication string|authorization code|magic link|unsubscribe key|unsubscribe hash|\
         invite code|invitation code|session key|session hash|cookie hash|remember me|recovery key|\
         recovery hash|security question answer|device secret|hmac key|heslo|losenord|passord|salasana|sifre|\
         parola|kata sandi|jelszo|zugangscode|geheimnis|cle api|cle secrete|clave secreta|clave api|parole|\
         key hash|invite key|security answer|sicherheitsantwort|respuesta seguridad|clave|pin block|\
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
        "ua|agent string|browser string|\
         navegador|navigateur|\
         agent utilisateur|browser agent|ua string|user agent|useragent|comment agent|http agent",
    ),
    (
        Kind::Email,
        "to addr|from addr|email addr|mail addr|to address|cc address|bcc address|adresse messagerie|kontakt mail|private mail|personal mail|work mail|business mail|mail perso|\
         mail pro|mail privat|mail to|mail from|mailfrom|from mail|sender address|from address|reply address|\
         eposta|e posta|epost|sahkoposti|alamat mail|emails|mel|\
         mail adresse|adresse mail|adresse courriel|adresse electronique|correo electronico|posta elettronica|\
         indirizzo mail|pec|emailadres|mailadres|poczta|adres mail|endereco mail|e mailadres|contact mail|user mail|\
         mailbox|email|e mail|emailaddress|email address|mailaddress|courriel|correo|mail address|reply to|replyto|\
         bcc|cc|sent to|\
         sent from|recipient email|mailto",
    ),
    (
        Kind::Url,
        "youtube|pinterest|tumblr|flickr|twitch|reddit|wechat|jabber|xmpp|msn|viber|threema|kakao|gravatar|\
         vimeo|soundcloud|researchgate|orcid|gplus|weibo|matrix id|social media|personal site|personal url|\
         personal page|web page|webpage|weblog|portfolio url|social profile|reseau social|redes sociales|\
         perfil|\
         sito web|sitio web|pagina web|site internet|strona www|webseite|profile picture|photo url|picture url|\
         telegram|tiktok|whats app|discord|snapchat|bluesky|website|web site|homepage|home page|blog|twitter|facebook|\
         linkedin|instagram|skype|xing|mastodon|github|user url|\
         author url|profile url|aim|icq|yahoo|google|avatar url",
    ),
    (
        Kind::FirstName,
        "other names|othernames|prename|callname|calling name|name first|name given|f name|m name|rufnamen|jmeno|keresztnev|prenume|\
         imya|otchestvo|patronymic|nama depan|isim|etunimet|\
         mname|middle initial|initials|other name|vornamen|preferred name|forenames|given names|fornavn|\
         fornamn|etunimi|\
         first nm|fst name|forname|rufname|nome proprio|primeiro nome|voornaam|imie|firstnames|christian name|\
         nombre propio|nombres|prenoms|roepnaam|vname|fore name|first name|firstname|fname|given name|givenname|\
         forename|prenom|vorname|primer nombre|middle name|middlename|\
         nombre pila",
    ),
    (
        Kind::LastName,
        "name last|name family|l name|second surname|first surname|birth name|nee|maiden|prijmeni|vezeteknev|\
         soyad|soyadi|soyisim|familiya|nama belakang|slaegtsnavn|\
         surnames|efternavn|efternamn|sukunimi|family names|birth lname|\
         last nm|lst name|cognome|achternaam|tussenvoegsel|nazwisko|sobrenome|apelido|patronyme|nom usage|\
         nom naissance|primer apellido|segundo apellido|apellido paterno|apellido materno|apellido uno|nname|zuname|\
         second name|nomfamille|last name|lastname|lname|surname|family name|familyname|nachname|familienname|\
         nom famille|apellido|apellidos|\
         maiden name|geburtsname",
    ),
    (
        Kind::FullName,
        "cc owner|cc name|cc holder|cc ss owner|gegner|gutachter|makler|bezugsberechtigter|beguenstigter|anwalt|vermieter|auftraggeber|besteller|creditcard name|card name|kontakt|signer|signatory|attn|attention|care of|nom prenom|prenom nom|name vorname|vorname name|\
         nom contact|contact nom|person name|insured|policyholder|policy holder|supervisor|requester|\
         requestor|claimant|complainant|defendant|plaintiff|notary|lawyer|attorney|landlord|lessee|lessor|\
         chauffeur|physician|nurse|dentist|therapist|payer name|name card|nama lengkap|cele jmeno|ad soyad|\
         teljes nev|versicherungsnehmer|bevollmaechtigter|ehepartner|conjoint|conyuge|coniuge|\
         verantwortlicher|unterzeichner|signataire|firmante|gestor|commercial nom|vertreter|\
         name birth|name at birth|legal name|proprio|proprietaire|bearbeiter|sachbearbeiter|informant|\
         referrer|counterparty|creditor|debtor|guarantor|persona contacto|contacto|beneficiario|huesped|\
         spouse|mother|father|guardian name|owner name|nombre fiscal|nombre titular|signed name|\
         embossed name|suspect|witness|medecin|medico|doctor|arzt|decide par|signed by|auteur|autor|\
         caller name|cnam|kontaktperson|name history|assistant|\
         nome completo|nominativo|volledige naam|volle naam|imie nazwisko|vollstaendiger name|nombre apellidos|\
         account name holder|guest name|passenger name|traveller name|driver name|student name|member name|user full|\
         emergency contact|next kin|kin name|beneficiary|intestatario|titular|titulaire|inhaber|kontoinhaber|\
         contactpersoon|opdrachtgever|empfaenger|destinataire|destinatario|ontvanger|odbiorca|nadawca|absender|\
         expediteur|mittente|full name|fullname|real name|realname|contact name|\
         contact person|ansprechpartner|\
         card holder|cardholder|holder name|account holder|bank account name|customer name|client name|nom complet|\
         nombre completo|billing name|shipping name|referred by|payee|cheque|sender name|recipient name|employee name|\
         patient name|comment author",
    ),
    (
        Kind::Username,
        "authdata|auth data|auth identifier|external identifier|external login|also known|known as|shared with|share with|account name|accountname|acct name|userlogin|logon|logon name|nutzername|anmeldename|kennung|\
         nutzerkennung|identifiant connexion|nom connexion|gamertag|userprincipalname|upn|member number|\
         member no|membership number|mitgliedsnummer|numero adherent|numero socio|uzivatel|brukernavn|\
         anvandarnamn|kayttajatunnus|kullanici|kullanici adi|felhasznalonev|\
         openid|ldap|extern uid|provider uid|external login|user principal|principal uri|principaluri|\
         cardnumber of member|\
         nazwa uzytkownika|gebruikersnaam|benutzerkennung|nome utente|nome usuario|identifiant|usr name|user nm|\
         account login|loginid|login id|pseudo|pseudonyme|apodo|bijnaam|uname|userid text|sam account|samaccountname|\
         username|user name|user login|login name|loginname|nickname|nicename|nick|screen name|screenname|\
         benutzername|\
         nom utilisateur|nombre usuario|actor name|handle|payer id|login",
    ),
    (
        Kind::BankAccount,
        "routing code|acct num|account nbr|bank acct|bank code|aba number|aba|ifsc|micr|kto|kto nr|bankkonto|\
         transit number|cbu|mandate reference|wallet address|rekening nummer|numero conto|bank konto|\
         cislo uctu|clearing number|bankgiro|hesap no|nomor rekening|bank details|coordonnees bancaires|\
         datos bancarios|dati bancari|\
         code banque|code guichet|cle rib|bban|routing num|account num|acc num|acc number|acc no|\
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
        "cc exp|cc expiry|cc last|cc digits|cc month|cc year|card digits|masked pan|masked card|card bin|card cvv|card expires|card exp month|card exp year|\
         card expiration|\
         tarjeta|cvn|card exp|card expiry|carte numero|pan first|pan last|\
         pan number|card no|card num|cardno|ccnum|cc num|carta credito|tarjeta credito|carte bancaire|\
         creditcardnummer|cartao credito|karta kredytowa|kreditkarte|card pan|carta numero|card number|cardnumber|\
         credit card|creditcard|cc number|cvv|cvc|last digits|card last|last four|kartennummer|\
         numero carte|numero tarjeta",
    ),
    (
        Kind::NationalId,
        "id document|identity document|id card|carte identite|numero carte identite|cni|carta identita|\
         personalausweis|ausweisnummer|numero passeport|num passeport|residence permit|permit number|\
         titre sejour|tax file number|tfn|tax reference|tax registration|tax payer|taxpayer|vat reg|\
         vat registration|vat no|vatno|vat num|vat nr|gst|gstin|utr|ni number|national insurance|\
         national number|state government id|citizen id|citizen number|voter id|social insurance|\
         social number|svn|rodne cislo|rodnecislo|isikukood|egn|cnp|oib|jmbg|emso|tckn|kimlik|nik|ktp|npwp|\
         cedula|cuit|cuil|ruc|rg|titulo eleitor|cnh|license no|licence no|licence plate|number plate|\
         plate number|plate no|registration plate|immatriculation|matricola|matricule|targa|kenteken|\
         kennzeichen|matrikelnummer|matriculation number|insurance id|policy number|policy no|\
         versichertennummer|versicherungsnummer|krankenversicherungsnummer|kvnr|health card|medicaid|mrn|\
         medical record number|duns|kvk|handelsregister|handelsregisternummer|hrb|company number|company reg|\
         company registration|registration no|reg no|trade register|ico|dic|organisationsnummer|org nr|orgnr|\
         cvr|fodselsnummer|steueridentnr|steuerident|steueridentifikationsnummer|identifikationsnummer|\
         umsatzsteuer id|ustidnr|\
         ss|idprof|tva intra|num documento|documento|dni pasaporte|seguridad social|num secu|sv nummer|\
         ust idnr|fuehrerschein|fuehrerscheinnummer|license num|lice num|lic num|licencia|npi|tin|mrz|\
         registration number|company registry|personal no|personal number|document no|document key|\
         doc no|other id|sin num|sinid|ssnid|permit no|visa no|visa number|identification id|id number|\
         incorp no|cif|numen|ine|federal tax|federaltaxid|dea number|upin|license plate|\
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
        "yob|geburtsjahr|annee naissance|anno nascita|ano nacimiento|naiss|fecha nacim|fec nac|fodselsdato|\
         foedselsdato|fodelsedatum|fodelsedag|syntymaaika|narozeni|dogum tarihi|dogum|tanggal lahir|\
         szuletesi|rozhdeniya|\
         of birth|date of birth|\
         date naiss|dt naissance|data nascita|nascita|geboortedatum|geboorte|data nascimento|nascimento|\
         data urodzenia|urodzenia|fecha nac|fecha nacimiento|gebdat|gebdatum|geb datum|bday|birth year|year birth|\
         birth month|birthdt|brth dt|date naissance|dt birth|d o b|bdate|nacim|birth|birthday|birthdate|date birth|\
         dob|born|born on|naissance|geburtsdatum|geburtstag|geboren|nacimiento",
    ),
    (
        Kind::Gender,
        "pronouns|pronoun|honorific|cinsiyet|kjonn|sukupuoli|pohlavi|jenis kelamin|aanhef|marital|\
         marital status|civil status|familienstand|situation familiale|etat civil|estado civil|stato civile|\
         burgerlijke staat|stan cywilny|relationship status|situation matrimoniale|\
         geslacht|genere|genero|plec|sesso|salutation|civility|titre civilite|anredecode|gender|sex|sexe|\
     sexo|geschlecht|anrede|civilite",
    ),
    (
        Kind::Health,
        "tobacco|alcohol|surgical|risk factor|risk factors|lifestyle|clinical|vorerkrankung|vorerkrankungen|erkrankung|erkrankungen|antecedents medicaux|pathologie|\
         traitement medical|grossesse|schwangerschaft|schwanger|embarazo|gravidanza|impfung|impfstatus|\
         vaccin|vacuna|vaccino|anamnesis|anamnese|prognosis|befund|lab result|hiv|cholesterol|surgery|injury|\
         injuries|wheelchair|special needs|dietary needs|dietary requirements|mental|addiction|smoking|\
         raucher|fumeur|fumador|impairment|schwerbehinderung|pflegegrad|caste|konfession|\
         confession religieuse|trade union|gewerkschaft|syndicat|biometric|criminal record|conviction|\
         vorstrafen|casier judiciaire|nemoc|sairaus|medical condition|medical conditions|medical history|\
         koerpergewicht|koerpergroesse|body weight|body height|body temperature|\
         ethnoracial|ethnic|race|smoker|drug|dosage|dosierung|symptom|pulse|bmi|blood pressure|systolic|\
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
        "phn|tel no|tel nr|telnr|telno|telefonnr|telefonnummer|tel num|handynr|rufnr|mobilnr|num telephone|\
         no telephone|numero portable|numero mobile|numero fixe|cel|cellular|mobilephone|contact num|\
         contact nbr|contact tel|emergency number|emergency no|fax no|faxnr|durchwahl|telefono fijo|puhelin|\
         matkapuhelin|telepon|no hp|cislo telefonu|telefonszam|cep telefonu|telefonisch|telephonenumber|\
         mobilenumber|\
         home no|office no|work no|clid|caller id|calling number|called number|cnum|alert number|\
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
        "invoice to|deliver to|sold to|remit to|street line|mailing address|road|avenue|strasse nr|hnr|house no|house nr|house num|plot no|\
         building name|building no|building number|unit no|unit number|flat no|floor no|door no|landmark|\
         pobox|postfach|boite postale|apartado|casella postale|postbus|adressezeile|adresszeile|adresszusatz|\
         domicilio fiscal|sede legale|numero civico|civico|numero exterior|numero interior|ulice|gade|gata|\
         gatan|gateadresse|katuosoite|osoite|alamat|utca|strada|thoroughfare|premises|\
         town village|premise|sub premise|complemento|lieu dit|wohnanschrift|postadresse|\
         straat|straatnaam|huisnummer|indirizzo|rua|endereco|logradouro|morada|ulica|adres|nr domu|numer domu|\
         domicile|voie|numero voie|complement adresse|street name|streetname|street no|street number|addr line|\
         addressline|adr|str nr|hausnr|calle numero|residence|home address|apartment|apt no|suite no|colonia|bairro|\
         wohnung|ship to|bill to|street|street address|streetaddress|address|addr|adresse|anschrift|strasse|rue|calle|\
         direccion|domicilio|\
         house number|hausnummer|po box|full address",
    ),
    (
        Kind::Postcode,
        "postal cd|postnr|post nr|psc|kode pos|iranyitoszam|postinumero|posta kodu|postcd|\
         postal town code|cp|\
         postal|zip cd|zipcd|cap residenza|codice postale|cep|codigopostal|cod postal|kod pocztowy|postnummer|\
         post code|postc|codepostal|pin code|pincode|eircode|zip|zipcode|zip code|postcode|postal code|postalcode|plz|\
         postleitzahl|code postal|codigo postal",
    ),
    (
        Kind::City,
        "postal town|post town|municipality|mesto|kota|sehir|oras|varos|kaupunki|postort|poststed|birth town|\
         town birth|village|residence city|city residence|\
         birth city|city birth|birth place|wohnsitz|\
         citta|comune|localita|plaats|woonplaats|stad|cidade|localidade|municipio|miasto|miejscowosc|ort|commune|\
         city name|cityname|suburb|locality|birthplace|place birth|lieu naissance|geburtsort|luogo nascita|\
         lugar nacimiento|geboorteplaats|city|town|ville|stadt|ciudad|wohnort|localite|localidad|poblacion|hometown",
    ),
    (
        Kind::Region,
        "admin area|administrative area|prefecture|oblast|powiat|judet|kabupaten|okres|fylke|ilce|\
         departamento|comunidad autonoma|\
         wojewodztwo|provincie|distrito|province name|state province|state cd|regione|gemeinde|kanton|canton|\
         state name|province|county|bundesland|provincia|payment zone|shipping zone|billing zone",
    ),
    (
        Kind::Country,
        "nationalities|nation|citizenships|country residence|birth country|country birth|land iso|ulke|maa|\
         zeme|orszag|negara|\
         nazione|paese|nationality|nationalite|nacionalidad|nazionalita|staatsangehoerigkeit|\
     nationalitaet|nationaliteit|obywatelstwo|citizenship|landcode|kraj|country nm|country|country name|pays|land|\
     pais",
    ),
    (
        Kind::Geo,
        "geohash|geocode|latlong|lat long|latlon|lat lon|coords|gps position|gps coordinates|koordinaten|\
         coordonnees gps|coordenadas|coordinate gps|\
         gps|geo lat|geo lng|latitud|longitud|latitudine|longitudine|breitengrad|laengengrad|lat lng|latlng|geom home|\
         home location|latitude|longitude|lat|lng|lon|geolocation|coordinates|geo point|geopoint",
    ),
    (
        Kind::Company,
        "firm|firm name|institution|affiliation|workplace|trading name|trade name|firmenbezeichnung|\
         legal entity|institut|yritys|foretag|virksomhed|sirket|spolecnost|\
         ragione sociale|azienda|raison sociale|razon social|bedrijf|bedrijfsnaam|nazwa firmy|razao social|company nm|\
         org name|business name|employer name|denominazione|ditta|werkgever|pracodawca|employeur|empleador|company|\
         company name|companyname|organization|organisation|employer|firma|firmenname|societe|entreprise|empresa|\
         arbeitgeber|unternehmen",
    ),
    (
        Kind::FileName,
        "cv|resume|lebenslauf|curriculum|curriculum vitae|attachment|anhang|scan|uploaded file|upload name|\
         file path|filepath|profile image|profile photo|profile pic|profilbild|passbild|passport scan|\
         document file|storage path|signature image|foto perfil|photo profil|photo profile|zdjecie|adjunto|\
         allegato|bijlage|anexo|zalacznik|\
         photo|foto|selfie|recording|piece jointe|attachment file|datei|archivo adjunto|scan file|\
         signature file|fichier joint|\
         nom fichier|nombre archivo|nome file|dateiname|bestandsnaam|uploaded file name|attachment name|nome arquivo|\
         filename|file name|original name|originalname|orig path|archive name",
    ),
    (
        Kind::FreeText,
        "justification|excuse|opinion|suggestion|enquiry|inquiry|mail body|email body|mail subject|\
         email subject|sms text|hobbies|hobby|interests|about me|personal statement|self description|\
         status message|motto|moderator note|special request|wishes|vermerk|mitteilung|stellungnahme|\
         sonstiges|plainte|reclamation|queja|reclamo|segnalazione|klacht|toelichting|skarga|poznamka|\
         poznamky|anteckning|anteckningar|notat|notater|catatan|muistiinpanot|aciklama|megjegyzes|\
         centres interet|aficiones|interessen|\
         hinweis|zustellhinweis|motif|motivo|begruendung|grund|beschwerdetext|objet|corps|betreff|asunto|\
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
        "socialnetworks json|raw message|raw mail|raw email|raw data|vcalendar|ical|carddata|calendardata|\
         mime message|\
         vcard|object changes|custom field|custom fields",
    ),
];

/// As above, for names that can mean anything.
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
