"""Which tables belong to somebody, and the policies that keep their rows to her (docs/adr/0024).

Every table of the schema stands here once: a test asks the catalogue, so that a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

OWNED: Final = {
    "audit_checkpoint": "owner_id",
    "audit_event": "owner_id",
    "audit_head": "owner_id",
    "consent_decision": "owner_id",
    "consent_delegation": "owner_id",
    "consent_emergency": "owner_id",
    "consent_hiddenrecord": "owner_id",
    "custody_download": "owner_id",
    "custody_erasure": "person_id",
    "portal_reminder": "owner_id",
    "portal_wish": "owner_id",
    "records_codesystem": "owner_id",
    "records_counter": "owner_id",
    "records_labelling": "owner_id",
    "records_labelmark": "owner_id",
    "records_ownerkey": "owner_id",
    "records_record": "owner_id",
    "records_recordversion": "owner_id",
    "records_samenessword": "owner_id",
    "records_searchrow": "owner_id",
    "sharing_card": "owner_id",
    "sharing_healthlink": "owner_id",
    "smartlaunch_chartlink": "owner_id",
    "smartlaunch_followup": "owner_id",
    "smartlaunch_sharerequest": "owner_id",
    "smartlaunch_showncode": "owner_id",
    "sync_connection": "owner_id",
    "sync_deviceorder": "owner_id",
    "sync_message": "owner_id",
    "sync_run": "owner_id",
    "sync_upload": "owner_id",
    "sync_uploadeddocument": "owner_id",
}
"""Which column says whose a row is."""

PARTS: Final = {
    "custody_downloadpiece": ("download_id", "custody_download"),
    "sync_runstep": ("run_id", "sync_run"),
    "sync_pageentry": ("step_id", "sync_runstep"),
    "sync_piece": ("connection_id", "sync_connection"),
    "sync_pointer": ("connection_id", "sync_connection"),
    "sync_shipmentshare": ("connection_id", "sync_connection"),
}
"""Rows of these are as visible as the row of the other table that they are part of."""

PERSONAL: Final = {
    "mfa_authenticator": "user_id",
    "usersessions_usersession": "user_id",
}
"""Rows of who signed in, whomever she acts for."""

OPEN: Final = (
    # Who signs in: asked before it is known who asks. Nothing clinical; sessions under a digest of their secret.
    "account_emailaddress",
    "account_emailconfirmation",
    "accounts_person",
    "accounts_person_groups",
    "accounts_person_user_permissions",
    "django_session",
    "socialaccount_socialaccount",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
    # Apps, codes and tokens (as digests): asked before it is known whom they speak for.
    "gateway_accesstoken",
    "gateway_application",
    "gateway_authorization",
    "gateway_authorizationrequest",
    "gateway_fetchedkeyset",
    "gateway_grant",
    "gateway_idtoken",
    "gateway_launch",
    "gateway_logo",
    "gateway_pushedrequest",
    "gateway_refreshtoken",
    "gateway_sharedtoken",
    "gateway_signingkey",
    "gateway_usage",
    "gateway_usedassertion",
    "oauth2_provider_devicegrant",
    "smartlaunch_launch",
    # Organisations, their EHRs and clinicians, asked by a frame's cookie; whom a visit is about at the EHR is sealed.
    "smartlaunch_arrival",
    "smartlaunch_ask",
    "smartlaunch_clinician",
    "smartlaunch_ehr",
    "smartlaunch_organization",
    "smartlaunch_organization_staff",
    "smartlaunch_questionnaire",
    "smartlaunch_rolerule",
    "smartlaunch_visit",
    # What developers and services order; the pieces of an export are sealed under each person's key.
    "developers_delivery",
    "developers_fault",
    "developers_heard",
    "developers_initialtoken",
    "developers_review",
    "developers_subscription",
    "developers_syntheticperson",
    "fhirapi_export",
    "fhirapi_exportpart",
    "fhirapi_exportpiece",
    # Nobody's: hospitals, sources, Django's own books; whose keys were destroyed, a number that names nobody.
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "records_destroyedkey",
    "records_source",
    "sharing_cardkey",
    "sharing_takenback",
    "sandbox_fault",
    "sync_brand",
    "sync_hospital",
    # What organisations export to us: figures, and sealed addresses and keys. Whose lines they were is in the shares.
    "sync_feed",
    "sync_shipment",
    "sync_shippedfile",
)
"""No policy, and why."""

CLOSED: Final = ("accounts_bindingkey",)
"""No role but the owner of the tables has any right to these."""

VIEWS: Final = ("accounts_boundasking", "accounts_boundowner", "accounts_boundperson", "accounts_boundservice")
"""Whom the session is about, where the proof is right."""

READ_ONLY: Final = frozenset({"django_migrations"})
"""Written by migrations only."""

READ_ONLY_TO_THE_WEB: Final = READ_ONLY | {"audit_checkpoint", "audit_event", "audit_head", "records_destroyedkey"}
"""Written by functions, or by workers: an erasure removes even events."""

_APPEND: Final = "public.audit_append(integer, text, text, text, text, text, text, bigint, text, jsonb)"
_FUNCTIONS: Final = (
    "account_connections(bigint, text[])",
    "binding_enter(text, text)",
    "chart_owner(bigint, text)",
    "decision_names(text, text)",
    "delegation_owner(text)",
    "health_link_owner(text)",
)

_POLICY: Final = "kept_to_its_owner"
_BOUND: Final = "(SELECT b.owner_id FROM public.accounts_boundowner b)"
_PERSON: Final = "(SELECT b.person_id FROM public.accounts_boundperson b)"

_ASKING: Final = "(SELECT b.person_id FROM public.accounts_boundasking b)"

_ALSO_READ: Final = (
    # A backend service exports the records of all who let it, and no owner has asked; whoever acts for others sees what
    # was decided about that. A function, because it is made ready only for rows that are not the owner's.
    ("told_to_whom_it_names", "consent_decision", "public.decision_names(grantee_kind, grantee)"),
    # Whoever acts for others sees for whom.
    ("told_to_the_delegate", "consent_delegation", f"delegate_id = {_PERSON}"),
)
"""Rows that others than their owner may read: policy, table, test."""

_ALSO_USED: Final = tuple(
    (f"asked_for_at_the_door_{order.lower()}", f"FOR {order} USING (user_id = {_ASKING})")
    for order in ("SELECT", "UPDATE")
)
"""Of authenticators: who signs in shows one, and that it was used is written down. None is made or removed so."""


def policies() -> list[str]:
    """The statements that lay every policy anew; a role that owns the tables is not held by them."""
    tests = {table: f"{column} = {_BOUND}" for table, column in OWNED.items()}
    tests |= {table: f"{column} IN (SELECT id FROM public.{whole})" for table, (column, whole) in PARTS.items()}  # noqa: S608 - our own names
    tests |= {table: f"{column} = {_PERSON}" for table, column in PERSONAL.items()}
    kept = [
        statement
        for table, test in tests.items()
        for statement in (
            f"ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY",
            *_policy(_POLICY, table, f"USING ({test})"),
        )
    ]
    also = [
        statement
        for name, table, test in _ALSO_READ
        for statement in _policy(name, table, f"FOR SELECT USING ({test})")
    ]
    used = [statement for name, rule in _ALSO_USED for statement in _policy(name, "mfa_authenticator", rule)]
    # Whoever may append may do so in anybody's chain, and read none: a refusal is told to whom it concerns.
    return [*kept, *also, *used, f"ALTER FUNCTION {_APPEND} SECURITY DEFINER SET search_path = public, pg_temp"]


def _policy(name: str, table: str, rule: str) -> tuple[str, str]:
    return f"DROP POLICY IF EXISTS {name} ON public.{table}", f"CREATE POLICY {name} ON public.{table} {rule}"


def grants(role: str, *, serves: bool) -> list[str]:
    """What a role that serves or works may do: rows of the tables named here, and nothing to the schema.

    ``role`` is quoted. A table that is not named here is out of its reach.
    """
    read_only = READ_ONLY_TO_THE_WEB if serves else READ_ONLY
    written = [table for table in (*OWNED, *PARTS, *PERSONAL, *OPEN) if table not in read_only]
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_listed(written)} TO {role}",
        f"GRANT SELECT ON {_listed([*sorted(read_only), *VIEWS])} TO {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        *(f"GRANT EXECUTE ON FUNCTION public.{function} TO {role}" for function in _FUNCTIONS),
    ]


def _listed(tables: Iterable[str]) -> str:
    return ", ".join(f"public.{table}" for table in tables)
