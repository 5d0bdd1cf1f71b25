-- About 200,000 rows of a believable shop, the same on every machine: each value is a hash of its row's number and a
-- salt, never random(), so it depends neither on the plan nor on the version of the server. (Only what the triggers stamp at
-- the end, `updated_at` and the audit log's `at`, is the time of the load.)
-- psql variable: customers (16000 gives about 200,000 rows in all).

\set ON_ERROR_STOP on
SET search_path = shop, pg_catalog;
SET client_min_messages = warning;

-- A number from 0 to n - 1 for row i.
CREATE FUNCTION pg_temp.pick(i bigint, salt integer, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(i, salt) & 9223372036854775807) % n $$;

-- What a name looks like in an e-mail address.
CREATE FUNCTION pg_temp.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(translate(replace(replace(lower(t), 'ß', 'ss'), 'æ', 'ae'),
        'àáâäãåąçćčďéèêëęěíìîïłńñňóòôöõøřśšťúùûüůýźżž', 'aaaaaaacccdeeeeeeiiiilnnnoooooorsstuuuuuyzzz'), '[^a-z]+', '', 'g')
$$;

CREATE TEMP TABLE places (
    n int PRIMARY KEY, country char(2), domains text[], firsts text[], lasts text[], streets text[], towns text[], dial text);
INSERT INTO places VALUES
(0, 'FR', '{orange.fr,laposte.net,free.fr,gmail.com}',
 '{Amélie,Étienne,Chloé,François,Hélène,Jérôme,Léa,Mathieu,Noémie,Olivier,Sandrine,Thibault,Zoé,Raphaël,Aurélie,Cédric,Manon,Bastien,Élodie,Guillaume,Inès,Loïc,Margaux,Yannick}',
 '{Lefèvre,Moreau,Garnier,Dupré,Rousseau,Béranger,Chevalier,Fontaine,Guérin,Lacroix,Marchand,Perrault,Rivière,Schneider,Tessier,Vasseur,Delaunay,Bouvier,Caron,Duchesne,Fabre,Gauthier,Huet,Jacquet,Lemoine,Mercier,Noël,Pelletier,Renaud,Vidal}',
 '{rue des Lilas,avenue de la République,boulevard Voltaire,rue du Faubourg Saint-Antoine,place de la Liberté,chemin des Vignes,rue Victor-Hugo,impasse du Moulin}',
 '{75011 Paris,69003 Lyon,13006 Marseille,31000 Toulouse,44000 Nantes,67000 Strasbourg,33000 Bordeaux,35000 Rennes}', '+33 6'),
(1, 'DE', '{gmx.de,web.de,t-online.de,posteo.de}',
 '{Jürgen,Käthe,Björn,Sören,Gisela,Matthias,Anneliese,Torsten,Ulrike,Stefan,Heike,Günther,Lena,Jonas,Mareike,Florian,Silke,Hannes,Wiebke,Dieter,Petra,Rüdiger,Svenja,Moritz}',
 '{Müller,Schröder,Köhler,Weiß,Hoffmann,Zimmermann,Krüger,Böhm,Lindemann,Vogt,Brandt,Schäfer,Grünwald,Hartmann,Jäger,Kaiser,Lorenz,Neumann,Otto,Pfeiffer,Richter,Seidel,Thiele,Ullrich,Winkler,Ziegler,Baumann,Dietrich,Engel,Fuchs}',
 '{Lindenstraße,Hauptstraße,Goethestraße,Am Mühlbach,Bahnhofstraße,Schillerplatz,Birkenweg,Kastanienallee}',
 '{10115 Berlin,20095 Hamburg,80331 München,50667 Köln,60311 Frankfurt am Main,04109 Leipzig,70173 Stuttgart,01067 Dresden}', '+49 151'),
(2, 'ES', '{hotmail.es,telefonica.net,gmail.com,yahoo.es}',
 '{Begoña,Íñigo,Lucía,Andrés,Nuria,Óscar,Rocío,Martín,Pilar,Joaquín,Ainhoa,Álvaro,Beatriz,Héctor,Irene,Sergio,Mónica,Rubén,Verónica,Xavier}',
 '{García Ibáñez,Fernández Núñez,Muñoz,Echevarría,Ordóñez,Castaño,Domínguez,Gutiérrez,Jiménez,Llorente,Peñalver,Quintana,Rodríguez,Sáenz,Urrutia,Vázquez,Zapatero,Arévalo,Bermúdez,Cifuentes,Delgado,Escobar}',
 '{calle de Alcalá,avenida de la Constitución,plaza Mayor,calle del Pez,paseo de Gracia,calle Larios,ronda de Sant Pere}',
 '{28014 Madrid,08007 Barcelona,41001 Sevilla,46002 Valencia,48001 Bilbao,29005 Málaga,50003 Zaragoza}', '+34 6'),
(3, 'IT', '{libero.it,virgilio.it,gmail.com,tiscali.it}',
 '{Niccolò,Giulia,Matteo,Chiara,Lorenzo,Federica,Alessandro,Ilaria,Davide,Serena,Tommaso,Valentina,Emanuele,Martina,Riccardo,Elisa,Gianluca,Beatrice,Salvatore,Noemi}',
 '{Esposito,Ricciardi,Colombo,De Luca,Bianchi,Mancini,Barbieri,Ferraro,Galli,Lombardi,Marchetti,Pellegrini,Rinaldi,Santoro,Testa,Vitale,Caruso,D’Angelo,Fontana,Grasso,Monti,Palumbo}',
 '{via Garibaldi,corso Vittorio Emanuele,via dei Mille,piazza Dante,via Roma,viale Trastevere,via San Marco}',
 '{00153 Roma,20121 Milano,10122 Torino,80134 Napoli,50122 Firenze,40121 Bologna,16121 Genova}', '+39 347'),
(4, 'PL', '{wp.pl,onet.pl,interia.pl,gmail.com}',
 '{Łukasz,Małgorzata,Paweł,Agnieszka,Michał,Bożena,Krzysztof,Żaneta,Grzegorz,Zofia,Wojciech,Halina,Stanisław,Ewelina,Mateusz,Danuta,Jarosław,Iwona}',
 '{Wiśniewska,Wójcik,Kamiński,Zieliński,Szymański,Woźniak,Dąbrowska,Kozłowski,Jankowska,Mazur,Kwiatkowski,Krawczyk,Piotrowska,Grabowski,Pawłowska,Michalski,Król,Wieczorek,Jabłońska,Stępień}',
 '{ulica Długa,ulica Świętokrzyska,aleja Niepodległości,ulica Mickiewicza,plac Zbawiciela,ulica Ogrodowa}',
 '{00-042 Warszawa,31-008 Kraków,80-831 Gdańsk,50-101 Wrocław,61-771 Poznań,90-423 Łódź}', '+48 60'),
(5, 'SE', '{telia.com,bredband.net,gmail.com,hotmail.se}',
 '{Åsa,Björn,Göran,Märta,Östen,Linnéa,Håkan,Agneta,Mikael,Ingrid,Fredrik,Birgitta,Oskar,Elsa,Viktor,Saga}',
 '{Sjöberg,Åkesson,Lindström,Bergqvist,Holmgren,Nyström,Öberg,Söderlund,Wallin,Ekström,Forsberg,Hedlund,Lundgren,Norberg,Sandberg,Törnqvist}',
 '{Drottninggatan,Storgatan,Kungsgatan,Vasagatan,Skolgatan,Parkvägen}',
 '{111 51 Stockholm,411 06 Göteborg,211 22 Malmö,753 20 Uppsala,582 22 Linköping}', '+46 70'),
(6, 'IE', '{eircom.net,gmail.com,outlook.ie,proton.me}',
 '{Siobhán,Niamh,Eoin,Pádraig,Aoife,Cormac,Gráinne,Declan,Maeve,Ronan,Fiona,Oisín,Caitlin,Brendan,Orla,Kevin}',
 '{O’Sullivan,MacNamara,Gallagher,O’Brien,Brennan,Fitzgerald,Kavanagh,Doherty,Quinlan,Sheridan,Tierney,Whelan,Byrne,Costello,Delaney,Farrelly}',
 '{Grafton Street,Shop Street,Patrick Street,The Crescent,Main Street,Abbey Road}',
 '{D02 VF25 Dublin,H91 E2K3 Galway,T12 RX8C Cork,V94 T28R Limerick,X91 PK15 Waterford}', '+353 85');

-- One row per customer of all that is fixed for life: the country decides names, town and telephone.
CREATE TEMP TABLE people AS
SELECT i, country, dial, first_name, last_name,
       slug_first || sep || slug_last AS local_part,
       domains[1 + pg_temp.pick(i, 5, cardinality(domains))] AS domain,
       street, town,
       timestamptz '2019-01-07 08:00+00' + make_interval(secs => (i * 12000 + pg_temp.pick(i, 6, 12000))::double precision
           * 16000 / :customers) AS created_at
FROM (
    SELECT i, p.*, f AS first_name, l AS last_name, pg_temp.slug(f) AS slug_first, pg_temp.slug(l) AS slug_last,
           (ARRAY['.', '-', '_', ''])[1 + pg_temp.pick(i, 4, 4)] AS sep,
           streets[1 + pg_temp.pick(i, 7, cardinality(streets))] AS street,
           towns[1 + pg_temp.pick(i, 8, cardinality(towns))] AS town
    FROM generate_series(1, :customers::bigint) AS i
    JOIN places p ON p.n = (ARRAY[0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6])[1 + pg_temp.pick(i, 1, 14)]
    CROSS JOIN LATERAL (SELECT firsts[1 + pg_temp.pick(i, 2, cardinality(firsts))] AS f,
                               lasts[1 + pg_temp.pick(i, 3, cardinality(lasts))] AS l) AS names
) AS drawn
ORDER BY i;
CREATE UNIQUE INDEX ON people (i);

INSERT INTO customers (email, first_name, last_name, full_name, phone, birth_date, segment, referral_code, password_hash,
                       newsletter, notes, preferences, created_at, updated_at)
SELECT local_part || CASE WHEN nth > 1 THEN nth::text ELSE '' END || '@' || domain,
       first_name, last_name, first_name || ' ' || last_name,
       CASE WHEN pg_temp.pick(i, 10, 20) > 0 THEN dial || ' ' || to_char(pg_temp.pick(i, 11, 100000000), 'FM00 00 00 00') END,
       CASE WHEN pg_temp.pick(i, 12, 10) > 1 THEN DATE '1941-03-01' + pg_temp.pick(i, 13, 23000)::int END,
       (ARRAY['new', 'regular', 'regular', 'regular', 'vip', 'dormant'])[1 + pg_temp.pick(i, 14, 6)],
       upper(substr(md5('referral' || i), 1, 10)),
       'pbkdf2_sha256$600000$' || substr(md5('salt' || i), 1, 12) || '$'
           || encode(sha256(convert_to('password' || i, 'UTF8')), 'base64'),
       pg_temp.pick(i, 15, 3) = 0,
       CASE pg_temp.pick(i, 16, 40)
           WHEN 0 THEN 'Called on behalf of ' || first_name || ' ' || last_name || ', wants refunds to the old account.'
           WHEN 1 THEN 'Prefers to be reached at ' || dial || ' ' || to_char(pg_temp.pick(i, 17, 100000000), 'FM00000000') || ' after six.'
           WHEN 2 THEN 'Neighbour at ' || street || ' takes parcels. Allergic to nuts.' END,
       jsonb_strip_nulls(jsonb_build_object(
           'language', lower(country), 'currency', 'EUR',
           'gift_note_from', CASE WHEN pg_temp.pick(i, 18, 8) = 0 THEN first_name || ' & family' END,
           'contact', CASE WHEN pg_temp.pick(i, 19, 4) = 0
               THEN jsonb_build_object('backup_email', local_part || pg_temp.pick(i, 20, 90) || '@example.net', 'channel', 'email') END)),
       created_at, created_at
FROM (SELECT *, row_number() OVER (PARTITION BY local_part, domain ORDER BY i) AS nth FROM people) AS p
ORDER BY i;

-- Every customer has an address to ship to, every fourth one more to bill to.
INSERT INTO addresses (customer_id, kind, recipient, line1, line2, postal_code, city, country)
SELECT i, kind,
       CASE WHEN kind = 'shipping' AND pg_temp.pick(i, 30, 12) = 0 THEN 'c/o ' || last_name ELSE first_name || ' ' || last_name END,
       CASE WHEN country IN ('DE', 'IT', 'PL', 'SE', 'ES') THEN street || ' ' || house ELSE house || ' ' || street END,
       CASE pg_temp.pick(i, 31, 6) WHEN 0 THEN 'Apt. ' || (1 + pg_temp.pick(i, 32, 60)) WHEN 1 THEN 'Bât. ' || chr(65 + pg_temp.pick(i, 33, 5)::int) END,
       (regexp_match(town, '^([0-9A-Z -]*[0-9A-Z]) (\D+)$'))[1], (regexp_match(town, '^([0-9A-Z -]*[0-9A-Z]) (\D+)$'))[2], country
FROM (
    SELECT p.*, 'shipping' AS kind, 1 + pg_temp.pick(i, 34, 180) AS house FROM people p
    UNION ALL
    SELECT p.*, 'billing', 1 + pg_temp.pick(i, 35, 180) FROM people p WHERE pg_temp.pick(i, 36, 4) = 0
) AS a
ORDER BY kind DESC, i;

INSERT INTO products (sku, name, description, price, stock, picture, updated_at)
SELECT 'SKU-' || to_char(i, 'FM00000'), adjective || ' ' || noun,
       'A ' || lower(adjective) || ' ' || lower(noun) || ' made of ' || material || ', ' || (10 + pg_temp.pick(i, 43, 90)) || ' cm.',
       (199 + pg_temp.pick(i, 44, 24000)) / 100.0, pg_temp.pick(i, 45, 500), 'products/SKU-' || to_char(i, 'FM00000') || '.svg',
       timestamptz '2024-02-01 09:00+00'
FROM (
    SELECT i, (ARRAY['Sturdy', 'Folding', 'Quiet', 'Striped', 'Everyday', 'Little', 'Northern', 'Garden', 'Winter', 'Plain'])[1 + pg_temp.pick(i, 40, 10)] AS adjective,
           (ARRAY['Lamp', 'Kettle', 'Bench', 'Blanket', 'Basket', 'Notebook', 'Mirror', 'Chair', 'Teapot', 'Shelf', 'Clock', 'Bowl'])[1 + pg_temp.pick(i, 41, 12)] AS noun,
           (ARRAY['oiled oak', 'brushed steel', 'wool', 'linen', 'stoneware', 'recycled glass', 'beech'])[1 + pg_temp.pick(i, 42, 7)] AS material
    FROM generate_series(1, 400::bigint) AS i
) AS p ORDER BY i;

-- A few loyal customers order most: the square of a fraction leans towards low numbers. Nobody orders before signing up.
CREATE TEMP TABLE buys AS
SELECT o, 1 + ((pg_temp.pick(o, 50, 1000000) / 1000000.0) ^ 2
                * (:customers * least(1, 0.485 + 0.3 * o / :customers) - 1))::bigint AS customer,
       1 + pg_temp.pick(o, 51, 4) AS lines,
       timestamptz '2022-01-03 06:00+00' + make_interval(secs => ((o * 3600 + pg_temp.pick(o, 52, 7200)) * 32000.0 / (:customers * 2))::double precision) AS placed_at
FROM generate_series(1, :customers::bigint * 2) AS o;

INSERT INTO orders (number, customer_id, shipping_address_id, status, currency, delivery_note, client_ip, placed_at)
SELECT to_char(placed_at, 'YYYY') || '-' || to_char(o, 'FM0000000'), customer, a.id,
       (ARRAY['delivered', 'delivered', 'delivered', 'delivered', 'shipped', 'paid', 'placed', 'returned', 'cancelled'])[1 + pg_temp.pick(o, 53, 9)]::order_status,
       'EUR',
       CASE pg_temp.pick(o, 54, 12)
           WHEN 0 THEN 'Please ring at ' || p.last_name || ', second floor.'
           WHEN 1 THEN 'Leave it with ' || p.first_name || ' at the bakery, ' || p.street || '.'
           WHEN 2 THEN 'Call ' || p.dial || ' ' || to_char(pg_temp.pick(p.i, 11, 100000000), 'FM00 00 00 00') || ' before delivery.' END,
       CASE WHEN pg_temp.pick(o, 55, 9) = 0
            THEN ('2001:db8:' || to_hex(pg_temp.pick(customer, 56, 65536)) || '::' || to_hex(1 + pg_temp.pick(customer, 57, 65535)))::inet
            ELSE ('198.51.' || pg_temp.pick(customer, 58, 256) || '.' || pg_temp.pick(customer, 59, 256))::inet END,
       placed_at
FROM buys JOIN people p ON p.i = customer JOIN addresses a ON a.customer_id = customer AND a.kind = 'shipping'
ORDER BY o;

INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price)
SELECT o, line, product, 1 + pg_temp.pick(o * 8 + line, 61, 3), price
FROM (SELECT o, line, 1 + pg_temp.pick(o * 8 + line, 60, 400) AS product FROM buys, generate_series(1, lines) AS line) AS l
JOIN products ON products.id = product
ORDER BY o, line;

