"""``manage.py feed_show [SLUG]``: what organisations exported to us, and what became of every line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from sync.models import Feed, Shipment


class Command(BaseCommand):
    help = "Show each feed with its newest shipments: every line taken, about others, about nobody, or unreadable."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", default="", help="of one hospital only")
        parser.add_argument("--shipments", type=int, default=3, help="how many of each")

    def handle(self, *, slug: str, shipments: int, **options: Any) -> None:
        feeds = Feed.objects.select_related("hospital").order_by("hospital__name")
        for feed in feeds.filter(hospital__slug=slug) if slug else feeds:
            following = f"next {_moment(feed.due)}" if feed.active else "stopped"
            self.stdout.write(f"{feed.hospital.name} ({feed.hospital.slug}): {feed.group or 'everything'}, {following}")
            for shipment in Shipment.objects.filter(feed=feed).order_by("-pk")[:shipments]:
                self._show(shipment)

    def _show(self, shipment: Shipment) -> None:
        what = f"since {shipment.since}" if shipment.since else "whole"
        reason = shipment.problem or shipment.said
        told = f"  {_moment(shipment.queued)} {what}: {shipment.state}{f' ({reason})' if reason else ''}"
        self.stdout.write(told)
        for file in shipment.files.all():
            stated = "" if file.stated is None else f" of {file.stated}"
            self.stdout.write(
                f"    {file.kind} {file.resource_type}: {file.lines}{stated} lines, {file.taken} taken, "
                f"{file.others} about others, {file.unassigned} about nobody, {file.unreadable} unreadable: "
                f"{file.state}"
            )


def _moment(at: Any) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at else "never"
