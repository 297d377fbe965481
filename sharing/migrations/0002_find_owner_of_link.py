"""Whoever has the address of a link may open it, before it is known whose it is: rows are kept to their owner.

The function takes the digest, which stands in rows of the owner alone, and gives her number; what is behind the link
is read as hers (docs/adr/0024).
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION health_link_owner(asked text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.owner_id FROM public.sharing_healthlink l WHERE l.digest = asked
$$;
REVOKE ALL ON FUNCTION health_link_owner(text) FROM PUBLIC;
"""

BACKWARD = "DROP FUNCTION health_link_owner(text);"


class Migration(migrations.Migration):
    dependencies = [("sharing", "0001_health_links")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
