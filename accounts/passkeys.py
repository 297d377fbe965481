"""The forms that take a passkey's answer from the browser: whatever else is sent is a wrong answer, never an error."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as allauth
from django import forms
from fido2.webauthn import AuthenticationResponse, RegistrationResponse


class CredentialField(forms.JSONField):
    """JSON that ``parse`` understands; the ceremony itself is checked by the form."""

    widget = forms.HiddenInput

    def __init__(self, parse: Callable[[Any], object]) -> None:
        super().__init__()
        self._parse = parse

    def clean(self, value: object) -> Any:
        given = super().clean(value)
        try:
            self._parse(given)
        except (TypeError, ValueError, LookupError, AttributeError, struct.error) as error:
            raise get_adapter().validation_error("incorrect_code") from error
        return given


class AddForm(allauth.AddWebAuthnForm):
    credential = CredentialField(RegistrationResponse.from_dict)


class SignInForm(allauth.LoginWebAuthnForm):
    credential = CredentialField(AuthenticationResponse.from_dict)


class SecondStepForm(allauth.AuthenticateWebAuthnForm):
    credential = CredentialField(AuthenticationResponse.from_dict)


class ConfirmForm(allauth.ReauthenticateWebAuthnForm):
    credential = CredentialField(AuthenticationResponse.from_dict)
