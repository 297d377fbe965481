"""The forms of signing up and in: allauth's, with our fields and without placeholders that repeat the label."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from allauth.account import forms as allauth
from allauth.socialaccount import forms as providers
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts import languages
from accounts.models import Person


def time_zones() -> list[tuple[str, str]]:
    """Names of the tz database that mean a place, for a choice: "Europe/Madrid"."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


class PlainForm(forms.Form):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


HINT = "login_hint"
"""In the session: the e-mail address that the app which sent her expects."""


class SignInForm(PlainForm, allauth.LoginForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.request is not None and HINT in self.request.session:
            self.fields["login"].initial = str(self.request.session[HINT])[:254]
        self.fields["login"].label = _("E-mail")
        # allauth adds a link to the reset here; our page has one of its own.
        self.fields["password"].help_text = ""


class SignUpForm(PlainForm, allauth.SignupForm):
    """``time_zone`` is filled in by the browser where it can; whatever is not a time zone becomes UTC."""

    field_order = ["name", "email", "password1", "language"]
    name = forms.CharField(label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES, initial=languages.current)
    time_zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["email"].label = _("E-mail")

    def clean_time_zone(self) -> str:
        given = self.cleaned_data["time_zone"]
        return given if given in available_timezones() else settings.TIME_ZONE


class ProviderSignUpForm(PlainForm, providers.SignupForm):
    """What the provider did not say of a new person. Her name goes where ``AccountAdapter.save_user`` looks for it."""

    field_order = ["name", "email", "language"]
    name = forms.CharField(label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES, initial=languages.current)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["email"].label = _("E-mail")
        self.fields["name"].initial = self.sociallogin.user.name


class ResetPasswordForm(PlainForm, allauth.ResetPasswordForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["email"].label = _("E-mail")


class NewPasswordForm(PlainForm, allauth.ResetPasswordKeyForm):
    pass


class ChangePasswordForm(PlainForm, allauth.ChangePasswordForm):
    pass


class ConfirmPasswordForm(PlainForm, allauth.ReauthenticateForm):
    pass


class ChangeEmailForm(PlainForm, allauth.AddEmailForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["email"].label = _("New e-mail")


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """What a person tells us about herself. Her role and her ids are not hers to type."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=time_zones)

    class Meta:
        model = Person
        fields = ["name", "language", "time_zone"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].required = True
