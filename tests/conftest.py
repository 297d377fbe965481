"""What every test has: real servers (tests/settings.py starts them), and no network beyond this machine."""

from __future__ import annotations

from tests import network

network.close()
