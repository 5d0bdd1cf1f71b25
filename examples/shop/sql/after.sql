-- What a developer needs in a branch and production must not have: a known login.
-- Runs as the database's owner on the sanitized branch, before the proof.

-- admin@shop.test, password: admin
UPDATE shop.staff
SET email = 'admin@shop.test',
    full_name = 'Branch Admin',
    password_hash = 'pbkdf2_sha256$600000$envclone-demo$0hv2lw+pXsUUM2A/yXSKb1tgMbWT+gwgZO5TES4LDbA='
WHERE id = (SELECT min(id) FROM shop.staff WHERE role = 'admin');
