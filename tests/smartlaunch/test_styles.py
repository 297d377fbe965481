"""The EHR's look: values taken one by one, so that no text of another site becomes ours."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from smartlaunch import styles
from tests.smartlaunch import clinics

GOOD = {
    "color_background": "#FAFAFA",
    "color_text": "#111",
    "color_highlight": "#0b5a6e",
    "dim_border_radius": "4px",
    "dim_font_size": "15px",
    "font_family_body": "'Segoe UI', sans-serif",
}


def test_values_become_custom_properties():
    assert styles.sheet(GOOD) == (
        ":root { --radius: 4px; font-size: 15px; --text: 'Segoe UI', sans-serif; }\n"
        "@media not (prefers-color-scheme: dark)"
        " { :root { --ground: #fafafa; --ink: #111; --river: #0b5a6e; } }"
    )


@pytest.mark.parametrize(
    "said",
    [
        {"color_background": "#fff", "color_text": "#ccc"},
        {"color_highlight": "#ffee00"},
        {"color_text": "red;} body{display:none"},
        {"dim_font_size": "4px"},
        {"dim_font_size": "16px;}"},
        {"font_family_body": "x;} @import url(//evil.example)"},
        {"font_family_body": "'open"},
        {"color_highlight": ["#000"]},
        {},
    ],
)
def test_what_is_no_value_or_hard_to_read_is_left_out(said):
    assert styles.sheet(said) == ""


def test_contrast_is_that_of_wcag():
    assert styles.contrast("#000", "#ffffff") == pytest.approx(21)
    assert styles.contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.fixture
def served():
    """An address that answers with whatever ``served.body`` is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.django_db
def test_a_page_of_a_visit_carries_the_style_from_our_own_address(served):
    served.body = b'{"color_highlight": "#0b5a6e"}'
    ehr = clinics.ehr()
    address = f"http://127.0.0.1:{served.server_address[1]}/style.json"
    visit, browser = clinics.visit(clinics.clinician(ehr), at_ehr=ehr, smart_style_url=address)

    assert f'href="/ehr/{visit.uid}/style.css"' in browser.get(f"/ehr/{visit.uid}/").content.decode()
    answer = browser.get(f"/ehr/{visit.uid}/style.css")

    assert answer["Content-Type"] == "text/css"
    assert "--river: #0b5a6e;" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"x" * 30_000])
def test_a_style_that_cannot_be_read_is_no_style(served, body):
    served.body = body

    assert styles.fetched(f"http://127.0.0.1:{served.server_address[1]}/style.json") == ""


def test_an_address_inside_our_network_is_not_asked(settings):
    settings.SANDBOX = False

    assert styles.fetched("http://127.0.0.1:1/style.json") == ""
    assert styles.fetched("https://169.254.169.254/latest/") == ""
