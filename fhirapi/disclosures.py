"""What an answer gave away, for the access log: kinds and numbers, parameter names, never a value (DESIGN D15)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate
from fhirapi.bundles import Entry
from gateway import tokens, usage
from gateway.bearer import Bearer
from records.query import Query
from standards.smart import scopes

ORIGIN_LENGTH_MAX = 64
_ACTION: Final = {
    "create": Action.CREATE,
    "update": Action.UPDATE,
    "patch": Action.UPDATE,
    "delete": Action.DELETE,
    "search": Action.EXECUTE,
    "operation": Action.EXECUTE,
    "batch": Action.EXECUTE,
    "transaction": Action.EXECUTE,
}


@dataclass
class Disclosure:
    """Filled while the request is answered, written to her access log before the answer leaves."""

    interaction: str
    types: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    asked: str = ""
    parameters: Sequence[str] = ()
    record: str = ""
    """The one record that was read, ``Type/id``."""
    withheld: bool = False
    """What was asked for is there, and her consent keeps it back: she is told so, the reader is not."""
    told: bool = False
    """The access log has it already, from the transaction of the change itself."""

    def add(self, entries: Iterable[Entry]) -> None:
        self.types.update([entry.resource_type for entry in entries])

    def add_category(self, resource_type: str, category: str | None) -> None:
        """Every record of the type in this answer is of this category, as the search or the scopes demanded."""
        if category is not None:
            self.categories[f"{resource_type} {category}"] = self.types[resource_type]

    def detail(self, status: int, *, by: Mapping[str, str]) -> dict[str, Any]:
        """``by``: who had opened the app, where that was not the owner of the record."""
        known: dict[str, Any] = {"status": status, "records": self.types.total(), "types": dict(self.types), **by}
        if self.record:
            known["record"] = self.record
        if self.withheld:
            known["withheld"] = 1
        if self.asked:
            known["asked"] = self.asked
        if self.categories:
            known["categories"] = dict(self.categories)
        if self.parameters:
            known["parameters"] = list(self.parameters)
        return known


def record(disclosure: Disclosure, *, to: Bearer, status: int, origin: str) -> None:
    """Append the one event of this answer; durable when this returns."""
    letter = gate.LETTER.get(disclosure.interaction, "r")
    usage.note_call(to.client_id, ok=status < 400, permissions=[f"{kind}.{letter}" for kind in disclosure.types])
    if disclosure.told:
        return
    events.append(
        owner_id=to.owner_id,
        action=_ACTION.get(disclosure.interaction, Action.READ),
        interaction=disclosure.interaction,
        outcome=_outcome(status),
        agent_kind=Agent.APP,
        agent=to.client_id,
        agent_name=to.application_name,
        consent_id=to.decision_id,
        origin=origin[:ORIGIN_LENGTH_MAX],
        detail=disclosure.detail(status, by=opened_by(to)),
    )


def opened_by(bearer: Bearer) -> dict[str, str]:
    """Who had opened the app, by subject: a clinician, or who acts for the owner; none for herself."""
    if bearer.staff or bearer.shared:
        return {"clinician": bearer.subject}
    return tokens.acting(bearer.delegation, bearer.subject)


def _outcome(status: int) -> Outcome:
    if status < 400:
        return Outcome.SUCCESS
    return Outcome.REFUSED if status < 500 else Outcome.FAILED


def category_of(query: Query, granted: Iterable[scopes.Scope], *, letter: str) -> str | None:
    """The one known category that everything the query finds belongs to; None where it may be several.

    Known are US Core's, written ``system|code`` in a scope or a search; said is only the code.
    """
    known = scopes.US_CORE_GRANULAR.get(query.resource_type, ())
    asked = [clause.values for clause in query.clauses if clause.code == "category" and clause.modifier is None]
    for values in asked:
        named = {value for value in known if values in ((value,), (value.rpartition("|")[2],))}
        if named:
            return named.pop().rpartition("|")[2]
    reaching = [scope for scope in granted if scopes.permits(scope, query.resource_type, letter)]
    return _only_category(reaching, known)


def _only_category(reaching: list[scopes.Scope], known: tuple[str, ...]) -> str | None:
    named = {
        next((value for name, value in scope.filters if name == "category"), "")
        for scope in reaching
        if isinstance(scope, scopes.ResourceScope)
    }
    only = named.pop() if len(named) == 1 else ""
    return only.rpartition("|")[2] if only in known else None
