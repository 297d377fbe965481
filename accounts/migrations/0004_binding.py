"""Who may name the owner whose rows a session of the web role reaches (docs/adr/0024).

Names are written in full, and nothing of ours is found by the search path: what runs with its owner's rights must not
meet a name that somebody put in the way.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE TABLE accounts_bindingkey (
    one boolean PRIMARY KEY DEFAULT true CONSTRAINT binding_has_one_key CHECK (one),
    key bytea NOT NULL
);
REVOKE ALL ON accounts_bindingkey FROM PUBLIC;

-- What is said, where its proof is right: "owner 7", "owner 7 person 9" or "service some-client". A view reads with the
-- rights of its owner, and is planned into the statement that asks: a function that did the same would cost twice as much.
CREATE VIEW accounts_bound WITH (security_barrier) AS
    SELECT pg_catalog.substr(setting.about, 66) AS said
    FROM (SELECT pg_catalog.current_setting('tributary.about', true) AS about) AS setting, accounts_bindingkey k
    WHERE pg_catalog.encode(pg_catalog.sha256(k.key || pg_catalog.sha256(
        k.key || pg_catalog.convert_to(pg_catalog.substr(setting.about, 66), 'UTF8'))), 'hex')
        = pg_catalog.substr(setting.about, 1, 64);
CREATE VIEW accounts_boundowner WITH (security_barrier) AS
    SELECT pg_catalog.split_part(said, ' ', 2)::pg_catalog.int4 AS owner_id FROM accounts_bound
    WHERE pg_catalog.starts_with(said, 'owner ');
CREATE VIEW accounts_boundperson WITH (security_barrier) AS
    SELECT pg_catalog.split_part(said, ' ', 4)::pg_catalog.int4 AS person_id FROM accounts_bound
    WHERE pg_catalog.starts_with(said, 'owner ') AND pg_catalog.split_part(said, ' ', 3) = 'person';
CREATE VIEW accounts_boundservice WITH (security_barrier) AS
    SELECT pg_catalog.substr(said, 9) AS client_id FROM accounts_bound
    WHERE pg_catalog.starts_with(said, 'service ');

CREATE FUNCTION binding_proof(said text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT pg_catalog.encode(pg_catalog.sha256(k.key || pg_catalog.sha256(
        k.key || pg_catalog.convert_to(said, 'UTF8'))), 'hex') FROM public.accounts_bindingkey k);
END $$;
REVOKE ALL ON FUNCTION binding_proof(text) FROM PUBLIC;
"""

BACKWARD = """
DROP FUNCTION binding_proof(text);
DROP VIEW accounts_boundservice;
DROP VIEW accounts_boundperson;
DROP VIEW accounts_boundowner;
DROP VIEW accounts_bound;
DROP TABLE accounts_bindingkey;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_name_practitioner")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
