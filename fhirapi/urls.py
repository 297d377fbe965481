"""Mounted at ``fhir/r4/``. A trailing slash changes nothing."""

from __future__ import annotations

from django.urls import re_path

from fhirapi import views

app_name = "fhirapi"

_TYPE = r"(?P<resource_type>[A-Z][A-Za-z]{1,63})"
_ID = r"(?P<logical_id>[A-Za-z0-9\-.]{1,64})"
_VERSION = r"(?P<version_id>[A-Za-z0-9\-.]{1,64})"

urlpatterns = [
    re_path(r"^metadata/?\Z", views.MetadataView.as_view(), name="metadata"),
    re_path(rf"^{_TYPE}/?\Z", views.SearchView.as_view(), name="search"),
    re_path(rf"^{_TYPE}/_search/?\Z", views.FormSearchView.as_view(), name="form-search"),
    re_path(rf"^{_TYPE}/{_ID}/?\Z", views.InstanceView.as_view(), name="instance"),
    re_path(rf"^{_TYPE}/{_ID}/_history/{_VERSION}/?\Z", views.VersionView.as_view(), name="version"),
    re_path(r"^\Z", views.BaseView.as_view(), name="base"),
    re_path(r"^(?P<path>.*)\Z", views.NowhereView.as_view(), name="nowhere"),
]
