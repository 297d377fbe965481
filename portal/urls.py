"""The person's pages."""

from __future__ import annotations

from django.urls import path, re_path

from portal.views import access, account, apps, download, erasure, files, home, hospitals, people, records, sensitivity

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
    path("hospitals/<int:connection_id>/retry/", hospitals.retry, name="retry_hospital"),
    path("hospitals/<int:connection_id>/schedule/", hospitals.schedule, name="schedule_hospital"),
    path("hospitals/<int:connection_id>/stop/", hospitals.stop, name="stop_hospital"),
    path("files/", files.listing, name="files"),
    path("files/link/", files.link, name="give_link"),
    path("files/<uuid:uid>/", files.one, name="file"),
    path("files/<uuid:uid>/take-back/", files.take_back, name="take_back_file"),
    path("files/<uuid:uid>/<int:number>/answer/", files.answer, name="answer_file"),
    path("files/<uuid:uid>/<int:number>/account.json", files.account, name="file_account"),
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
    path("people/", people.listing, name="people"),
    path("people/invite/", people.invite, name="invite"),
    path("people/invitation/", people.invitation, name="invitation"),
    path("people/invitation/<slug:token>/", people.open_invitation, name="open_invitation"),
    path("people/<uuid:uid>/end/", people.end, name="end_delegation"),
    path("people/<uuid:uid>/pause/", people.pause, name="pause_delegation"),
    path("people/<uuid:uid>/resume/", people.resume, name="resume_delegation"),
    path("people/<uuid:uid>/renew/", people.renew, name="renew_delegation"),
    path("for/<uuid:uid>/", home.acting_home, name="for_home"),
    path("for/<uuid:uid>/apps/open/", apps.open_app, name="for_open_app"),
    path("for/<uuid:uid>/records/<slug:kind>/", records.listing, name="for_records"),
    path("for/<uuid:uid>/record/<str:resource_type>/<str:logical_id>/", records.one, name="for_record"),
    path("access/", access.log, name="access"),
    re_path(r"^access/log\.(?P<form>csv|json|pdf)\Z", access.log_file, name="access_file"),
    path("account/", account.profile, name="account"),
    path("account/download/", download.everything, name="download"),
    path("account/download/record.zip", download.file, name="download_file"),
    path("account/erase/", erasure.erase, name="erase"),
    path("account/keep/", erasure.call_off, name="keep"),
]
