"""The words of the embedded suite: concepts and, for every language, one row of forms per concept
(`lexicon/*.tsv`).

A cell contains the form as written. Several words are separated by spaces, and a word may state its
own part of speech ("in/ADP the/DET market/NOUN"). "-" means that the language has no such form for
this concept.
"""

import csv
import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from xstilts_core.tasks import EMBEDDED_LANGUAGES

FOLDER = Path(__file__).with_name("lexicon")
ABSENT = "-"
LANGUAGES = EMBEDDED_LANGUAGES


class _Concept(NamedTuple):
    """A row of concepts.tsv. seen: "held" keeps a name out of pretraining and every training split,
    otherwise "open"."""

    concept: str
    class_name: str
    domain: str
    seen: str


def unknown(kind: str, value: object, source: str, legal: tuple[str, ...]) -> ValueError:
    """Return the error for an illegal value, with its source, a near match and the choices."""
    near = difflib.get_close_matches(str(value), legal, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shown = (
        ", ".join(legal)
        if len(legal) <= 40
        else f"{', '.join(legal[:12])}, ... ({len(legal)} in all)"
    )
    return ValueError(f"{source}: unknown {kind} {value!r}{hint} (one of: {shown})")


def _rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a TSV file; raise ValueError on a wrong width or an empty cell."""
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(reader)
        rows = []
        for number, cells in enumerate(reader, start=2):
            if len(cells) != len(header) or not all(cells):
                raise ValueError(
                    f"{path.name}, line {number}: {cells!r} must fill the {len(header)} columns "
                    f"{', '.join(header)} (write {ABSENT!r} for a form the language has not)"
                )
            rows.append(dict(zip(header, cells, strict=True)))
    return rows


@cache
def inventory() -> Mapping[str, _Concept]:
    """Return every concept by its identifier, in the order of concepts.tsv."""
    table = {
        row["concept"]: _Concept(row["concept"], row["class"], row["domain"], row["seen"])
        for row in _rows(FOLDER / "concepts.tsv")
    }
    return MappingProxyType(table)


@cache
def concepts(
    class_name: str, domain: str | None = None, seen: str | bool | None = None
) -> tuple[str, ...]:
    """Return the identifiers of a class, in file order.

    class_name: name_f, name_m, surname, city, organisation, occupation, animal, thing, mass,
    verb_transitive, verb_person, verb_intransitive, adjective, place, time, indefinite. domain:
    general, clinic or chat; None for all. seen: "open" or True for words that training may show,
    "held" or False for names reserved for development and test.
    """
    rows = inventory().values()
    classes = tuple(dict.fromkeys(row.class_name for row in rows))
    domains = tuple(dict.fromkeys(row.domain for row in rows))
    if class_name not in classes:
        raise unknown("class", class_name, "concepts.tsv", classes)
    if domain is not None and domain not in domains:
        raise unknown("domain", domain, "concepts.tsv", domains)
    if isinstance(seen, bool):
        seen = "open" if seen else "held"
    if seen not in (None, "open", "held"):
        raise unknown("value of seen", seen, "concepts.tsv", ("open", "held"))
    return tuple(
        row.concept
        for row in rows
        if row.class_name == class_name
        and domain in (None, row.domain)
        and seen in (None, row.seen)
    )


def class_of(concept: str) -> str:
    """Return the class of a concept. Raise ValueError if the concept is unknown."""
    table = inventory()
    if concept not in table:
        raise unknown("concept", concept, "concepts.tsv", tuple(table))
    return table[concept].class_name


@cache
def forms(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return a language's rows: concept -> column -> cell. Every concept has exactly one row."""
    if language not in LANGUAGES:
        raise unknown("language", language, "the embedded suite's lexicons", LANGUAGES)
    path = FOLDER / f"{language}.tsv"
    table: dict[str, Mapping[str, str]] = {}
    for row in _rows(path):
        concept = row.pop("concept")
        if concept in table:
            raise ValueError(f"{path.name}: concept {concept!r} has two rows")
        if concept not in inventory():
            raise unknown("concept", concept, path.name, tuple(inventory()))
        table[concept] = MappingProxyType(row)
    missing = [concept for concept in inventory() if concept not in table]
    if missing:
        raise ValueError(
            f"{path.name}: no row for {', '.join(missing)} (every concept of concepts.tsv needs "
            "one)"
        )
    return MappingProxyType(table)


def entry(language: str, concept: str) -> Mapping[str, str]:
    """Return the forms of a concept in a language: column -> cell, `ABSENT` if it lacks one."""
    table = forms(language)
    if concept not in table:
        raise unknown("concept", concept, f"{language}.tsv", tuple(table))
    return table[concept]


@cache
def names(language: str) -> frozenset[str]:
    """Return every written form of the proper names of persons, cities and organisations: case
    endings, and first name with surname."""

    def forms_of(*classes: str) -> list[str]:
        cells = [
            cell
            for name in classes
            for concept in concepts(name)
            for cell in entry(language, concept).values()
        ]
        return [cell for cell in cells if cell != ABSENT]

    first, last = forms_of("name_f", "name_m"), forms_of("surname")
    return frozenset(
        [
            *first,
            *last,
            *forms_of("city", "organisation"),
            *(f"{first_name} {surname}" for first_name in first for surname in last),
        ]
    )
