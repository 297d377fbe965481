"""Forms of an organisation's pages: an EHR, and the rules."""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from gateway import keysets
from smartlaunch import ehrs
from smartlaunch.models import ClinicRole, Ehr, Organization, RoleRule
from sync import outbound
from sync.models import AuthMethod

_BOX: Final = {"rows": 3, "autocomplete": "off", "spellcheck": "false"}
RULES_MAX: Final = 12


class EhrForm(forms.Form):
    """``known``: the EHR that is changed; its iss and its part of our addresses stay. A secret left empty stays too."""

    name = forms.CharField(label=_("Name of the EHR"), max_length=200)
    iss = forms.CharField(
        label=_("FHIR address (iss)"), max_length=500, help_text=_("Letter by letter as the EHR sends it.")
    )
    client_id = forms.CharField(label=_("Our client_id there"), max_length=200)
    method = forms.ChoiceField(
        label=_("How we prove who we are"),
        choices=(
            (AuthMethod.SECRET.value, _("with a secret")),
            (AuthMethod.KEY.value, _("with a signature (private_key_jwt)")),
            (AuthMethod.NONE.value, _("not at all: a public client")),
        ),
    )
    secret = forms.CharField(
        label=_("Secret, or private key as a JWK"),
        required=False,
        widget=forms.Textarea(_BOX),
        help_text=_("Kept sealed and never shown again. Left empty, what is there stays."),
    )
    scopes = forms.CharField(label=_("Scopes"), max_length=1000, initial=ehrs.SCOPES)
    frame_ancestors = forms.CharField(
        label=_("Pages that may hold ours in a frame"),
        required=False,
        widget=forms.Textarea(_BOX),
        help_text=_("Origins, one a line: https://ehr.example"),
    )
    write_back = forms.BooleanField(label=_("Clinicians may send reports into the chart"), required=False)
    break_glass = forms.BooleanField(
        label=_("In an emergency clinicians may look without the patient's leave; she is told at once"), required=False
    )

    cds_issuer = forms.CharField(
        label=_("Issuer of its CDS Hooks calls"), max_length=500, required=False, help_text=_("As iss in its JWT.")
    )
    cds_jwks_uri = forms.URLField(
        label=_("Address of the keys it signs them with"), max_length=500, required=False, assume_scheme="https"
    )
    service_client_id = forms.CharField(
        label=_("client_id here of its service that exchanges tokens"), max_length=100, required=False
    )

    def __init__(self, *args: Any, known: Ehr | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known = known
        if known is not None:
            self.fields["iss"].disabled = True

    @classmethod
    def of(cls, ehr: Ehr) -> dict[str, Any]:
        """What a form about this EHR begins with."""
        return {
            "name": ehr.name,
            "iss": ehr.iss,
            "client_id": ehr.client_id,
            "method": ehr.auth_method,
            "scopes": ehr.scopes,
            "frame_ancestors": "\n".join(ehr.frame_ancestors),
            "write_back": ehr.write_back,
            "break_glass": ehr.break_glass,
            "cds_issuer": ehr.cds_issuer,
            "cds_jwks_uri": ehr.cds_jwks_uri,
            "service_client_id": ehr.service_client_id,
        }

    def clean_iss(self) -> str:
        iss: str = self.cleaned_data["iss"]
        try:
            outbound.check_address(iss)
        except (outbound.AddressRefused, ValueError) as error:
            raise forms.ValidationError(
                _("This is no address that we may connect to: it begins with https://.")
            ) from error
        if self.known is None and Ehr.objects.filter(iss=iss).exists():
            raise forms.ValidationError(_("An EHR with this address is registered already."))
        return iss

    def clean_cds_issuer(self) -> str:
        return self._of_nobody_else("cds_issuer")

    def clean_service_client_id(self) -> str:
        return self._of_nobody_else("service_client_id")

    def clean_cds_jwks_uri(self) -> str:
        uri: str = self.cleaned_data["cds_jwks_uri"]
        if uri and keysets.problem(uri) is not None:
            raise forms.ValidationError(_("This is no address that we may connect to: it begins with https://."))
        return uri

    def _of_nobody_else(self, name: str) -> str:
        """What tells one EHR from all others when it calls us."""
        value: str = self.cleaned_data[name]
        others = Ehr.objects.exclude(pk=self.known.pk) if self.known else Ehr.objects.all()
        if value and others.filter(**{name: value}).exists():
            raise forms.ValidationError(_("Another EHR has this already."))
        return value

    def clean_frame_ancestors(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["frame_ancestors"].splitlines() if line.strip()]
        try:
            return [ehrs.origin(line) for line in lines]
        except ValueError as error:
            raise forms.ValidationError(_("%(line)s is no origin."), params={"line": str(error)}) from error

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        method, secret = given.get("method"), given.get("secret", "").strip()
        stays = self.known is not None and self.known.auth_method == method
        if method == AuthMethod.NONE:
            given["secret"] = ""
        elif not secret and not stays:
            self.add_error("secret", _("This way needs a secret or a key."))
        elif secret and method == AuthMethod.KEY and not _is_private_key(secret):
            self.add_error("secret", _("This is no private key: an RSA or EC key as a JWK, with its kid."))
        return given

    @transaction.atomic
    def enter(self, organization: Organization, *, slug: str) -> Ehr:
        """Into the list, or brought up to date; one that is new waits until who runs this site lets it open us."""
        given, known = self.cleaned_data, self.known
        kept = given["secret"].strip() or (
            ehrs.secret_of(known) if known and given["method"] != AuthMethod.NONE else None
        )
        by_key = given["method"] == AuthMethod.KEY
        ehr = ehrs.enter(
            organization,
            given["iss"],
            name=given["name"],
            slug=slug,
            client_id=given["client_id"],
            secret=None if by_key else kept,
            private_jwk=kept if by_key else None,
            scopes=given["scopes"],
            frame_ancestors=given["frame_ancestors"],
        )
        Ehr.objects.filter(pk=ehr.pk).update(
            write_back=given["write_back"],
            break_glass=given["break_glass"],
            cds_issuer=given["cds_issuer"],
            cds_jwks_uri=given["cds_jwks_uri"],
            service_client_id=given["service_client_id"],
            active=ehr.active if known else False,
        )
        return ehr


def _is_private_key(text: str) -> bool:
    try:
        key = import_key(json.loads(text))
    except (ValueError, TypeError, KeyError, JoseError):
        return False
    return key.key_type in ("RSA", "EC") and key.is_private and bool(key.kid)


class RuleForm(forms.Form):
    claim = forms.CharField(label=_("Claim"), max_length=100, required=False)
    value = forms.CharField(label=_("Value"), max_length=200, required=False)
    role = forms.ChoiceField(label=_("What they may do"), choices=ClinicRole.choices, initial=ClinicRole.READER)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if bool(given.get("claim")) != bool(given.get("value")):
            raise forms.ValidationError(_("A rule has a claim and a value; leave both empty for none."))
        return given


RulesForm = forms.formset_factory(RuleForm, extra=2, max_num=RULES_MAX, validate_max=True)


def rules_of(organization: Organization) -> list[dict[str, str]]:
    """What the formset begins with."""
    return [{"claim": rule.claim, "value": rule.value, "role": rule.role} for rule in _rules(organization)]


def _rules(organization: Organization) -> list[RoleRule]:
    return list(organization.rules.all())
