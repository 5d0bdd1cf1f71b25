//! Cities, regions, countries and words of streets that are common in addresses, and words that say what somebody is like.

use std::collections::HashSet;
use std::sync::LazyLock;

const CITIES: &str = "\
    London|Birmingham|Manchester|Leeds|Liverpool|Sheffield|Bristol|Glasgow|Edinburgh|Cardiff|Belfast|Newcastle|Nottingham|Leicester|\
    Brighton|Oxford|Cambridge|York|Southampton|Portsmouth|Plymouth|Aberdeen|Dundee|Swansea|Dublin|Cork|Galway|Limerick|New York|\
    Los Angeles|Chicago|Houston|Phoenix|Philadelphia|San Antonio|San Diego|Dallas|San Jose|Austin|Jacksonville|Columbus|Charlotte|\
    San Francisco|Seattle|Denver|Washington|Boston|Nashville|Portland|Las Vegas|Detroit|Memphis|Baltimore|Milwaukee|Albuquerque|\
    Tucson|Sacramento|Kansas City|Atlanta|Miami|Oakland|Minneapolis|Cleveland|Tampa|New Orleans|Brooklyn|Queens|Springfield|\
    Pittsburgh|Cincinnati|St. Louis|Orlando|Buffalo|Salt Lake City|Toronto|Montréal|Montreal|Vancouver|Calgary|Ottawa|Edmonton|\
    Winnipeg|Québec|Hamilton|Halifax|Sydney|Melbourne|Brisbane|Perth|Adelaide|Canberra|Hobart|Darwin|Auckland|Wellington|\
    Christchurch|Paris|Marseille|Lyon|Toulouse|Nice|Nantes|Montpellier|Strasbourg|Bordeaux|Lille|Rennes|Reims|Toulon|Grenoble|\
    Dijon|Angers|Nîmes|Clermont-Ferrand|Le Mans|Brest|Tours|Amiens|Limoges|Metz|Besançon|Orléans|Rouen|Mulhouse|Caen|Nancy|\
    Bruxelles|Brussel|Brussels|Antwerpen|Gent|Liège|Charleroi|Brugge|Namur|Leuven|Luxembourg|Genève|Zürich|Basel|Bern|Lausanne|\
    Winterthur|Luzern|St. Gallen|Lugano|Berlin|Hamburg|München|Munich|Köln|Cologne|Frankfurt|Frankfurt am Main|Stuttgart|Düsseldorf|\
    Dortmund|Essen|Leipzig|Bremen|Dresden|Hannover|Nürnberg|Duisburg|Bochum|Wuppertal|Bielefeld|Bonn|Münster|Karlsruhe|Mannheim|\
    Augsburg|Wiesbaden|Gelsenkirchen|Braunschweig|Kiel|Aachen|Halle|Magdeburg|Freiburg|Krefeld|Lübeck|Mainz|Erfurt|Rostock|Kassel|\
    Saarbrücken|Potsdam|Würzburg|Heidelberg|Regensburg|Ulm|Ingolstadt|Wien|Vienna|Graz|Linz|Salzburg|Innsbruck|Klagenfurt|Villach|\
    Madrid|Barcelona|Valencia|Sevilla|Zaragoza|Málaga|Murcia|Palma|Las Palmas|Bilbao|Alicante|Córdoba|Valladolid|Vigo|Gijón|\
    A Coruña|Granada|Vitoria|Elche|Oviedo|Santander|Pamplona|Almería|Burgos|Salamanca|Lisboa|Lisbon|Porto|Braga|Coimbra|Faro|\
    Setúbal|Aveiro|Milano|Milan|Roma|Rome|Napoli|Torino|Palermo|Genova|Bologna|Firenze|Florence|Bari|Catania|Venezia|Venice|Verona|\
    Messina|Padova|Trieste|Brescia|Parma|Prato|Modena|Reggio Emilia|Perugia|Livorno|Ravenna|Cagliari|Amsterdam|Rotterdam|Den Haag|\
    Utrecht|Eindhoven|Groningen|Tilburg|Almere|Breda|Nijmegen|Enschede|Haarlem|Arnhem|Maastricht|Leiden|Delft|Zwolle|Stockholm|\
    Göteborg|Malmö|Uppsala|Västerås|Örebro|Linköping|Lund|Oslo|Bergen|Trondheim|Stavanger|København|Copenhagen|Aarhus|Odense|Aalborg|\
    Helsinki|Espoo|Tampere|Turku|Oulu|Reykjavík|Warszawa|Warsaw|Kraków|Łódź|Wrocław|Poznań|Gdańsk|Szczecin|Bydgoszcz|Lublin|\
    Katowice|Białystok|Gdynia|Częstochowa|Radom|Toruń|Rzeszów|Praha|Prague|Brno|Ostrava|Plzeň|Bratislava|Košice|Budapest|Debrecen|\
    Szeged|București|Bucharest|Cluj-Napoca|Timișoara|Iași|Brașov|Sofia|Plovdiv|Varna|Beograd|Zagreb|Split|Ljubljana|Sarajevo|Athens|\
    Athína|Thessaloniki|Istanbul|İstanbul|Ankara|İzmir|Bursa|Antalya|Kyiv|Київ|Lviv|Львів|Odesa|Kharkiv|Харків|Одеса|Дніпро|Moscow|\
    Москва|Санкт-Петербург|Новосибирск|Екатеринбург|Казань|Minsk|Riga|Vilnius|Tallinn|Tel Aviv|Jerusalem|Cairo|القاهرة|الإسكندرية|\
    الجيزة|Casablanca|Rabat|Tunis|Alger|Algiers|Dubai|Abu Dhabi|دبي|الرياض|جدة|بغداد|بيروت|دمشق|عمان|Riyadh|Beirut|Amman|Baghdad|\
    Tehran|Lagos|Nairobi|Accra|Addis Ababa|Johannesburg|Cape Town|Durban|Pretoria|Kampala|Dakar|Abidjan|Mumbai|Delhi|New Delhi|\
    Bangalore|Bengaluru|Hyderabad|Chennai|Kolkata|Pune|Ahmedabad|Jaipur|Karachi|Lahore|Islamabad|Dhaka|Colombo|Kathmandu|Bangkok|\
    Singapore|Kuala Lumpur|Jakarta|Surabaya|Bandung|Manila|Quezon City|Cebu|Hanoi|Ho Chi Minh City|Hong Kong|Taipei|Seoul|Busan|\
    서울|부산|Tokyo|Osaka|Kyoto|Yokohama|Nagoya|Sapporo|東京|大阪|京都|横浜|名古屋|札幌|札幌市|福岡|神戸|Beijing|Shanghai|Guangzhou|\
    Shenzhen|北京|上海|广州|深圳|成都|杭州|武汉|西安|南京|重庆|天津|São Paulo|Rio de Janeiro|Brasília|Salvador|Fortaleza|\
    Belo Horizonte|Manaus|Curitiba|Recife|Porto Alegre|Belém|Goiânia|Campinas|Buenos Aires|Rosario|Santiago|Valparaíso|Lima|Arequipa|\
    Bogotá|Medellín|Cali|Quito|Guayaquil|Caracas|La Paz|Montevideo|Asunción|Ciudad de México|Guadalajara|Monterrey|Puebla|Tijuana|\
    San José|Panamá|Guatemala|La Habana|Santo Domingo|San Juan";

