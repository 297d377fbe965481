"""The forms that take a passkey's answer from the browser: whatever else is sent is a wrong answer, never an error."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as allauth
from allauth.mfa.webauthn.internal import auth
from django import forms
from fido2.webauthn import AuthenticationResponse, RegistrationResponse

from accounts import binding


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

    def clean_credential(self) -> Any:
        """The passkey says whose it is; with her keys it is found out whether that is true."""
        binding.ask(auth.extract_user_from_response(self.cleaned_data["credential"]).pk)
        return super().clean_credential()


class SecondStepForm(allauth.AuthenticateWebAuthnForm):
    credential = CredentialField(AuthenticationResponse.from_dict)


class ConfirmForm(allauth.ReauthenticateWebAuthnForm):
    credential = CredentialField(AuthenticationResponse.from_dict)
