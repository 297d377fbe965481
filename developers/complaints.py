"""What is wrong with an app, in the developer's language.

The rooms below say it in English, because the registration endpoint may only say it in ASCII (RFC 7591 3.2.2, RFC 6749
5.2); her pages say the same in her words. A test holds this list against what they say.
"""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gateway.errors import InvalidRegistration

SAID: Final = (
    # The app
    gettext_noop("an app needs a name of at most 200 characters"),
    gettext_noop("unknown method of client authentication"),
    gettext_noop("an app needs a redirect address"),
    gettext_noop("an app needs scopes"),
    gettext_noop("this app has no secret"),
    gettext_noop("a suspended app cannot be changed"),
    gettext_noop("id_tokens are signed with RS256 or ES384"),
    gettext_noop("a resource server needs a proof of its own"),
    gettext_noop("system scopes are for clients with private_key_jwt only"),
    gettext_noop("a webhook must be https"),
    # Addresses
    gettext_noop("it has characters that a redirect address may not have"),
    gettext_noop("it is not a well-formed address"),
    gettext_noop("it has no scheme in lower case"),
    gettext_noop("it carries credentials"),
    gettext_noop("it names no host"),
    gettext_noop("http is only for 127.0.0.1 and [::1]"),
    gettext_noop("a scheme of its own must contain a dot, like com.example.app"),
    gettext_noop("it must begin with https"),
    # Keys
    gettext_noop("a key set goes with private_key_jwt, or the address of one, and only with it"),
    gettext_noop("the address of a key set must be https, without credentials"),
    gettext_noop("the address of a key set must be a whole address of at most 500 characters, without fragment"),
    gettext_noop("a key set needs at least one key"),
    gettext_noop("every key needs a kid"),
    gettext_noop("two keys share a kid"),
    gettext_noop("a private key: register public keys only"),
    gettext_noop("an RSA key below 2048 bits"),
    gettext_noop("an EC key must be on P-384"),
    gettext_noop("a key that does not parse"),
    gettext_noop("a key must be RSA or EC"),
    # Scopes
    gettext_noop("an empty scope"),
    gettext_noop("too long, or characters that no scope may have"),
    gettext_noop("neither a resource scope nor a known name"),
    gettext_noop("a resource scope without permissions"),
    gettext_noop("a v1 scope takes no filters"),
    gettext_noop("a filter is parameter=value, without modifier, chain or _filter"),
    gettext_noop("a broken percent-escape in a filter"),
    gettext_noop("a filter that is no UTF-8"),
    # Logos
    gettext_noop("a logo must be a PNG"),
    gettext_noop("a PNG that is cut off"),
    gettext_noop("a PNG without a picture"),
    gettext_noop("a PNG with a wrong checksum"),
    gettext_noop("a PNG without a header"),
    gettext_noop("a PNG of an unusual kind: save it without interlacing"),
    gettext_noop("a PNG whose pixels do not unpack"),
    gettext_noop("a PNG whose pixels are not as many as it says"),
)
# Those with something in them; what stands there may be one of the above again.
TEMPLATES: Final = (
    gettext_noop("an address after signing out: %(why)s"),
    gettext_noop("the launch address: %(why)s"),
    gettext_noop("a scope: %(why)s"),
    gettext_noop("the scope %(scope)s is not supported"),
    gettext_noop("a logo of at most %(kilobytes)s kB"),
    gettext_noop("a logo from %(least)s to %(most)s pixels wide and high"),
    gettext_noop("a developer has at most %(most)s apps"),
    gettext_noop("an app has at most %(most)s webhooks"),
)
_HOLE: Final = re.compile(r"%\((\w+)\)s")


def told(error: InvalidRegistration) -> str:
    """The error in the language of the page."""
    return _words(str(error))


def _words(said: str) -> str:
    if said in SAID:
        return _(said)
    for template in TEMPLATES:
        found = re.fullmatch(_pattern(template), said)
        if found:
            return _(template) % {name: _words(value) for name, value in found.groupdict().items()}
    return said


def _pattern(template: str) -> str:
    """``a logo of at most %(kilobytes)s kB`` as a regular expression with a group where something stands."""
    parts = _HOLE.split(template)
    return "".join(f"(?P<{part}>.+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