const REGIONS: &str = "\
    Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|\
    Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|\
    New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|\
    South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|Ontario|Québec|Quebec|\
    British Columbia|Alberta|Manitoba|Saskatchewan|Nova Scotia|New South Wales|Victoria|Queensland|South Australia|\
    Western Australia|Tasmania|England|Scotland|Wales|Northern Ireland|Greater London|West Yorkshire|South Yorkshire|\
    North Yorkshire|Greater Manchester|Merseyside|West Midlands|Kent|Essex|Surrey|Sussex|Hampshire|Devon|Cornwall|Norfolk|Suffolk|\
    Avon|Somerset|Dorset|Wiltshire|Oxfordshire|Lancashire|Cheshire|Derbyshire|Bayern|Baden-Württemberg|Berlin|Brandenburg|Bremen|\
    Hamburg|Hessen|Mecklenburg-Vorpommern|Niedersachsen|Nordrhein-Westfalen|Rheinland-Pfalz|Saarland|Sachsen|Sachsen-Anhalt|\
    Schleswig-Holstein|Thüringen|Wien|Tirol|Steiermark|Kärnten|Vorarlberg|Oberösterreich|Niederösterreich|Burgenland|Zürich|Bern|\
    Aargau|Vaud|Genève|Ticino|Valais|Île-de-France|Auvergne-Rhône-Alpes|Bretagne|Normandie|Occitanie|Hauts-de-France|Grand Est|\
    Pays de la Loire|Nouvelle-Aquitaine|Provence-Alpes-Côte d'Azur|Bourgogne-Franche-Comté|Centre-Val de Loire|Corse|Andalucía|\
    Aragón|Asturias|Cantabria|Castilla y León|Castilla-La Mancha|Cataluña|Catalunya|Comunidad de Madrid|Comunidad Valenciana|\
    Extremadura|Galicia|Islas Baleares|Canarias|La Rioja|Navarra|País Vasco|Región de Murcia|Lombardia|Piemonte|Veneto|Liguria|\
    Emilia-Romagna|Toscana|Umbria|Marche|Lazio|Abruzzo|Campania|Puglia|Basilicata|Calabria|Sicilia|Sardegna|Noord-Holland|\
    Zuid-Holland|Noord-Brabant|Gelderland|Utrecht|Overijssel|Limburg|Friesland|Groningen|Drenthe|Zeeland|Flevoland|mazowieckie|\
    małopolskie|śląskie|wielkopolskie|dolnośląskie|łódzkie|pomorskie|lubelskie|podkarpackie|zachodniopomorskie|podlaskie|\
    świętokrzyskie|lubuskie|opolskie|kujawsko-pomorskie|warmińsko-mazurskie|Stockholms län|Skåne|Västra Götaland|Uppsala län|\
    Östergötland|Jönköping|Halland|São Paulo|Rio de Janeiro|Minas Gerais|Bahia|Pernambuco|Paraná|Santa Catarina|Ceará|Goiás|\
    Rio Grande do Sul|東京都|大阪府|京都府|北海道|神奈川県|愛知県|福岡県|北京市|上海市|广东省|浙江省|江苏省|Київська область|\
    Львівська область|Одеська область|Московская область|محافظة القاهرة|محافظة الإسكندرية|محافظة الجيزة|Maharashtra|Karnataka|\
    Tamil Nadu|Gujarat|Kerala|Punjab|Rajasthan|West Bengal|Uttar Pradesh|Telangana";

