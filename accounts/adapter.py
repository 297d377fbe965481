"""How allauth treats our people: the sign-up form's extra fields, the language cookie, errors in plain words."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import binding, languages, signins, stepup

if TYPE_CHECKING:
    from django.forms import BaseForm
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Person


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account has been closed."),
        "email_password_mismatch": _("The e-mail or the password is not right. Check both and try again."),
        "email_taken": _("There is already an account with this e-mail. Sign in, or reset the password."),
        "too_many_login_attempts": _("Too many wrong passwords. Wait five minutes, or reset your password."),
        "incorrect_password": _("That is not your current password."),
        "enter_current_password": _("Type your current password."),
        "same_as_current": _("The new e-mail is the one you have already."),
    }

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Wrong passwords are counted by account and place: who guesses locks out nobody but himself."""
        return f"{super()._get_login_attempts_cache_key(request, **credentials)}:{_place(self.get_client_ip(request))}"

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """One rule for allauth's pages and ours."""
        return not stepup.is_fresh(context.request)

    def save_user(self, request: HttpRequest, user: Person, form: BaseForm, commit: bool = True) -> Person:
        """Fills a new person from the sign-up form. Her data key is made lazily, when her first record arrives."""
        user.name = form.cleaned_data.get("name", "").strip()
        user.language = form.cleaned_data.get("language") or languages.current()
        user.time_zone = form.cleaned_data.get("time_zone") or user.time_zone
        person: Person = super().save_user(request, user, form, commit)
        return person

    def post_login(self, request: HttpRequest, user: Person, **stage: Any) -> HttpResponse:
        """Every page from here on speaks the language the person chose."""
        response: HttpResponse = super().post_login(request, user, **stage)
        languages.remember(response, user.language)
        return response

    def login(self, request: HttpRequest, user: Person) -> None:
        binding.bind(user.pk)
        super().login(request, user)
        signins.note(user, signins.IN, origin=signins.origin(request))

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        super().logout(request)
        if user.is_authenticated:
            signins.note(user, signins.OUT, origin=signins.origin(request))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        signins.note_failure(str(credentials.get("email", "")), origin=signins.origin(request))

    def set_password(self, user: Person, password: str) -> None:
        super().set_password(user, password)
        signins.note(user, signins.PASSWORD, origin=signins.origin(context.request))


def _place(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, in which one household has as many addresses as it likes."""
    given = ipaddress.ip_address(address)
    return str(ipaddress.IPv6Network((given, 64), strict=False)) if given.version == 6 else str(given)
