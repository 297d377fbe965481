"""Questionnaires on an organisation's own pages: the form by which staff brings one, and what each asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import questionnaires
from portal.asking import Unaskable
from portal.questionnaires import Asked
from smartlaunch import questionnaires as offers
from smartlaunch.models import Organization, Questionnaire

_ITS_OWN: Final = ""


class QuestionnaireForm(forms.Form):
    """One of ours, or a file. Of a valid form ``given`` is the Questionnaire, and ``ours`` the name of one of ours."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        allow_empty_file=True,
        help_text=gettext_lazy("A FHIR R4 Questionnaire in JSON, at most 64 kB."),
        widget=forms.FileInput({"accept": ".json,application/json,application/fhir+json"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        ours = [(name, questionnaires.ours(name).title) for name in questionnaires.OURS]
        choices = [(_ITS_OWN, _("Our own, from a file")), *ours]
        self.fields["ours"] = forms.ChoiceField(label=_("Which"), required=False, choices=choices)
        self.order_fields(["ours", "file"])

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if ours := said.get("ours"):
            # Ours are named in the language of the site; she is asked in hers.
            self.given = questionnaires.ours(ours).resource
        elif "file" in said:
            self.given = self._taken(said["file"])
        return said

    def _taken(self, file: UploadedFile[bytes] | None) -> Any:
        if file is None:
            self.add_error("file", _("Choose a file, or one of the questionnaires above."))
            return None
        try:
            return questionnaires.taken(file.read(questionnaires.BYTES_MAX + 1), address=f"urn:uuid:{uuid.uuid4()}")
        except questionnaires.Unusable as error:
            self.add_error("file", str(error))
        except Unaskable as error:
            item = f"“{error.item}”: " if error.item else ""
            self.add_error("file", f"{item}{error.why.value}")
        return None


def asked(questionnaire: Questionnaire) -> Asked:
    """As it is asked: of ours in the language of the page, or of its own words."""
    if questionnaire.ours:
        return questionnaires.ours(questionnaire.ours)
    return questionnaires.asked(offers.resource(questionnaire), name=str(questionnaire.uid))


def offered(organization: Organization) -> Iterator[tuple[Questionnaire, Asked]]:
    return ((each, asked(each)) for each in offers.offered(organization))