const COUNTRIES: &str = "\
    Afghanistan|Albania|Algeria|Argentina|Armenia|Australia|Austria|Österreich|Autriche|Azerbaijan|Bangladesh|Belarus|Belgium|Belgien|\
    Belgique|België|Bélgica|Bolivia|Bosnia and Herzegovina|Brazil|Brasil|Brasilien|Brésil|Bulgaria|Cambodia|Cameroon|Canada|Kanada|\
    Chile|China|中国|Colombia|Costa Rica|Croatia|Hrvatska|Cuba|Cyprus|Czech Republic|Czechia|Česko|Denmark|Danmark|Dänemark|\
    Dominican Republic|Ecuador|Egypt|مصر|Ägypten|El Salvador|Estonia|Eesti|Ethiopia|Finland|Suomi|Finnland|France|Frankreich|Francia|\
    Francja|Georgia|Germany|Deutschland|Allemagne|Alemania|Germania|Niemcy|Alemanha|Ghana|Greece|Griechenland|Ελλάδα|Guatemala|\
    Honduras|Hong Kong|Hungary|Magyarország|Ungarn|Iceland|Ísland|India|Indien|Indonesia|Iran|Iraq|Ireland|Éire|Irland|Israel|Italy|\
    Italia|Italien|Italie|Japan|日本|Jordan|Kazakhstan|Kenya|Kuwait|Latvia|Latvija|Lebanon|Lithuania|Lietuva|Luxembourg|Luxemburg|\
    Malaysia|Malta|Mexico|México|Mexiko|Moldova|Monaco|Morocco|Maroc|Netherlands|The Netherlands|Nederland|Niederlande|Pays-Bas|\
    Países Bajos|New Zealand|Nicaragua|Nigeria|North Macedonia|Norway|Norge|Norwegen|Pakistan|Panama|Paraguay|Peru|Perú|Philippines|\
    Poland|Polska|Polen|Pologne|Portugal|Puerto Rico|Qatar|Romania|România|Rumänien|Russia|Russian Federation|Россия|Russland|\
    Saudi Arabia|السعودية|Senegal|Serbia|Srbija|Singapore|Slovakia|Slovensko|Slovenia|Slovenija|South Africa|South Korea|대한민국|Spain|\
    España|Spanien|Espagne|Spagna|Hiszpania|Sri Lanka|Sweden|Sverige|Schweden|Suède|Switzerland|Schweiz|Suisse|Svizzera|Suiza|Syria|\
    Taiwan|Tanzania|Thailand|Tunisia|Tunisie|Turkey|Türkiye|Türkei|Uganda|Ukraine|Україна|United Arab Emirates|United Kingdom|\
    Great Britain|Großbritannien|Royaume-Uni|Reino Unido|United States|United States of America|USA|UK|Vereinigte Staaten|\
    États-Unis|Estados Unidos|Stati Uniti|Uruguay|Uzbekistan|Venezuela|Vietnam|Việt Nam|Zambia|Zimbabwe";

