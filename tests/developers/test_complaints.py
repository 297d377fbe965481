"""What is wrong with an app is said in the developer's language, whichever room found it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from developers import complaints
from gateway.errors import InvalidRegistration

RAISED = {"InvalidRegistration", "InvalidRedirect", "InvalidScope"}
WHERE = (
    "gateway/clients.py", "gateway/redirects.py", "gateway/assertions.py", "gateway/keysets.py", "gateway/logos.py",
    "standards/smart/scopes.py", "developers/registrations.py", "developers/webhooks.py",
)  # fmt: skip


def said_there() -> set[str]:
    """Every text that these modules raise, or return as a problem; ``{}`` where something stands in it."""
    found = set()
    for file in WHERE:
        for node in ast.walk(ast.parse(Path(settings.BASE_DIR, file).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                found |= texts(node.args[0])
            if isinstance(node, ast.FunctionDef) and node.name.endswith("problem"):
                returned = (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
                found |= {text for value in returned for text in texts(value)}
    return found


def texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return texts(node.body) | texts(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return {"".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)}
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def test_every_complaint_has_words_in_every_language():
    listed = {*complaints.SAID, *(complaints._HOLE.sub("{}", template) for template in complaints.TEMPLATES)}
    assert len(said_there()) > 40

    assert said_there() - listed == set()
    assert listed - said_there() == set(), "nobody says these any more"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("a logo must be a PNG", "un logotipo debe ser un PNG"),
        ("the scope patient/X.rs is not supported", "el permiso patient/X.rs no está disponible"),
        ("a scope: an empty scope", "un permiso: un permiso vacío"),
        ("what nobody says", "what nobody says"),
    ],
)
def test_a_complaint_is_told_in_spanish(said, told):
    with translation.override("es"):
        assert complaints.told(InvalidRegistration(said)) == told
    with translation.override("en"):
        assert complaints.told(InvalidRegistration(said)) == said
