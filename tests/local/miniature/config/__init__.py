"""The smallest product that the demo can run: a page, a task queue, an order or two."""

from __future__ import annotations

from celery import Celery

from config import values

app = Celery("miniature", broker=values.read()["BROKER_URL"])
app.conf.broker_connection_retry_on_startup = True
app.conf.beat_schedule_filename = f"{values.read()['VAR_DIR']}/beat-schedule"
