"""Many small hospitals in one process: each answers what a pull asks, about any patient, and keeps count of who asked.

``python -m benchmarks.hospitals PORT OBSERVATIONS``. ``/h3/fhir/…`` is hospital 3; ``/told`` is what it counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import requests

from benchmarks import population

PAGE: Final = 100
TYPES: Final = ("Patient", "Observation")
_BY_PATIENT: Final = [{"name": "patient", "type": "reference"}]
_STATEMENT: Final = json.dumps(
    {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [
            {
                "mode": "server",
                "resource": [{"type": name, "searchParam": _BY_PATIENT} for name in TYPES],
            }
        ],
    }
).encode()
_SUBJECT: Final = "0000-0000"


class Hospitals:
    """``most``: the most requests of one patient that were under way at once; ``minutes``: requests by hospital and
    minute."""

    def __init__(self, observations: int) -> None:
        self.under_way: Counter[str] = Counter()
        self.most = 0
        self.minutes: Counter[str] = Counter()
        drawn = list(population.observations(_SUBJECT, observations))
        for each in drawn:
            del each["encounter"]  # nothing else is here to be fetched
        texts = [f'{{"resource":{json.dumps(each)}}}' for each in drawn]
        self.pages = [",".join(texts[start : start + PAGE]) for start in range(0, observations, PAGE)]
        self.total = observations

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                body = await self.answer(line.split()[1].decode())
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, target: str) -> bytes:
        parts = urlsplit(target)
        if parts.path == "/told":
            return json.dumps({"most": self.most, "minutes": self.minutes}).encode()
        _, hospital, _, asked, *rest = parts.path.split("/")
        self.minutes[f"{hospital} {int(time.time() // 60)}"] += 1
        query = parse_qs(parts.query)
        if asked == "metadata":
            return _STATEMENT
        patient = rest[0] if rest else query["patient"][0].rpartition("/")[2]
        self.under_way[patient] += 1
        self.most = max(self.most, self.under_way[patient])
        try:
            await asyncio.sleep(0.02)  # a hospital is some way off
            if rest:
                return json.dumps({"resourceType": "Patient", "id": patient, "gender": "female"}).encode()
            return self.page(hospital, patient, int(query.get("page", ["0"])[0]))
        finally:
            self.under_way[patient] -= 1

    def page(self, hospital: str, patient: str, number: int) -> bytes:
        base = f"http://127.0.0.1:{sys.argv[1]}/{hospital}/fhir"
        further = number + 1 < len(self.pages)
        link = (
            f'{{"relation":"next","url":"{base}/Observation?patient={patient}&page={number + 1}"}}' if further else ""
        )
        entries = self.pages[number]
        bundle = (
            f'{{"resourceType":"Bundle","type":"searchset","total":{self.total},"link":[{link}],"entry":[{entries}]}}'
        )
        return bundle.replace(_SUBJECT, patient).encode()


async def main() -> None:
    port, observations = int(sys.argv[1]), int(sys.argv[2])
    server = await asyncio.start_server(Hospitals(observations).serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def told(port: int) -> dict[str, Any]:
    """What the hospitals counted."""
    counted: dict[str, Any] = requests.get(f"http://127.0.0.1:{port}/told", timeout=30).json()
    return counted


if __name__ == "__main__":
    asyncio.run(main())
