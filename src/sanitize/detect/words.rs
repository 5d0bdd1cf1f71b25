//! The words that names of columns and tables are made of, by what they say, in eight languages.

use super::PersonalKind as Kind;

/// Phrases of tokens, the first that occurs in a name decides: longer and clearer ones stand before.
pub(super) const STRONG: &[(Kind, &str)] = &[
    (
        Kind::Ip,
        "failed login ip|ipaddress pub|ip pub|public ip|wan ip|lan ip|adresse reseau|reg address ip|\
         ip registration|\
         ip last login|ip previous login|from ip|host ip|user ip|xff|remote host|ipaddr|ipv|ip v|remoteaddr|clientip|remoteip|\
         remote ip|source ip|src ip|peer ip|login ip|last ip|reg ip|ip adresse|indirizzo ip|ip adres|endereco ip|\
         adres ip|ip address|ipaddress|ip addr|remote addr|client ip|sign in ip|ip|forwarded for|adresse ip",
    ),
    (
        Kind::Mac,
        "mac|hwaddr|hw address|physical address mac|\
         calling station id|called station id|calling station|called station|\
         mac adresse|indirizzo mac|wifi mac|bluetooth mac|macaddress|mac address|mac addr|hardware address",
    ),
    (
        Kind::Credential,
        "secure key|security key|pgp key|gpg key|pgpkey|gpgkey|private cert|auth cookie|cookie value|cookie name|\
         session cookie|sso|temp password|tmp passwd|tmp password|hashed password|pass md|password md|\
         one time code|sms code|sms confirmation code|letter code|recovery phrase|access code|door code|\
         pin code card|kodwort|codewort|secret answer|secret question answer|jwt id|passwort hash|kennworthash|\
         wachtwoord hash|\
         webauthn|two fa|twofa|tfa|act key|actkey|activation code|activation hash|confirm code|confirm key|\
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
        "email address|mail forward|forward mail|forwarder|mail bcc|mailbox address|courriels|e mail|\
         email list|mail list address|paypal address|paypal email|imessage|emailadr|mail adr|adr mail|\
         poczta elektroniczna|posta|endereco eletronico|direccion correo|adresse mel|notify address|alert address|\
         abuse contact|rechnungsmail|lesemail|\
         to addr|from addr|email addr|mail addr|to address|cc address|bcc address|adresse messagerie|kontakt mail|private mail|personal mail|work mail|business mail|mail perso|\
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
        "linked in|you tube|git hub|face book|insta|web address|webaddress|internetseite|internetadresse|\
         url perso|site perso|siteweb|site web|www|social link|social link|social network|personal blog|\
         profil url|profilseite|pagina personale|pagina personal|sitio personal|avatar link|foto url|photo link|\
         picture link|stackoverflow|dribbble|behance|goodreads|strava|spotify|qq|vk|\
         youtube|pinterest|tumblr|flickr|twitch|reddit|wechat|jabber|xmpp|msn|viber|threema|kakao|gravatar|\
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
        "imiona|drugie imie|fore names|first initial|usual name|usual first name|chosen name|prefered name|\
         voorletters|voorletter|doopnaam|roepnamen|nome battesimo|nome batismo|nome social|nombre social|\
         second forename|petit nom|jmena|kresni jmeno|krestni jmeno|utonev|first names|\
         other names|othernames|prename|callname|calling name|name first|name given|f name|m name|rufnamen|jmeno|keresztnev|prenume|\
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
        "voorvoegsel|voorvoegsels|tussenvoegsels|meisjesnaam|nom jeune fille|nom patronymique|nom marital|\
         nom epouse|nom epoux|nome solteira|cognome nubile|nazwisko rodowe|nazwisko panienskie|ledigname|\
         maedchenname|surname prefix|last name prefix|family nm|fam name|famname|familien name|\
         segundo nombre familia|prijmeni rodne|cognomi|sobrenomes|nazwiska|\
         name last|name family|l name|second surname|first surname|birth name|nee|maiden|prijmeni|vezeteknev|\
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
        "depositor|responsible|responsible person|addressee|adressat|anzeigename|nom affiche|nom affichage|\
         nombre mostrar|nome exibicao|nome visualizzato|weergavenaam|schermnaam|nazwa wyswietlana|nom pere|\
         nom mere|nombre padre|nombre madre|nome padre|nome madre|nome pai|nome mae|naam vader|naam moeder|\
         name vater|name mutter|nom client|nom salarie|nom employe|nom eleve|kundenname|klantnaam|nombre cliente|\
         nome cliente|nazwa klienta|mitgliedsname|teilnehmername|mitarbeitername|nombre empleado|nome funcionario|\
         nome dipendente|representant legal|representante legal|rappresentante legale|representante|\
         rappresentante|gerant|dirigeant|geschaeftsfuehrer|erziehungsberechtigter|erziehungsberechtigte|opiekun|\
         tuteur|voogd|tutore|encarregado educacao|spender|donateur|donante|donatore|doador|darczynca|consignee|\
         consignor|shipper name|notify party|drawer|drawee|remitter|ordering party|account party|player name|\
         participant name|teacher name|doctor name|physician name|trainer name|lehrkraft|interlocuteur|\
         correspondant|sales rep|sales representative|salesman|kontaktnavn|kontaktnamn|persona referencia|\
         persona riferimento|person responsible|parent name|father name|mother name|spouse name|partner name|\
         child name|relative name|name father|name mother|name spouse|kin|nok|godparent|next kin name|\
         emergency person|deceased|verstorbener|defunt|difunto|organizer|organiser|veranstalter|lecturer|dozent|\
         referent name|author visible name|visible name|remote name|creditor name|debtor name|holder|name holder|\
         kartenhalter|karteninhaber|titulaire carte|titular tarjeta|\
         cc owner|cc name|cc holder|cc ss owner|gegner|gutachter|makler|bezugsberechtigter|beguenstigter|anwalt|vermieter|auftraggeber|besteller|creditcard name|card name|kontakt|signer|signatory|attn|attention|care of|nom prenom|prenom nom|name vorname|vorname name|\
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
        "employee number|employee no|employee nr|emp no|emp number|staff number|staff no|student number|\
         student no|personnel number|personalnummer|personalnr|badge number|badge no|roll number|roll no|\
         admission number|admission no|enrolment number|enrollment number|numero etudiant|numero employe|\
         numero empleado|numero matricula|numer albumu|nr albumu|studentnummer|personeelsnummer|\
         matricola studente|net id|netid|login nm|gecos|usr login|uzytkownik login|auth user|authuser|\
         auth username|default user|defaultuser|sip user|sipuser|twitter handle|account handle|member name login|\
         registered name|nom usager|benutzer name|inloggnamn|innlogging|\
         authdata|auth data|auth identifier|external identifier|external login|also known|known as|shared with|share with|account name|accountname|acct name|userlogin|logon|logon name|nutzername|anmeldename|kennung|\
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
        "account iban|iban bic|bank nr|bank no|bankkontonr|num compte|domiciliation bancaire|codice banca|abi|cab|\
         cin iban|ccc|cuenta corriente|bankrekening|rekening|rekeningnr|nr rachunku|rachunek|rachunek bankowy|\
         konto bankowe|nib|agencia conta|conta corrente|transit no|src account|source account number|\
         payer account|payee account|postgiro|plusgiro|bankverbindung iban|sepa mandat|mandatsreferenz|account nr|\
         cislo bankovniho uctu|uctu|szamlaszam|numar cont|cont bancar|debit account|credit account number|\
         routing code|acct num|account nbr|bank acct|bank code|aba number|aba|ifsc|micr|kto|kto nr|bankkonto|\
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
        "card expiration date|card brand number|card digits last|card token|creditcard no|credit card no|\
         credit card nr|kartennr|karten nr|num carte|numero carta|nr karty|numer karty|\
         cc exp|cc expiry|cc last|cc digits|cc month|cc year|card digits|masked pan|masked card|card bin|card cvv|card expires|card exp month|card exp year|\
         card expiration|\
         tarjeta|cvn|card exp|card expiry|carte numero|pan first|pan last|\
         pan number|card no|card num|cardno|ccnum|cc num|carta credito|tarjeta credito|carte bancaire|\
         creditcardnummer|cartao credito|karta kredytowa|kreditkarte|card pan|carta numero|card number|cardnumber|\
         credit card|creditcard|cc number|cvv|cvc|last digits|card last|last four|kartennummer|\
         numero carte|numero tarjeta",
    ),
    (
        Kind::NationalId,
        "document number|identity document number|number document|nif cif|cif nif|dni nie|nie nif|\
         tessera sanitaria|cod fis|codfis|codfiscale|pariva|partiva|p iva|insz|niss|rijksregisternr|rijksregister|\
         sofinummer|sofi|bsnnummer|vatin|vat code|tva|tva number|rcs|avs|num avs|ahvnr|krs|nr dowodu|numer dowodu|\
         seria dowodu|nr paszportu|numer paszportu|id nr|steuerid|steuernumer|rentenversicherungsnummer|rvnr|\
         krankenkassennummer|krankenversicherungsnr|versichertennr|versicherten nr|sozialversicherungsnr|\
         insurance no|insurance nr|social security no|social security number|ss number|ss no|nr legitymacji|\
         numero identite|num identite|numero identidad|num identidad|identidad|identificacion fiscal|id fiscal|\
         codigo fiscal|rif|nit|cuit cuil|rol tributario|inscricao estadual|inscricao|registro geral|\
         titulo eleitoral|pis|pis pasep|nis|sus|cartao sus|certidao|certidao nascimento|certidao civil|uid nummer|\
         uid nr|tax no|tax nr|tax ident|fiscal code|fiscal number|fiscal id|company registration number|\
         business number|business registration|registration nr|vehicle registration|license plate no|\
         nr rejestracyjny|numer rejestracyjny|matricula coche|placa|targa auto|census number|voter number|\
         voter no|alien number|green card|visa nr|permit nr|nhs nr|medical card|medical number|patient number|\
         patient no|hospital number|hospital no|case number court|\
         id document|identity document|id card|carte identite|numero carte identite|cni|carta identita|\
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
        "ddn|dat naiss|dnaiss|date nais|datenais|datnais|fnac|fecnac|fec nacimiento|f nacimiento|f nac|dtnasc|\
         dt nasc|data nasc|nasc|datnas|data ur|data urodz|dataur|geb|geburt|geboren op|geb dat|born at|bdt|\
         dobirth|birth dt|anniversaire|cumpleanos|compleanno|verjaardag|urodziny|jahrgang|year born|birth day|\
         day birth|birth date year|fodt|fodd|syntynyt|datum narozeni|datum rodjenja|datum nasterii|data nasterii|\
         szuletesi ido|\
         yob|geburtsjahr|annee naissance|anno nascita|ano nacimiento|naiss|fecha nacim|fec nac|fodselsdato|\
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
        "civ|briefanrede|gender code|gender identity|geschlecht code|anredeschluessel|sexo biologico|plec osoby|\
         marital stat|stan cyw|estado civ|familiensituation|burgerlijkestaat|\
         pronouns|pronoun|honorific|cinsiyet|kjonn|sukupuoli|pohlavi|jenis kelamin|aanhef|marital|\
         marital status|civil status|familienstand|situation familiale|etat civil|estado civil|stato civile|\
         burgerlijke staat|stan cywilny|relationship status|situation matrimoniale|\
         geslacht|genere|genero|plec|sesso|salutation|civility|titre civilite|anredecode|gender|sex|sexe|\
     sexo|geschlecht|anrede|civilite",
    ),
    (
        Kind::Health,
        "disabilities|special diet|food allergies|food preferences|food restrictions|dietary restrictions|\
         diagnoses|comorbidities|comorbidity|medicines|medications|medicine name|treatment plan|clinical notes|\
         doctor notes|nurse notes|sick reason|sick note|krankmeldung|attest|invalidite|invalidez|taux invalidite|\
         grado discapacidad|deficiencia|deficiencias|alergias conocidas|grupo sanguineo rh|krew|grupa krwi|\
         niepelnosprawnosc|schorzenie|dieta|regime alimentaire|nahrungsmittelallergien|unvertraeglichkeiten|\
         unvertraeglichkeit|\
         tobacco|alcohol|surgical|risk factor|risk factors|lifestyle|clinical|vorerkrankung|vorerkrankungen|erkrankung|erkrankungen|antecedents medicaux|pathologie|\
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
        "caller|callee|caller number|callee number|calling party|called party|calling phone|area code phone|\
         vorwahl|indicatif telephone|natel|mobiltel|telef|telf|tlfn|fijo|celu|fone|fone celular|fone residencial|\
         fone comercial|telefones|telefono casa|telefono oficina|tel dom|tel kom|tel komorkowy|telefon komorkowy|\
         telefon stacjonarny|nr telefonu|nr tel|nr kom|gsm nummer|gsmnummer|telefoon thuis|telefoon werk|\
         telefoonnr|tel prive|tel privat|tel travail|tel bureau|tel domicile|tel maison|tel pro|telephones|phones|\
         phone ext|phone extension|phoneh|phonew|home telephone|work telephone|day phone|evening phone|\
         other phone|sms phone|sms to|satphone|satfax|phone from|phonefrom|rufnummern|telefonbuch nummer|\
         dienst telefon|privattelefon|privat telefon|mob|mob no|mobile phone|mobilphone|phone no|teleph|telephon|\
         phn|tel no|tel nr|telnr|telno|telefonnr|telefonnummer|tel num|handynr|rufnr|mobilnr|num telephone|\
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
        "delivery line|address line|street line|adresse postale|adresse complete|adres zamieszkania|\
         adres zameldowania|adres korespondencyjny|woonadres|postadres|bezoekadres|factuuradres|huisletter|\
         huisnummertoevoeging|indirizzo residenza|indirizzo domicilio|n civico|direccion fiscal|direccion postal|\
         domicilio particular|endereco completo|endereco residencial|nr lokalu|numer lokalu|nr mieszkania|\
         numer mieszkania|mieszkanie|nr budynku|numer budynku|cislo popisne|building num|house and street|\
         street and number|strasse hausnummer|\
         shipping addr|billing addr|addr street|residential address|\
         permanent address|present address|current address|correspondence address|physical address|\
         registered address|registered office|head office|siege social|sede social|postal address|home addr|\
         work address|office address|mail street|voornaamste adres|besoksadress|postboks|direcciones|\
         enderecos|indirizzi|\
         invoice to|deliver to|sold to|remit to|street line|mailing address|road|avenue|strasse nr|hnr|house no|house nr|house num|plot no|\
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
        "zip addon|zip plus|plus four|zipplus|postcodes|codpostal|cod post|kod poczt|postkode|postinro|irsz|\
         poscode|p code|pcode|\
         postal cd|postnr|post nr|psc|kode pos|iranyitoszam|postinumero|posta kodu|postcd|\
         postal town code|cp|\
         postal|zip cd|zipcd|cap residenza|codice postale|cep|codigopostal|cod postal|kod pocztowy|postnummer|\
         post code|postc|codepostal|pin code|pincode|eircode|zip|zipcode|zip code|postcode|postal code|postalcode|plz|\
         postleitzahl|code postal|codigo postal",
    ),
    (
        Kind::City,
        "post office|postoffice|poczta miasto|gmina|frazione|freguesia|concelho|plaatsnaam|gemeente|stadtteil|\
         ortsteil|localite naissance|comune nascita|comune residenza|citta nascita|citta residenza|\
         cidade nascimento|naturalidade|miejsce urodzenia|miejsce zamieszkania|lugar residencia|geburtsstadt|\
         birth town city|birthcity|birth location|native place|home city|residence place|place residence|barangay|\
         tehsil|taluk|kelurahan|kecamatan|kommune|kommun|obec|orasul|municipio residencia|\
         postal town|post town|municipality|mesto|kota|sehir|oras|varos|kaupunki|postort|poststed|birth town|\
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
        "birthcountry|nation birth|pays naissance|pays residence|geburtsland|herkunftsland|wohnsitzland|\
         pais nacimiento|pais residencia|pais origen|pais nascimento|paese nascita|paese residenza|\
         land van herkomst|geboorteland|kraj urodzenia|kraj pochodzenia|home country|citizen of|nationality code|\
         nacionalidade|nationaliteiten|\
         nationalities|nation|citizenships|country residence|birth country|country birth|land iso|ulke|maa|\
         zeme|orszag|negara|\
         nazione|paese|nationality|nationalite|nacionalidad|nazionalita|staatsangehoerigkeit|\
     nationalitaet|nationaliteit|obywatelstwo|citizenship|landcode|kraj|country nm|country|country name|pays|land|\
     pais",
    ),
    (
        Kind::Geo,
        "home lat|home lng|home lon|geo location|geo coordinates|map coordinates|position lat|position lng|\
         wgs lat|wgs lon|x coordinate|y coordinate|coord x|coord y|geolat|geolng|geolon|geo long|gps long|gps lat|\
         last position|last location|\
         geohash|geocode|latlong|lat long|latlon|lat lon|coords|gps position|gps coordinates|koordinaten|\
         coordonnees gps|coordenadas|coordinate gps|\
         gps|geo lat|geo lng|latitud|longitud|latitudine|longitudine|breitengrad|laengengrad|lat lng|latlng|geom home|\
         home location|latitude|longitude|lat|lng|lon|geolocation|coordinates|geo point|geopoint",
    ),
    (
        Kind::Company,
        "association name|organization name|organisation name|business title|firma name|firmen name|\
         nom entreprise|nom societe|nombre empresa|nome azienda|nome empresa|nazwa przedsiebiorstwa|company title|\
         employer company|client company|workplace name|school name attended|denomination sociale|enseigne|\
         club name|verein|vereinsname|razao|nome fantasia|nombre comercial|rbe name|\
         firm|firm name|institution|affiliation|workplace|trading name|trade name|firmenbezeichnung|\
         legal entity|institut|yritys|foretag|virksomhed|sirket|spolecnost|\
         ragione sociale|azienda|raison sociale|razon social|bedrijf|bedrijfsnaam|nazwa firmy|razao social|company nm|\
         org name|business name|employer name|denominazione|ditta|werkgever|pracodawca|employeur|empleador|company|\
         company name|companyname|organization|organisation|employer|firma|firmenname|societe|entreprise|empresa|\
         arbeitgeber|unternehmen",
    ),
    (
        Kind::FileName,
        "attach name|attachment filename|attachment names|attached file|file original name|original file name|\
         orig filename|orig name|client filename|client name file|upload filename|uploaded filename|\
         saved filename|stored filename|file title|document name|doc name|nom document|nombre documento|\
         dokumentname|nome documento|scan name|picture file|image filename|photo filename|avatar filename|\
         avatar file|\
         cv|resume|lebenslauf|curriculum|curriculum vitae|attachment|anhang|scan|uploaded file|upload name|\
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
        "why|why not|internal comments|internal notes|int notes|intnotes|private notes|personal notes|admin notes|\
         admin comment|admin note|moderation note|moderator comment|customer comment|customer message|\
         gift message|guest message|retired explanation|explanation|erklaerung|rationale|rejection reason|\
         cancel reason|cancellation reason|reason text|refusal reason|ban reason|delete reason|motif refus|\
         motif annulation|motivo cancelacion|motivo rechazo|absagegrund|kuendigungsgrund|contact info|\
         contact information|freeform contact|custom text|info public|about text|about us text|feedback text|\
         suggestions|complaints|anliegen|wunsch|pedido|duvida|consulta|peticion|richiesta testo|annotations|\
         annotazione|uwaga|adnotacje|komentarze|commentaar|aantekening|aantekeningen|notatki|notatka|notas|nota|\
         merknad|bemaerkning|bemaerkninger|kommentarer|poznamka pro|obs|obs interna|observacion|observacao|parere|\
         avis client|message text|message body|body text|body html|note text|comment body|comment text|\
         comment content|remark text|purpose|payment reference text|transfer title|tytul przelewu|objet message|\
         sujet|assunto|temat|onderwerp|emne|predmet|\
         justification|excuse|opinion|suggestion|enquiry|inquiry|mail body|email body|mail subject|\
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
        "mail header|raw header|raw request|raw response|request body|response body|form data|formdata|\
         form value|answer json|vdata|session data|sessiondata|\
         socialnetworks json|raw message|raw mail|raw email|raw data|vcalendar|ical|carddata|calendardata|\
         mime message|\
         vcard|object changes|custom field|custom fields",
    ),
];