/// Words, and ends of words, that name a street or what stands before it.
const STREETS: &str = "\
    street|str|st|road|rd|avenue|ave|av|lane|ln|drive|dr|court|ct|square|sq|boulevard|blvd|bd|terrace|crescent|close|grove|way|parkway|\
    highway|place|pl|row|mews|gardens|rue|chemin|allée|allées|impasse|quai|cours|route|faubourg|calle|avda|avenida|paseo|plaza|\
    carrer|travesía|camino|ronda|via|viale|corso|piazza|vicolo|largo|strada|rua|travessa|praça|praca|alameda|rodovia|estrada|\
    straße|strasse|weg|platz|gasse|allee|ring|damm|ufer|markt|marktplatz|straat|laan|gracht|plein|kade|dreef|dijk|steeg|ulica|ul|al|\
    aleja|os|osiedle|plac|pl|gatan|gata|vägen|vagen|väg|gate|veien|vei|vej|gade|allé|katu|tie|ulice|nám|náměstí|utca|út|tér|\
    bulevardul|calea|вул|вулиця|просп|проспект|ул|улица|شارع|ميدان|طريق|丁目|路|街|番地|box|apt|apartment|flat|postfach|bp|house";

const SEXES: &str = "\
    m|f|w|d|x|o|u|h|n|k|v|male|female|man|woman|men|women|other|unknown|diverse|non-binary|nonbinary|männlich|maennlich|weiblich|divers|mann|\
    frau|herr|homme|femme|masculin|féminin|feminin|autre|hombre|mujer|masculino|femenino|otro|maschio|femmina|uomo|donna|maschile|\
    femminile|altro|vrouw|mannelijk|vrouwelijk|anders|homem|mulher|feminino|outro|mężczyzna|kobieta|mr|mrs|ms|miss|mx|dr|prof|mme|mlle|\
    madame|monsieur|mademoiselle|señor|señora|sr|sra|srta|signor|signora|sig|dhr|mevr|mevrouw|meneer|pan|pani|sir|madam|herrn|firma|\
    familie|not specified|unspecified|unbekannt|keine angabe|prefer not to say";

/// Of these, the ones that nothing but a sex or a salutation is called.
const SURE_SEXES: &str = "\
    male|female|woman|women|männlich|maennlich|weiblich|frau|herr|homme|femme|masculin|féminin|hombre|mujer|masculino|femenino|maschio|\
    femmina|uomo|donna|vrouw|mannelijk|vrouwelijk|homem|mulher|feminino|mężczyzna|kobieta|mr|mrs|ms|mme|mlle|madame|monsieur|señor|\
    señora|sra|signora|mevrouw|pani|herrn";

/// Beginnings of words for illnesses, disabilities and diets.
const HEALTH: &str = "\
    asthma|asma|allerg|alerg|diabet|epilep|epilew|hypertens|hypertonie|bluthochdruck|cancer|krebs|tumor|tumeur|leukaemia|leukemia|\
    depress|anxiety|schizo|bipolar|autis|adhd|dementia|demenz|alzheimer|parkinson|migrain|migrän|arthrit|arthros|osteopor|anaemi|\
    anemi|hepatit|celiac|coeliac|zöliakie|gluten|lactose|laktose|lactosa|vegan|vegetar|halal|kosher|wheelchair|rollstuhl|blind|deaf|\
    insulin|penicillin|pregnan|schwanger|embaraz|enceinte|fracture|fraktur|pneumon|bronchi|tubercul|covid|influenza|stroke|\
    infarct|infarkt|cardiac|kidney|renal|thyroid|schilddrüs|eczema|psoria|sclerosis|sklerose|paralys|obes|adipos|hiv";

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
    cities: lower(CITIES),
    regions: lower(REGIONS),
    countries: lower(COUNTRIES),
    streets: lower(STREETS),
    sexes: lower(SEXES),
    sure_sexes: lower(SURE_SEXES),
    health: HEALTH.split('|').collect(),
});

