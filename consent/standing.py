"""What stands: a decision as the gate asks for it at every request, in one prepared statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from consent.models import Grantee
from records import statements

JUST_NOW: Final = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gate needs of a decision that stood when it was ``asked`` for; the rest are the columns of STANDS.

    ``patient_id`` is that of the owner's one Patient. ``hidden``: ``Type/id`` of the records she hid from everyone or
    from this grantee.
    """

    asked: datetime
    pk: int
    owner_id: int
    grantee_kind: str
    grantee: str
    scopes_granted: list[str]
    terms: dict[str, Any]
    decided: datetime
    patient_id: str
    hidden: list[str]

    def answers(self, decision_id: int, *, owner_id: int, grantee: str, kind: str, at: datetime) -> bool:
        """Whether this is the decision in question, read just now: a long request asks again and again."""
        known = (self.pk, self.owner_id, self.grantee_kind, self.grantee)
        return known == (decision_id, owner_id, kind, grantee) and timedelta() <= at - self.asked <= JUST_NOW


STANDS: Final = """
    SELECT d.id, d.owner_id, d.grantee_kind, d.grantee, d.scopes_granted, d.terms, d.decided, o.patient_id, ARRAY(
        SELECT h.record FROM consent_hiddenrecord h WHERE h.owner_id = d.owner_id
        AND ((h.grantee_kind = d.grantee_kind AND h.grantee = d.grantee) OR h.grantee_kind = 'everyone'))
    FROM consent_decision d JOIN accounts_person o ON o.id = d.owner_id
    WHERE d.id = {decision} AND d.owner_id = {owner} AND d.grantee_kind = {kind} AND d.grantee = {grantee}
    AND d.act IN ('grant', 'resume', 'renew') AND (d.ends IS NULL OR d.ends > {at}) AND NOT EXISTS (
        SELECT 1 FROM consent_decision n WHERE n.owner_id = d.owner_id AND n.grantee_kind = d.grantee_kind
        AND n.grantee = d.grantee AND n.act IN ('grant', 'resume', 'renew', 'withdraw', 'pause')
        AND n.sequence > d.sequence)
"""
"""What ``ledger.grants_to`` asks too, for prepared statements: its blanks are placeholders, or columns."""

_ASK_STANDING: Final = STANDS.format(decision="%s", owner="%s", kind="%s", grantee="%s", at="%s")


def standing(
    decision_id: int, *, owner_id: int, grantee: str, at: datetime, kind: str = Grantee.APP
) -> Standing | None:
    """This very decision, if it lets read, has not ended and nothing newer was decided for the same grantee."""
    rows = statements.read(_ASK_STANDING, [decision_id, owner_id, str(kind), grantee, at])
    return Standing(at, *rows[0]) if rows else None