-- An IBAN with its real check digits, for the countries whose account numbers are digits only.
CREATE FUNCTION pg_temp.iban(country text, digits text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT country || to_char(98 - (digits || (ascii(left(country, 1)) - 55) || (ascii(right(country, 1)) - 55) || '00')::numeric % 97, 'FM00') || digits
$$;

INSERT INTO payments (order_id, method, holder, iban, card_token, card_last4, amount, paid_at)
SELECT o.id, CASE WHEN debit THEN 'direct-debit' ELSE 'card' END, c.full_name,
       CASE WHEN debit THEN pg_temp.iban(p.country, lpad(to_char(pg_temp.pick(p.i, 70, 1000000000000000000), 'FM9999999999999999999'),
           CASE p.country WHEN 'DE' THEN 18 WHEN 'ES' THEN 20 WHEN 'PL' THEN 24 WHEN 'SE' THEN 20 ELSE 23 END, '30')) END,
       CASE WHEN NOT debit THEN 'tok_' || md5('card' || p.i) END,
       CASE WHEN NOT debit THEN to_char(pg_temp.pick(p.i, 71, 10000), 'FM0000') END,
       total, o.placed_at + interval '90 seconds'
FROM orders o
JOIN (SELECT order_id, sum(quantity * unit_price) AS total FROM order_lines GROUP BY order_id) AS t ON t.order_id = o.id
JOIN customers c ON c.id = o.customer_id
JOIN (SELECT *, country IN ('FR', 'DE', 'ES', 'PL', 'SE') AND pg_temp.pick(i, 72, 3) = 0 AS debit FROM people) AS p ON p.i = o.customer_id
WHERE o.status <> 'placed'
ORDER BY o.id;

INSERT INTO sessions (token, customer_id, ip, user_agent, started_at, expires_at)
SELECT encode(sha256(convert_to('session' || s, 'UTF8')), 'hex'), 1 + pg_temp.pick(s, 80, :customers),
       ('203.0.' || pg_temp.pick(s, 81, 256) || '.' || pg_temp.pick(s, 82, 256))::inet,
       'Mozilla/5.0 (' || (ARRAY['X11; Linux x86_64', 'Macintosh; Intel Mac OS X 13_6', 'iPhone; CPU iPhone OS 17_2 like Mac OS X', 'Windows NT 10.0; Win64; x64'])[1 + pg_temp.pick(s, 83, 4)]
           || ') Gecko/20100101 Firefox/' || (100 + pg_temp.pick(s, 84, 30)) || '.0',
       timestamptz '2025-08-01 00:00+00' + make_interval(secs => s * 300), timestamptz '2025-08-31 00:00+00' + make_interval(secs => s * 300)
FROM generate_series(1, :customers::bigint / 2) AS s;

INSERT INTO staff (email, full_name, role, password_hash, totp_secret, last_login_ip, last_login_at)
SELECT local_part || '@shop.example.com', first_name || ' ' || last_name,
       CASE WHEN nth = 1 THEN 'admin' WHEN nth % 3 = 0 THEN 'warehouse' ELSE 'support' END,
       'pbkdf2_sha256$600000$' || substr(md5('staff' || i), 1, 12) || '$' || encode(sha256(convert_to('staff' || i, 'UTF8')), 'base64'),
       translate(upper(substr(md5('totp' || i), 1, 26)), '0189', 'QRST'),
       ('192.0.2.' || pg_temp.pick(i, 90, 256))::inet, timestamptz '2025-08-29 07:00+00' + make_interval(mins => nth::int * 7)
FROM (SELECT *, row_number() OVER (ORDER BY i) AS nth
      FROM (SELECT DISTINCT ON (local_part) * FROM people WHERE i > :customers - 60 ORDER BY local_part, i) AS q) AS p
WHERE nth <= 24 ORDER BY nth;

-- A year of ordinary life: people move, marry, change telephone. The triggers write it all into the audit log, and the old
-- row versions stay in the pages until a vacuum: both are what sanitizing must not forget.
UPDATE customers SET phone = '+33 7 ' || to_char(pg_temp.pick(id, 100, 100000000), 'FM00 00 00 00') WHERE pg_temp.pick(id, 101, 8) = 0;
UPDATE customers SET email = replace(email, '@', '.pro@') WHERE pg_temp.pick(id, 102, 20) = 0;
UPDATE addresses SET line1 = 'c/o ' || recipient || ', ' || line1 WHERE pg_temp.pick(id, 103, 12) = 0;
UPDATE products SET stock = stock + 25 WHERE stock < 50;

REFRESH MATERIALIZED VIEW customer_revenue;
DROP TABLE pg_temp.buys, pg_temp.people, pg_temp.places;
