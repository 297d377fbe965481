"""Units of UCUM, and exact ways from one to another (ucum.org, The Unified Code for Units of Measure, version 2.1).

Only what is exact by definition is known. What UCUM has no relation for (an international unit, an equivalent whose
valence nobody states, a titre) stands for itself, and a mass is never an amount of substance: that depends on what it
is of. An annotation in braces is no unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

_PREFIXES: Final[Mapping[str, Fraction]] = {
    "T": Fraction(10**12),
    "G": Fraction(10**9),
    "M": Fraction(10**6),
    "k": Fraction(1000),
    "h": Fraction(100),
    "da": Fraction(10),
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
}
# What takes a prefix: the size in base units, and their powers. Pressure and energy in g, m and s.
_METRIC: Final[Mapping[str, tuple[Fraction, Mapping[str, int]]]] = {
    "m": (Fraction(1), {"m": 1}),
    "g": (Fraction(1), {"g": 1}),
    "s": (Fraction(1), {"s": 1}),
    "K": (Fraction(1), {"K": 1}),
    "mol": (Fraction(1), {"mol": 1}),
    "L": (Fraction(1, 1000), {"m": 3}),
    "l": (Fraction(1, 1000), {"m": 3}),
    "Hz": (Fraction(1), {"s": -1}),
    "N": (Fraction(1000), {"g": 1, "m": 1, "s": -2}),
    "Pa": (Fraction(1000), {"g": 1, "m": -1, "s": -2}),
    "J": (Fraction(1000), {"g": 1, "m": 2, "s": -2}),
    "W": (Fraction(1000), {"g": 1, "m": 2, "s": -3}),
    "bar": (Fraction(10**8), {"g": 1, "m": -1, "s": -2}),
    "cal": (Fraction(4184), {"g": 1, "m": 2, "s": -2}),
    "m[Hg]": (Fraction(133_322_000), {"g": 1, "m": -1, "s": -2}),
    "m[H2O]": (Fraction(9_806_650), {"g": 1, "m": -1, "s": -2}),
    "U": (Fraction(1, 60 * 10**6), {"mol": 1, "s": -1}),
    "kat": (Fraction(1), {"mol": 1, "s": -1}),
    "[iU]": (Fraction(1), {"[iU]": 1}),
    "[IU]": (Fraction(1), {"[iU]": 1}),
    "eq": (Fraction(1), {"eq": 1}),
    "osm": (Fraction(1), {"osm": 1}),
}
_PLAIN: Final[Mapping[str, tuple[Fraction, Mapping[str, int]]]] = {
    "%": (Fraction(1, 100), {}),
    "[ppth]": (Fraction(1, 1000), {}),
    "[ppm]": (Fraction(1, 10**6), {}),
    "10*": (Fraction(10), {}),
    "10^": (Fraction(10), {}),
    "min": (Fraction(60), {"s": 1}),
    "h": (Fraction(3600), {"s": 1}),
    "d": (Fraction(86_400), {"s": 1}),
    "wk": (Fraction(604_800), {"s": 1}),
    "[lb_av]": (Fraction("453.59237"), {"g": 1}),
    "[oz_av]": (Fraction("28.349523125"), {"g": 1}),
    "[stone_av]": (Fraction("6350.29318"), {"g": 1}),
    "[in_i]": (Fraction("0.0254"), {"m": 1}),
    "[ft_i]": (Fraction("0.3048"), {"m": 1}),
    "[yd_i]": (Fraction("0.9144"), {"m": 1}),
    "[mi_i]": (Fraction("1609.344"), {"m": 1}),
    "[Cal]": (Fraction(4_184_000), {"g": 1, "m": 2, "s": -2}),
}
# Whole units only, no part of others: kelvins for each degree, and kelvins at zero.
_SCALES: Final[Mapping[str, tuple[Fraction, Fraction]]] = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
}
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
_TERM: Final = re.compile(r"(?P<atom>10[*^]|(?:[A-Za-z%]|\[[^\[\]]*\])+)(?P<power>[+-]?\d+)?|(?P<number>\d+)")
_LENGTH_MAX: Final = 60
_POWER_MAX: Final = 30

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """``size`` base units of ``dimensions``, counted from ``zero`` of them."""

    size: Fraction
    dimensions: Dimensions
    zero: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Conversion:
    """``value × factor + added``, exactly."""

    factor: Fraction
    added: Fraction

    def __call__(self, value: Fraction) -> Fraction:
        return value * self.factor + self.added


@lru_cache(maxsize=1024)
def conversion(source: str, target: str) -> Conversion | None:
    """The exact way from one unit to another; None where there is none."""
    one, other = parse(source), parse(target)
    if one is None or other is None or one.dimensions != other.dimensions:
        return None
    return Conversion(one.size / other.size, (one.zero - other.zero) / other.size)


@lru_cache(maxsize=1024)
def parse(text: str) -> Unit | None:
    """None for what is no unit of UCUM, or longer than anybody writes one."""
    if len(text) > _LENGTH_MAX:
        return None
    if text in _SCALES:
        size, zero = _SCALES[text]
        return Unit(size, (("K", 1),), zero)
    size, powers = Fraction(1), dict[str, int]()
    plain = _ANNOTATION.sub("", text).strip()
    for sign, term in _terms(plain):
        found = _sized(term)
        if found is None:
            return None
        size *= found[0] ** sign
        for name, power in found[1].items():
            powers[name] = powers.get(name, 0) + sign * power
    # What cancels out is kept: a share of amounts (mmol/mol) is no percentage of anything else (of HbA1c it is none).
    return Unit(size, tuple(sorted(powers.items())))


def _terms(text: str) -> list[tuple[int, str]]:
    """Factors and, after a stroke, divisors: UCUM reads from left to right."""
    parts = re.split(r"([./])", text)
    signs = [1, *(1 if mark == "." else -1 for mark in parts[1::2])]
    # An annotation alone leaves nothing, which is one; so does what stands before a leading stroke.
    return [(sign, term) for sign, term in zip(signs, parts[::2], strict=True) if term]


def _sized(term: str) -> tuple[Fraction, dict[str, int]] | None:
    found = _TERM.fullmatch(term)
    if found is None:
        return None
    if found["number"]:
        number = int(found["number"])
        return (Fraction(number), {}) if number else None
    power = int(found["power"] or 1)
    atom = _atom(found["atom"])
    if atom is None or abs(power) > _POWER_MAX:
        return None
    return atom[0] ** power, {name: each * power for name, each in atom[1].items()}


def _atom(text: str) -> tuple[Fraction, Mapping[str, int]] | None:
    if text in _PLAIN:
        return _PLAIN[text]
    if text in _METRIC:
        return _METRIC[text]
    for prefix, factor in _PREFIXES.items():
        rest = text.removeprefix(prefix)
        if rest != text and rest in _METRIC:
            return _METRIC[rest][0] * factor, _METRIC[rest][1]
    # Bracketed units that are not here have a meaning of their own, and no relation to others.
    return (Fraction(1), {text: 1}) if re.fullmatch(r"\[[^\[\]]+\]", text) else None
