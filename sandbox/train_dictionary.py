"""Train the record store's compression dictionary on our own people: ``python -m sandbox.train_dictionary NUMBER``.

A dictionary is part of the format of what is stored: one that has shipped is never written again, a better one gets the
next number. The samples are single resources as the store writes them.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import zstandard

from sandbox import population, staff
from sandbox.chart import Resource
from standards.fhir import json

BYTES: Final = 112 * 1024
SEEDS: Final = range(2, 8)
CROWD_SEEDS: Final = range(100, 104)
CROWD_RESOURCES: Final = 12_000
SAMPLES: Final = 14_000
SAMPLE_BYTES_MAX: Final = 16_000
DIRECTORY: Final = Path(__file__).resolve().parent.parent / "records" / "dictionaries"


def samples(rng: random.Random) -> list[bytes]:
    """Stored bodies in random order; other seeds than the demo's, so that its people are not in the dictionary."""
    bodies = [body for body in (_body(resource, rng) for resource in _resources()) if len(body) < SAMPLE_BYTES_MAX]
    rng.shuffle(bodies)
    return bodies[:SAMPLES]


def train(bodies: Sequence[bytes]) -> bytes:
    """The dictionary; the same samples give the same bytes with the same zstandard."""
    return zstandard.train_dictionary(BYTES, list(bodies)).as_bytes()


def ratio(dictionary: bytes, bodies: Iterable[bytes], *, level: int = 3) -> float:
    """Bytes of the bodies for one byte compressed, each compressed alone."""
    data = zstandard.ZstdCompressionDict(dictionary)
    data.precompute_compress(level=level)
    compressor = zstandard.ZstdCompressor(dict_data=data, write_dict_id=False)
    plain = packed = 0
    for body in bodies:
        plain += len(body)
        packed += len(compressor.compress(body))
    return plain / packed if packed else 0.0


def _resources() -> Iterator[Resource]:
    for seed in SEEDS:
        for hospital in (staff.RIVERSIDE, staff.LAKESIDE):
            yield from population.all_resources(hospital, seed=seed)
    for seed in CROWD_SEEDS:
        yield from population.big_person(CROWD_RESOURCES, seed=seed)


def _body(resource: Resource, rng: random.Random) -> bytes:
    """A body in the store's order: type, id, our version and time of update, then the rest."""
    moment = f"{rng.randint(2025, 2029)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}"
    updated = f"{moment}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}.{rng.randint(0, 999):03d}Z"
    meta = {"versionId": "1", "lastUpdated": updated, **resource.get("meta", {})}
    rest = {name: value for name, value in resource.items() if name not in {"resourceType", "id", "meta"}}
    return json.dumps({"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta, **rest})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.train_dictionary", description=__doc__)
    parser.add_argument("number", type=int, help="the number of the new dictionary; an existing one is never replaced")
    path = DIRECTORY / f"fhir-{parser.parse_args().number}.zdict"
    if path.exists():
        parser.exit(1, f"{path.name} has shipped: choose the next number\n")
    rng = random.Random(1)  # noqa: S311 - which samples, not a secret
    dictionary = train(samples(rng))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(dictionary)
    people = [_body(resource, rng) for resource in population.all_resources(staff.RIVERSIDE, seed=1)]
    print(f"{path.name}: {len(dictionary)} bytes; {ratio(dictionary, people):.2f} : 1 on people it has not seen")


if __name__ == "__main__":
    main()
