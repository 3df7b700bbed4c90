"""What the labels of foreign files mean: a renaming, the inventory to hold them against, or one derived from the data."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from newsgold.corpus.codec import read_bytes
from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY, Label, Labels, RelationLabel, TypeLabel
from newsgold.corpus.tables import Document
from newsgold.errors import DataError, finding, quote

SECTIONS = ("types", "kinds", "relations", "factualities", "polarities", "bases")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the labels of foreign files mean: a renaming, then the inventory they must be in; without one anything goes."""

    labels: Labels | None = None
    mapping: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """By section of the inventory the own name of a foreign one; ``None`` leaves its items out."""

    def name(self, section: str, foreign: str) -> str | None:
        """The own name of a foreign label; ``None`` for one that is to be left out."""
        return self.mapping.get(section, {}).get(foreign, foreign)


def load_mapping(path: Path) -> dict[str, dict[str, str | None]]:
    """A renaming of labels from TOML: tables named as the sections of an inventory, ``foreign = "own"`` or ``foreign = false``.

    Raises :class:`DataError` where it is not of that shape.
    """
    try:
        table = tomllib.loads(read_bytes(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError("the mapping cannot be read", [finding("BAD_TOML", str(path), got=quote(str(error)))]) from error
    found = [
        finding("BAD_LABELS", str(path), pointer=f"/{section}", got=quote(section), wanted=f"one of {', '.join(SECTIONS)}")
        for section in table
        if section not in SECTIONS or not isinstance(table[section], dict)
    ]
    sound = [section for section in table if section in SECTIONS and isinstance(table[section], dict)]
    rows = [(section, name, own) for section in sound for name, own in table[section].items()]
    found += [
        finding("BAD_LABELS", str(path), pointer=f"/{section}/{name}", got=quote(own), wanted="a label, or false")
        for section, name, own in rows
        if own is not False and not isinstance(own, str)
    ]
    if found:
        raise DataError("the mapping cannot be used", found)
    return {section: {name: own or None for name, own in table[section].items()} for section in table}


def derive_labels(documents: Iterable[Document], name: str) -> Labels:
    """An inventory that holds just the labels of the data, each relation with the types it was seen between."""
    kinds: set[str] = set()
    types: dict[str, set[str | None]] = {}
    relations: dict[str, tuple[set[str], set[str]]] = {}
    seen: dict[str, set[str]] = {"factualities": set(), "polarities": set(), "bases": set()}
    for gold in (document.gold for document in documents if document.gold is not None):
        kind_of: dict[str | None, str] = {}
        for m in gold.mentions or ():
            types.setdefault(m.type, set()).add(m.kind)
            kind_of[m.id] = m.type
        kind_of |= {e.id: kind_of[e.mentions[0]] for e in gold.entities or () if e.mentions and e.mentions[0] in kind_of}
        for r in gold.relations or ():
            domain, range_ = relations.setdefault(r.type, (set(), set()))
            domain.add(kind_of.get(r.head, ""))
            range_.add(kind_of.get(r.tail, ""))
            seen["factualities"].add(r.factuality)
        for s in gold.stances or ():
            seen["polarities"].add(s.polarity)
            seen["bases"].add(s.basis)
    values = {t for t, found in types.items() if found == {"VAL"}}
    for found in types.values():
        kinds |= {kind for kind in found if kind is not None}
    kinds |= {"NAM"} if types.keys() - values else set()

    def plain(found: Iterable[str]) -> dict[str, Label]:
        return {value: Label(**_words(value, name)) for value in sorted(found)}

    return Labels(
        name=name,
        version="1",
        kinds=plain(kinds),
        types={t: TypeLabel(value=t in values, **_words(t, name)) for t in sorted(types)},
        relations={
            r: RelationLabel(domain=tuple(sorted(d - {""})), range=tuple(sorted(t - {""})), **_words(r, name))
            for r, (d, t) in sorted(relations.items())
        },
        factualities=plain(seen["factualities"] | {DEFAULT_FACTUALITY}) if seen["factualities"] - {DEFAULT_FACTUALITY} else {},
        polarities=plain(seen["polarities"]),
        bases=plain(seen["bases"] | {DEFAULT_BASIS}) if seen["bases"] - {DEFAULT_BASIS} else {},
    )


def _words(value: str, name: str) -> Any:
    return {"name": value, "definition": f"{value}, as the {name} files use it.", "test": f"Would those files call it {value}?"}


def encode_labels(labels: Labels) -> bytes:
    """An inventory as the TOML file it can be read from."""
    table: dict[str, Any] = msgspec.to_builtins(labels)
    for section in SECTIONS:
        for row in table[section].values():
            del row["name"]
            for empty in [key for key, value in row.items() if value is None]:
                del row[empty]
        if not table[section] and section not in ("kinds", "types"):
            del table[section]
    return tomli_w.dumps(table).encode("utf-8")
