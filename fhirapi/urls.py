"""Mounted at ``fhir/r4/``. A trailing slash changes nothing."""

from __future__ import annotations

from django.urls import re_path

from fhirapi import batches, changes, compartments, datapoints, histories, operations, views
from fhirapi.bulk import urls as bulk

app_name = "fhirapi"

_TYPE = r"(?P<resource_type>[A-Z][A-Za-z]{1,63})"
_ID = r"(?P<logical_id>[A-Za-z0-9\-.]{1,64})"
_VERSION = r"(?P<version_id>[A-Za-z0-9\-.]{1,64})"

urlpatterns = [
    # Tried in this order: what is called most stands first.
    re_path(rf"^{_TYPE}/?\Z", changes.TypeView.as_view(), name="search"),
    re_path(rf"^{_TYPE}/{_ID}/?\Z", changes.RecordView.as_view(), name="instance"),
    *bulk.urlpatterns,
    re_path(r"^metadata/?\Z", views.MetadataView.as_view(), name="metadata"),
    re_path(rf"^{_TYPE}/_search/?\Z", views.FormSearchView.as_view(), name="form-search"),
    re_path(rf"^{_TYPE}/_history/?\Z", histories.TypeHistoryView.as_view(), name="type-history"),
    re_path(rf"^{_TYPE}/{_ID}/_history/{_VERSION}/?\Z", views.VersionView.as_view(), name="version"),
    re_path(rf"^{_TYPE}/{_ID}/_history/?\Z", histories.HistoryView.as_view(), name="history"),
    re_path(rf"^Patient/{_ID}/\$everything/?\Z", operations.EverythingView.as_view(), name="everything"),
    re_path(r"^Patient/\$everything/?\Z", operations.EverythingView.as_view(), name="everything-of-all"),
    re_path(rf"^Patient/{_ID}/\$summary/?\Z", operations.SummaryView.as_view(), name="summary"),
    re_path(r"^Patient/\$summary/?\Z", operations.SummaryView.as_view(), name="summary-by-identifier"),
    re_path(r"^DocumentReference/\$docref/?\Z", operations.DocumentsView.as_view(), name="docref"),
    re_path(
        r"^Observation/\$open-mhealth/?\Z",
        datapoints.DataPointsView.as_view(),
        {"resource_type": "Observation"},
        name="data-points",
    ),
    re_path(rf"^Patient/{_ID}/{_TYPE}/?\Z", compartments.CompartmentView.as_view(), name="compartment"),
    re_path(
        rf"^Patient/{_ID}/{_TYPE}/_search/?\Z", compartments.FormCompartmentView.as_view(), name="form-compartment"
    ),
    re_path(rf"^Patient/{_ID}/\*/?\Z", compartments.WholeCompartmentView.as_view(), name="whole-compartment"),
    re_path(r"^\Z", batches.BaseView.as_view(), name="base"),
    re_path(r"^(?P<path>(?s:.*))\Z", views.NowhereView.as_view(), name="nowhere"),
]
