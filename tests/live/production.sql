-- A small production with personal data of every kind. Everything that a branch must not hold begins with "Kanari" or
-- "kanari", or is a telephone number.
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';
ALTER ROLE postgres PASSWORD 'kanari-password-of-postgres';
CREATE ROLE shop LOGIN PASSWORD 'kanari-password-of-shop';
CREATE ROLE reporting LOGIN PASSWORD 'kanari-password-of-reporting';
CREATE ROLE admin SUPERUSER LOGIN PASSWORD 'kanari-password-of-admin';
CREATE DATABASE shop OWNER shop;
\connect shop
SET client_min_messages = warning;
CREATE SCHEMA shop AUTHORIZATION shop;
SET ROLE shop;
SET search_path = shop;

CREATE TABLE customers (
    id serial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    full_name text NOT NULL,
    phone text,
    old_iban text,
    notes text,
    profile jsonb NOT NULL DEFAULT '{}',
    email_domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED,
    newsletter boolean NOT NULL DEFAULT false,
    segment text NOT NULL
);
ALTER TABLE customers ALTER COLUMN notes SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX customers_email_lower ON customers (lower(email));
CREATE INDEX customers_full_name ON customers (full_name);
CREATE STATISTICS customers_mcv (mcv) ON full_name, phone FROM customers;

CREATE TABLE addresses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers ON DELETE CASCADE,
    recipient text NOT NULL,
    line text
);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    status text NOT NULL,
    delivery_note text
);
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    customer_id integer NOT NULL REFERENCES customers,
    contact text,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE events_first PARTITION OF events FOR VALUES FROM (1) TO (201);
CREATE TABLE events_rest PARTITION OF events FOR VALUES FROM (201) TO (MAXVALUE);
CREATE TABLE sessions (token text PRIMARY KEY, customer_id integer);
CREATE INDEX sessions_lower ON sessions (lower(token));
CREATE TABLE audit_log (id bigserial PRIMARY KEY, old_row jsonb);

CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shop.audit_log (old_row) VALUES (to_jsonb(old));
    RETURN new;
END $$;

INSERT INTO customers (email, full_name, phone, old_iban, notes, profile, segment)
SELECT format('kanari.%s@original-mail.test', n), format('Kanarifirst%s Kanarilast%s', n, n), format('+3361%s', 2000000 + n * 131),
       format('KANARIIBAN%s', n), format('kanari note %s %s', n, CASE WHEN n = 7 THEN repeat('kanari toast ', 400) ELSE '' END),
       jsonb_build_object('alias', format('kanari-alias-%s', n)), CASE WHEN n % 3 = 0 THEN 'gold' ELSE 'plain' END
FROM generate_series(1, 300) n;
CREATE TRIGGER customers_audit BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION audit();
INSERT INTO addresses (customer_id, recipient, line)
SELECT n, format('Kanarirecipient%s Kanarilast%s', n, n), format('%s kanari street %s', n, n) FROM generate_series(1, 300) n;
INSERT INTO orders (customer_id, status, delivery_note)
SELECT 1 + n % 300, 'paid', CASE WHEN n % 2 = 0 THEN format('kanari delivery %s', n) END FROM generate_series(1, 400) n;
INSERT INTO events (customer_id, contact)
SELECT 1 + n % 300, format('kanari.event.%s@original-mail.test', n) FROM generate_series(1, 400) n;
INSERT INTO sessions SELECT format('kanari-session-%s', n), n FROM generate_series(1, 100) n;
CREATE MATERIALIZED VIEW customer_orders AS
SELECT c.id, c.email, count(o.id) AS orders FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id;
CREATE UNIQUE INDEX customer_orders_email ON customer_orders (email);
CREATE VIEW gold_customers AS SELECT id, email FROM customers WHERE segment = 'gold';

-- What is no longer there, and still is: a dropped column, a dropped table, dead rows, a transaction nobody ends.
ALTER TABLE customers DROP COLUMN old_iban;
CREATE TABLE legacy_people AS SELECT n, format('kanari-legacy-person-%s', n) AS who FROM generate_series(1, 200) n;
DROP TABLE legacy_people;
UPDATE addresses SET line = format('kanari dead line %s', id) WHERE id <= 50;
UPDATE addresses SET line = format('%s kanari street %s', id, id) WHERE id <= 50;
UPDATE customers SET phone = phone WHERE id <= 20;
DELETE FROM sessions WHERE token > 'kanari-session-90';
BEGIN;
INSERT INTO sessions VALUES ('kanari-prepared-session', 1);
PREPARE TRANSACTION 'stale';
RESET ROLE;
ANALYZE;
