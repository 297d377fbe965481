"""The person's pages."""

from __future__ import annotations

from django.urls import path, re_path

from portal.views import access, account, apps, home, hospitals, records, sensitivity

app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("records/<slug:kind>/", records.listing, name="records"),
    path("record/<str:resource_type>/<str:logical_id>/", records.one, name="record"),
    path("record/<str:resource_type>/<str:logical_id>/hide/", records.hide, name="hide_record"),
    path("record/<str:resource_type>/<str:logical_id>/sensitivity/", sensitivity.mark, name="mark_record"),
    path("private/", sensitivity.listing, name="sensitivity"),
    path("hospitals/", hospitals.listing, name="hospitals"),
    path("hospitals/<int:connection_id>/", hospitals.one, name="hospital"),
    path("hospitals/<int:connection_id>/sync/", hospitals.sync_now, name="sync_hospital"),
    path("hospitals/<int:connection_id>/stop/", hospitals.stop, name="stop_hospital"),
    path("apps/", apps.listing, name="apps"),
    path("apps/<int:authorization_id>/withdraw/", apps.withdraw, name="withdraw_app"),
    path("apps/open/", apps.open_app, name="open_app"),
    path("apps/<int:authorization_id>/pause/", apps.pause, name="pause_app"),
    path("apps/<int:authorization_id>/resume/", apps.resume, name="resume_app"),
    path("apps/<int:authorization_id>/renew/", apps.renew, name="renew_app"),
    path("apps/<int:authorization_id>/receipt/", apps.receipt, name="receipt"),
    re_path(
        r"^apps/(?P<authorization_id>\d{1,18})/(?P<form>receipt|consent)\.json\Z",
        apps.receipt_file,
        name="receipt_file",
    ),
    path("access/", access.log, name="access"),
    path("account/", account.profile, name="account"),
]
