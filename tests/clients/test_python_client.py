"""PyPI ``fhirclient``: its own SMART flow, from the CapabilityStatement to pages of a search and a new token."""

from __future__ import annotations

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation

from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "the Python client: standalone launch, refresh, paging")
def test_python_client_standalone(site, method):
    person = parties.sign_up()
    parties.store_observations(person, laboratory=7)
    app = App.register(method=method)
    client = FHIRClient(
        settings={
            "app_id": app.client_id,
            "app_secret": app.secret,
            "api_base": f"{site}/fhir/r4",
            "redirect_uri": app.redirect_uri,
            "scope": "openid fhirUser offline_access patient/*.rs",
        }
    )
    assert not client.ready

    assert not client.prepare()
    client.handle_callback(builders.let_in(client.authorize_url, person))

    assert client.ready
    assert (client.patient_id, client.patient.id) == (person.patient_id, person.patient_id)
    wanted = Observation.where({"patient": client.patient_id, "_count": "3"})
    assert len({found.id for found in wanted.perform_resources_iter(client.server)}) == 7
    before = client.server.auth.access_token
    assert client.reauthorize()
    assert client.server.auth.access_token != before
    assert client.launch_context["patient"] == person.patient_id
    assert len(list(wanted.perform_resources_iter(client.server))) == 7
    client.server.session.close()  # it keeps its connection, and our end of it one to the database
