"""The receipt of a decision: what she decided, in words for her and as files to keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import ledger, resources, texts
from consent.models import Act, Decision, Grantee
from consent.terms import Terms
from gateway import wording
from gateway.models import Purpose
from portal import admissions, sources, when
from records.sources import addresses

ACTS = {
    Act.GRANT: gettext_lazy("You said yes"),
    Act.REFUSE: gettext_lazy("You said no"),
    Act.WITHDRAW: gettext_lazy("You withdrew it"),
    Act.PAUSE: gettext_lazy("You paused it"),
    Act.RESUME: gettext_lazy("You let it go on"),
    Act.RENEW: gettext_lazy("You renewed it"),
}

ACTS_OF_TWO = {
    Act.GRANT: gettext_lazy("Let in"),
    Act.REFUSE: gettext_lazy("Not let in"),
    Act.WITHDRAW: gettext_lazy("Ended"),
    Act.PAUSE: gettext_lazy("Paused"),
    Act.RESUME: gettext_lazy("Let go on"),
    Act.RENEW: gettext_lazy("Renewed"),
}


@dataclass(frozen=True)
class Receipt:
    """``later`` are all decisions about the same app, oldest first: (when, what). ``number`` is the decision's uid.

    ``owner``: whose record it is about, where somebody who acts for the owner decided; else "".
    """

    name: str
    owner: str
    decided: str
    actor: str
    granted: tuple[str, ...]
    writes: tuple[str, ...]
    limits: tuple[str, ...]
    asked: tuple[str, ...]
    records: str
    purpose: str
    ends: str
    promises: tuple[str, ...]
    text: texts.Text
    number: str
    later: tuple[tuple[str, str], ...]


def of(decision: Decision) -> Receipt:
    about = Decision.objects.filter(
        owner=decision.owner, grantee_kind=decision.grantee_kind, grantee=decision.grantee, act__in=ACTS
    ).select_related("actor")
    asked = (*admissions.sees(decision.scopes_asked), *admissions.writes(decision.scopes_asked))
    promised = decision.shown.get("promised", {})
    others = decision.grantee_kind == Grantee.DELEGATE_APP
    return Receipt(
        name=decision.grantee_name,
        owner=(decision.owner.name or decision.owner.email) if others else "",
        decided=when.moment(decision.decided),
        actor=decision.actor.name or decision.actor.email,
        granted=admissions.sees(decision.scopes_granted),
        writes=admissions.writes(decision.scopes_granted),
        limits=tuple(admissions.limits(Terms.of(decision.terms))),
        asked=tuple(dict.fromkeys(asked)),
        records=str(decision.shown.get("records", "")),
        purpose=str(Purpose(decision.purpose).label) if decision.purpose in Purpose.values else decision.purpose,
        ends=when.moment(decision.ends) or _("no end"),
        promises=tuple(map(str, wording.promised(promised))) if promised else (),
        text=_text(decision),
        number=str(decision.uid),
        later=tuple((when.moment(each.decided), _act(each, others)) for each in about.order_by("sequence")),
    )


def _act(decision: Decision, others: bool) -> str:
    """What was done; where two people can do it, with the name of who did."""
    if not others:
        return str(ACTS[Act(decision.act)])
    return f"{ACTS_OF_TWO[Act(decision.act)]} ({decision.actor.name or decision.actor.email})"


def as_json(decision: Decision) -> dict[str, Any]:
    """The receipt for a machine, with the hash that chains the decision: what verify_ledger proves."""
    text = _text(decision)
    return {
        "receipt": str(decision.uid),
        "decision": decision.act,
        "decided": decision.decided.isoformat(),
        "person": {"name": decision.owner.name, "patient": f"Patient/{decision.owner.patient_id}"},
        "decided_by": {"name": decision.actor.name, "self": decision.actor_id == decision.owner_id},
        "recipient": {"kind": decision.grantee_kind, "id": decision.grantee, "name": decision.grantee_name},
        "scopes": {
            "asked": decision.scopes_asked,
            "granted": decision.scopes_granted,
            "refused": decision.scopes_refused,
        },
        "terms": {**decision.terms, "sources": _sources(decision)},
        "purpose": decision.purpose,
        "ends": decision.ends.isoformat() if decision.ends else None,
        "shown": decision.shown,
        "text": {
            "version": decision.text_version,
            "language": decision.language,
            "sha256": decision.text_hash,
            "title": text.title,
            "paragraphs": list(text.paragraphs),
        },
        "chain": {
            "sequence": decision.sequence,
            "previous": bytes(decision.previous_hash).hex(),
            "hash": bytes(decision.hash).hex(),
        },
    }


def as_consent(decision: Decision, *, at: datetime) -> dict[str, Any]:
    """The same as FHIR R4 Consent, as the API serves it."""
    owner = decision.owner
    newest = ledger.newest(owner.pk, decision.grantee, kind=decision.grantee_kind)
    return resources.consent(
        decision,
        patient_id=owner.patient_id,
        status=resources.status(decision, newest=newest, at=at),
        changed=resources.changed(decision, following=ledger.following(decision), at=at),
        sources=addresses(Terms.of(decision.terms).sources or ()),
    )


def _sources(decision: Decision) -> list[str] | None:
    chosen = Terms.of(decision.terms).sources
    return None if chosen is None else sorted(sources.names(chosen).values())


def _text(decision: Decision) -> texts.Text:
    """The text she read, if it is kept; of a decision from before there were files, only its name."""
    if texts.digest(decision.text_version, decision.language):
        return texts.read(decision.text_version, decision.language)
    return texts.Text(decision.text_version, decision.language, "", (), "")