struct Known {
    cities: HashSet<String>,
    regions: HashSet<String>,
    countries: HashSet<String>,
    streets: HashSet<String>,
    sexes: HashSet<String>,
    sure_sexes: HashSet<String>,
    health: Vec<&'static str>,
}

fn lower(words: &str) -> HashSet<String> {
    words.split('|').map(str::to_lowercase).collect()
}

/// Whether a text in lower case is the name of a well-known city.
pub(super) fn is_city(text: &str) -> bool {
    KNOWN.cities.contains(text)
}

/// Whether a text in lower case is the name of a state, a province or the like.
pub(super) fn is_region(text: &str) -> bool {
    KNOWN.regions.contains(text)
}

/// Whether a text in lower case is the name of a country.
pub(super) fn is_country(text: &str) -> bool {
    KNOWN.countries.contains(text)
}

/// Whether a text is a street with the number of a house, or another line that a letter carrier needs.
pub(super) fn is_street(text: &str) -> bool {
    const ENDS: [&str; 16] = [
        "straße", "strasse", "str", "weg", "gasse", "platz", "allee", "straat", "laan", "gracht", "plein",
        "gatan", "vägen", "gata", "veien", "gade",
    ];
    if !text.chars().any(char::is_numeric) {
        return false;
    }
    let lower = text.to_lowercase();
    let words = || {
        lower
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty())
    };
    let named = |word: &str| {
        let compound = |end: &&str| word.len() > end.len() + 2 && word.ends_with(*end);
        KNOWN.streets.contains(word) || ENDS.iter().any(compound)
    };
    let chinese = ["丁目", "路", "街", "番"].iter().any(|word| lower.contains(word));
    let count = text.split_whitespace().count();
    (chinese || (2..=9).contains(&count) && words().count() >= 1)
        && (chinese || lower.starts_with("c/") || words().any(named))
        && !lower.contains("://")
}

/// Whether a text in lower case says where in a building, or with whom, somebody is reached: the second line of an address.
pub(super) fn is_part_of_a_building(text: &str) -> bool {
    const UNITS: [&str; 36] = [
        "apt",
        "apartment",
        "suite",
        "ste",
        "unit",
        "floor",
        "flat",
        "building",
        "bldg",
        "room",
        "c/o",
        "stock",
        "og",
        "eg",
        "wohnung",
        "whg",
        "hinterhaus",
        "etage",
        "étage",
        "bâtiment",
        "batiment",
        "bât",
        "bat",
        "appt",
        "appartement",
        "escalier",
        "piso",
        "puerta",
        "planta",
        "escalera",
        "scala",
        "interno",
        "lokal",
        "mieszkanie",
        "apto",
        "bloco",
    ];
    let lower = text.to_lowercase();
    let mut words = lower.split([' ', ',', '.', '#']).filter(|word| !word.is_empty());
    text.split_whitespace().count() <= 4 && words.any(|word| UNITS.contains(&word))
}

/// Whether a text in lower case is a sex or a salutation, and whether it is nothing else.
pub(super) fn sex(text: &str) -> (bool, bool) {
    let text = text.trim_end_matches('.');
    (KNOWN.sexes.contains(text), KNOWN.sure_sexes.contains(text))
}

/// Whether a text in lower case names an illness, a disability or a diet.
pub(super) fn is_of_health(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphabetic());
    words.any(|word| KNOWN.health.iter().any(|start| word.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streets_are_told_by_their_words_and_numbers() {
        for street in [
            "12 rue de la Paix",
            "Goethestr. 7",
            "Calle Mayor 3",
            "221B Baker Street",
            "ul. Długa 12/4",
            "Kungsgatan 4 B",
            "PO Box 1234",
            "千代田区丸の内1-2-3丁目",
        ] {
            assert!(is_street(street), "{street}");
        }
        for other in [
            "Main Street",
            "version 12 of 3",
            "USB-C cable 2 m",
            "2024",
            "Sa 10-14",
            "12 apples",
        ] {
            assert!(!is_street(other), "{other}");
        }
    }

    #[test]
    fn sexes_illnesses_and_places_are_told_from_other_words() {
        assert_eq!(sex("weiblich"), (true, true));
        assert_eq!(sex("m"), (true, false));
        assert_eq!(sex("main"), (false, false));
        assert!(
            is_of_health("penicillin allergy")
                && is_of_health("diabetes typ 2")
                && !is_of_health("blue lamp")
        );
        assert!(is_city("münchen") && is_region("bayern") && is_country("españa") && !is_city("oak chair"));
    }
}
