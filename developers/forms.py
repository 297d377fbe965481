"""The form of an app, and of a webhook."""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from developers.models import EventKind
from developers.registrations import SHOWN, Description
from gateway.models import Application, AuthMethod, Deletion, Purpose, Resale, Retention

BACKEND: Final = "backend"
KINDS: Final = (
    (AuthMethod.NONE.value, _("Public: a phone or browser app, which can keep no secret")),
    (AuthMethod.BASIC.value, _("Confidential with a secret: a web app with a server")),
    (AuthMethod.PRIVATE_KEY_JWT.value, _("Confidential with a key: a server that signs")),
    (BACKEND, _("Backend service: a server that works by itself, with a key")),
)
DEFAULT_SCOPES: Final = "openid fhirUser launch/patient offline_access patient/Observation.rs"
_BOX: Final = {"rows": 3, "autocomplete": "off", "spellcheck": "false"}


class KeysForm(forms.Form):
    """Where the public keys of an app that signs are."""

    jwks = forms.CharField(
        label=_("Public keys (JWKS)"),
        help_text=_("For apps that sign: RSA from 2048 bits or P-384, each with a kid. Or give the address below."),
        required=False,
        widget=forms.Textarea(_BOX),
    )
    jwks_uri = forms.URLField(
        label=_("Address of the public keys"), max_length=500, required=False, assume_scheme="https"
    )

    def clean_jwks(self) -> dict[str, Any] | None:
        text = self.cleaned_data["jwks"].strip()
        if not text:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is no JSON.")) from error
        if not isinstance(found, dict):
            raise forms.ValidationError(_("A key set is a JSON object with a list of keys."))
        return found


class AppForm(KeysForm):
    field_order = [
        "name", "kind", "description", "maker", "homepage_uri", "policy_uri", "redirect_uris", "launch_uri", "scopes",
        "jwks", "jwks_uri",
    ]  # fmt: skip

    name = forms.CharField(label=pgettext_lazy("app", "Name"), max_length=200)
    kind = forms.ChoiceField(label=pgettext_lazy("app", "Type"), choices=KINDS)
    description = forms.CharField(
        label=_("What it does for people"), max_length=500, required=False, widget=forms.Textarea({"rows": 3})
    )
    maker = forms.CharField(label=_("Who makes it"), max_length=200, required=False)
    homepage_uri = forms.URLField(label=_("Home page"), max_length=500, required=False, assume_scheme="https")
    policy_uri = forms.URLField(label=_("Privacy policy"), max_length=500, required=False, assume_scheme="https")
    redirect_uris = forms.CharField(
        label=_("Redirect addresses"),
        help_text=_(
            "One on each line: https, http on 127.0.0.1, or a scheme of your own such as com.example.app:/back"
        ),
        widget=forms.Textarea(_BOX),
    )
    launch_uri = forms.URLField(
        label=_("Launch address"),
        help_text=_("Where people open the app from here; leave it empty if they cannot."),
        max_length=500,
        required=False,
        assume_scheme="https",
    )
    scopes = forms.CharField(
        label=_("Scopes it may ask for"),
        help_text=_("With a space between. The scope builder helps."),
        initial=DEFAULT_SCOPES,
        widget=forms.Textarea(_BOX),
    )
    purpose = forms.ChoiceField(label=_("What it wants records for"), choices=Purpose)
    study_ends = forms.DateField(
        label=_("Last day of the study"), required=False, widget=forms.DateInput({"type": "date"})
    )
    retention = forms.ChoiceField(label=_("How long it keeps records"), choices=Retention, required=False)
    resale = forms.ChoiceField(label=_("Whether it passes them on"), choices=Resale, required=False)
    deletion = forms.ChoiceField(label=_("How its copy is deleted"), choices=Deletion, required=False)
    logo = forms.FileField(
        label=_("Logo"), help_text=_("A PNG from 32 to 512 pixels wide and high, at most 200 kB."), required=False
    )

    def description_of_app(self) -> Description:
        """What a valid form says."""
        said = self.cleaned_data
        method = AuthMethod.PRIVATE_KEY_JWT.value if said["kind"] == BACKEND else said["kind"]
        return Description(
            name=said["name"].strip(),
            method=method,
            redirect_uris=tuple(said["redirect_uris"].split()),
            scopes=tuple(said["scopes"].split()),
            shown={name: said[name] for name in SHOWN},
            jwks=said["jwks"],
            jwks_uri=said["jwks_uri"],
        )


class ChangeForm(AppForm):
    """The same of an app that exists: its type stays."""

    kind = None  # type: ignore[assignment] # a field is taken out by None

    def __init__(self, application: Application, *args: Any, **options: Any) -> None:
        self.application = application
        options["initial"] = _initial(application)
        super().__init__(*args, **options)

    def description_of_app(self) -> Description:
        self.cleaned_data["kind"] = self.application.token_endpoint_auth_method
        return super().description_of_app()


def _initial(application: Application) -> dict[str, Any]:
    return {name: getattr(application, name) for name in SHOWN} | {
        "name": application.name,
        "redirect_uris": "\n".join(application.redirect_uris.split()),
        "scopes": application.scopes,
        "jwks": application.client_jwks,
        "jwks_uri": application.client_jwks_uri,
    }


class WebhookForm(forms.Form):
    url = forms.URLField(label=_("Where to"), max_length=500, assume_scheme="https")
    events = forms.MultipleChoiceField(label=_("What to tell"), choices=EventKind, initial=EventKind.values)
