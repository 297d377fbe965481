"""What is done again and again, and how often: each entry rings a task, and each task finds out what there is to do."""

from __future__ import annotations

from datetime import timedelta


def schedule(lease: timedelta) -> dict[str, dict[str, object]]:
    """Seconds between two rings; ``lease`` is how long a claimed run may be silent."""
    return {
        "ring again for what was lost": {
            "task": "sync.tasks.ring_again",
            "schedule": max(1.0, lease.total_seconds() / 4),
        },
        "sweep out what uploads left": {"task": "sync.tasks.sweep_uploads", "schedule": 3600.0},
        "ring again for exports": {"task": "fhirapi.tasks.ring_again", "schedule": 15.0},
        "sweep out exports": {"task": "fhirapi.tasks.sweep_exports", "schedule": 300.0},
        "look what webhooks have to tell": {"task": "developers.tasks.look_for_news", "schedule": 10.0},
        "sweep out the log of webhooks": {"task": "developers.tasks.sweep", "schedule": 3600.0},
        "label anew what other value sets labelled": {"task": "records.tasks.relabel_waiting", "schedule": 300.0},
        "erase whom it is time to erase": {"task": "custody.tasks.erase_due", "schedule": 60.0},
        "tend the copies that people asked for": {"task": "custody.tasks.tend_downloads", "schedule": 30.0},
        "deliver what clinicians asked": {"task": "smartlaunch.tasks.deliver_waiting", "schedule": 60.0},
        "tell of links that were opened": {"task": "sharing.tasks.tell_again", "schedule": 60.0},
        "remind of access that ends soon": {"task": "portal.tasks.remind", "schedule": 3600.0},
        "remind of what lies ahead": {"task": "portal.tasks.remind_of_what_lies_ahead", "schedule": 60.0},
        "seal the heads of the access logs": {"task": "audit.tasks.take_checkpoints", "schedule": 300.0},
        "tell a security log outside": {"task": "audit.tasks.export", "schedule": 60.0},
        "sweep out dead codes and tokens": {"task": "gateway.tasks.sweep", "schedule": 3600.0},
    }
