"""Passive rules over an answer, by the numbers of OWASP ZAP's: what a scanner would say without attacking.

Only rules that can be true of an application such as this; each is a predicate that names what is wrong, or nothing.
Source: the table of alerts of zaproxy.org, "passive scan rules".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http.cookies import Morsel

from django.http.response import HttpResponseBase

Rule = Callable[[str, HttpResponseBase, str], bool]
"""Whether the answer of this path, with this text, breaks it."""

SESSION_IDS = re.compile(r"[?&;](session|sid|jsessionid|phpsessid|access_token|token|code_verifier)=", re.IGNORECASE)
TRACE = re.compile(r"Traceback \(most recent call last\)|Exception Value|psycopg\.|django\.core\.exceptions")
FORM = re.compile(r"<form\b[^>]*method=\"?post[^>]*>.*?</form>", re.IGNORECASE | re.DOTALL)
ELSEWHERE = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//", re.IGNORECASE)
BLANK = re.compile(r"<a\b(?=[^>]*target=\"?_blank)(?![^>]*rel=\"[^\"]*noopener)", re.IGNORECASE)
COMMENT = re.compile(r"<!--.*?(?:TODO|FIXME|password|secret|debug).*?-->", re.IGNORECASE | re.DOTALL)
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")|\son\w+=\"|\sstyle=\"|<style", re.IGNORECASE
)


def is_page(answer: HttpResponseBase) -> bool:
    return answer.get("Content-Type", "").startswith("text/html")


def cookies(answer: HttpResponseBase) -> list[Morsel[str]]:
    return [cookie for cookie in answer.cookies.values() if cookie.value]


def is_token_missing(_: str, answer: HttpResponseBase, text: str) -> bool:
    return is_page(answer) and any("csrfmiddlewaretoken" not in form for form in FORM.findall(text))


def is_caged(answer: HttpResponseBase) -> bool:
    """A document that others wrote: without scripts, framed by nobody but us, and without an origin, unless it is only
    the picture of a page (``readable.SHEETS_POLICY``)."""
    policy = answer.get("Content-Security-Policy", "")
    return (
        policy.startswith(("sandbox; default-src 'none';", "sandbox allow-same-origin; default-src 'none';"))
        and "script" not in policy
        and "frame-ancestors 'self'" in policy
        and answer.get("X-Frame-Options") == "SAMEORIGIN"
    )


def is_in_a_chart(path: str, answer: HttpResponseBase) -> bool:
    """A page of a visit: framed by the EHR's origins, each named in full."""
    policy = answer.get("Content-Security-Policy", "")
    named = re.search(r"frame-ancestors ([^;]*)", policy)
    origins = named[1].split() if named else []
    return path.startswith("/ehr/") and bool(origins) and all(re.fullmatch(r"https://[a-z.]+", one) for one in origins)


def is_policy_weak(path: str, answer: HttpResponseBase, text: str) -> bool:
    policy = answer.get("Content-Security-Policy", "")
    if is_caged(answer):
        return "unsafe" in policy or " *" in policy or "<script" in text.lower()
    return (
        "unsafe" in policy
        or " *" in policy
        or ("frame-ancestors 'none'" not in policy and not is_in_a_chart(path, answer))
        or INLINE.search(text) is not None
    )


def is_kept(path: str, answer: HttpResponseBase, _: str) -> bool:
    """A page about somebody may be kept by nobody. What says the same to all may."""
    return is_page(answer) and not (
        {"no-store", "no-cache", "private"} & set(re.split(r"[,\s=]+", answer.get("Cache-Control", "")))
    )


RULES: dict[str, Rule] = {
    "10010 cookie without HttpOnly": lambda _, a, __: any(
        not c["httponly"] for c in cookies(a) if not c.key.endswith("csrf")
    ),
    "10011 cookie without Secure": lambda _, a, __: any(not c["secure"] for c in cookies(a)),
    "10054 cookie without SameSite": lambda _, a, __: any(c["samesite"] not in ("Lax", "Strict") for c in cookies(a)),
    "90033 cookie for more than this host": lambda _, a, __: any(c["domain"] for c in cookies(a)),
    "10015 page that a cache may keep": is_kept,
    "10017 file of another origin": lambda _, __, text: ELSEWHERE.search(text) is not None,
    "10019 no Content-Type": lambda _, a, text: bool(text) and "Content-Type" not in a,
    "10020 may be framed": lambda path, a, __: (
        a.get("X-Frame-Options") != "DENY" and not is_caged(a) and not is_in_a_chart(path, a)
    ),
    "10021 no X-Content-Type-Options": lambda _, a, __: a.get("X-Content-Type-Options") != "nosniff",
    "10023 debug or error details": lambda _, __, text: TRACE.search(text) is not None,
    "10027 suspicious comment": lambda _, __, text: COMMENT.search(text) is not None,
    "10035 no Strict-Transport-Security": lambda _, a, __: (
        "max-age=31536000" not in a.get("Strict-Transport-Security", "")
    ),
    "10036 server tells its version": lambda _, a, __: re.search(r"\d", a.get("Server", "")) is not None,
    "10037 tells what it is made with": lambda _, a, __: "X-Powered-By" in a,
    "10038 no Content-Security-Policy": lambda _, a, __: "Content-Security-Policy" not in a,
    "10055 weak Content-Security-Policy": is_policy_weak,
    "10063 no Permissions-Policy": lambda _, a, __: "camera=()" not in a.get("Permissions-Policy", ""),
    "10098 any origin, with credentials": lambda _, a, __: "Access-Control-Allow-Credentials" in a,
    "10105 basic authentication asked for": lambda _, a, __: (
        a.get("WWW-Authenticate", "").startswith("Basic") and is_page(a)
    ),
    "10108 reverse tabnabbing": lambda _, __, text: BLANK.search(text) is not None,
    "10202 form without a token": is_token_missing,
    "3 session in an address": lambda _, a, text: SESSION_IDS.search(a.get("Location", "")) is not None,
    "90004 not isolated": lambda _, a, __: (
        "Cross-Origin-Resource-Policy" not in a or (is_page(a) and a.get("Cross-Origin-Opener-Policy") != "same-origin")
    ),
    "90011 no charset": lambda _, a, __: is_page(a) and "charset=utf-8" not in a.get("Content-Type", "").lower(),
    "Referrer-Policy": lambda _, a, __: a.get("Referrer-Policy") not in ("same-origin", "no-referrer"),
}


def broken(path: str, answer: HttpResponseBase) -> list[str]:
    """The rules this answer breaks."""
    streamed = getattr(answer, "streaming", False)
    text = "" if streamed else answer.content.decode(errors="replace")  # type: ignore[attr-defined]
    return [name for name, rule in RULES.items() if rule(path, answer, text)]
