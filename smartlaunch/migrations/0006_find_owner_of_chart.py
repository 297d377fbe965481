"""Whose chart a clinician has open is asked before it is known whose it is: rows are kept to their owner.

Links are hers alone, connections too. The function gives one number, and none where two people say it is their chart;
what is then shown is read as hers, under her decision (docs/adr/0024).
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION chart_owner(asked_ehr bigint, asked_patient text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN count(DISTINCT p.id) = 1 THEN min(p.id) END::integer
    FROM (
        SELECT l.owner_id FROM public.smartlaunch_chartlink l
        WHERE l.ehr_id = asked_ehr AND l.patient = asked_patient AND l.ended IS NULL
        UNION ALL
        SELECT c.owner_id FROM public.smartlaunch_ehr e
        JOIN public.sync_hospital h ON rtrim(h.fhir_base, '/') = rtrim(e.iss, '/')
        JOIN public.sync_connection c ON c.hospital_id = h.id
        WHERE e.id = asked_ehr AND c.patient = asked_patient
            AND c.recognized IS NOT NULL AND c.state IN ('active', 'needs_reauth')
    ) found JOIN public.accounts_person p ON p.id = found.owner_id AND p.is_active
$$;
REVOKE ALL ON FUNCTION chart_owner(bigint, text) FROM PUBLIC;
"""

BACKWARD = "DROP FUNCTION chart_owner(bigint, text);"


class Migration(migrations.Migration):
    dependencies = [
        ("smartlaunch", "0005_ask_and_answer"),
        ("sync", "0011_pieces_of_days"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
