"""The label inventory: types, kinds, relations and stance, read from one TOML file.

Everything that depends on labels asks here: the validator for domains and
ranges, the schemas for their enums, the Label Studio configuration for its
controls, the scorer for symmetry and value types. Another team's labels are
another file, nothing else.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from newsgold.corpus.shapes import shape_faults
from newsgold.corpus.toml import decode_toml, locate_toml
from newsgold.errors import DataError, FileFault, Finding, finding, quote

DEFAULT_FACTUALITY = "asserted"
DEFAULT_BASIS = "explicit"


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value of a closed set, such as a mention kind or a polarity."""

    name: str = ""
    definition: str
    test: str
    colour: str | None = None
    hotkey: str | None = None


class TypeLabel(Label, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entity type."""

    value: bool = False
    """Its mentions are values (kind VAL), such as dates and counts."""
    counts_as: str | None = None
    """A type wherever that one is accepted in relations; may share that type's clusters."""


class RelationLabel(Label, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A relation between entities."""

    domain: tuple[str, ...]
    range: tuple[str, ...]
    symmetric: bool = False
    transitive: bool = False
    excludes: tuple[str, ...] = ()


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole inventory; every section maps a label's name to the label, in the file's order.

    A section that is absent or empty is off: without relations or polarities there is no such layer;
    without factualities or bases every item has the one that stands for none, and nothing is asked.
    """

    name: str
    version: str
    kinds: dict[str, Label]
    types: dict[str, TypeLabel]
    relations: dict[str, RelationLabel] = {}
    factualities: dict[str, Label] = {}
    polarities: dict[str, Label] = {}
    bases: dict[str, Label] = {}

    @property
    def allowed_factualities(self) -> tuple[str, ...]:
        """The factualities that a relation may have."""
        return tuple(self.factualities) or (DEFAULT_FACTUALITY,)

    @property
    def allowed_bases(self) -> tuple[str, ...]:
        """The bases that a stance may have."""
        return tuple(self.bases) or (DEFAULT_BASIS,)

    def kind(self, type_name: str, kind: str | None = None) -> str:
        """The kind of a mention: as given, or VAL for value types and NAM for the rest."""
        if kind is not None:
            return kind
        label = self.types.get(type_name)
        return "VAL" if label is not None and label.value else "NAM"

    def symmetric(self, relation: str) -> bool:
        """Whether the relation is unordered; unknown relations are not."""
        label = self.relations.get(relation)
        return label is not None and label.symmetric

    def accepts(self, wanted: tuple[str, ...], type_name: str) -> bool:
        """Whether an entity of this type may stand where one of ``wanted`` is asked for."""
        if type_name in wanted:
            return True
        label = self.types.get(type_name)
        return label is not None and label.counts_as in wanted

    def cluster_type(self, types: set[str]) -> str | None:
        """The one type of a cluster whose mentions have these types, or ``None`` if they mix.

        A type that counts as another may share the other's cluster, which then has the other's type.
        """
        if len(types) == 1:
            return next(iter(types))
        heads = {t for t in types if not (t in self.types and self.types[t].counts_as in types)}
        return next(iter(heads)) if len(heads) == 1 else None


def load_labels(path: Path) -> Labels:
    """Read an inventory; raises :class:`DataError` with every fault found."""
    try:
        if path.exists() and not path.is_file():
            raise FileFault(f"cannot read the label inventory {path}: it is no regular file")
        raw = path.read_bytes()
    except OSError as error:
        raise FileFault(f"cannot read the label inventory {path}: {error.strerror or error}") from error
    return parse_labels(raw, str(path))


def parse_labels(raw: bytes, path: str) -> Labels:
    """An inventory from the bytes of its TOML; ``path`` names it in findings."""
    table = decode_toml(raw, path)
    if isinstance(table, Finding):
        raise _bad(path, table)
    for section in ("kinds", "types", "relations", "factualities", "polarities", "bases"):
        rows = table.get(section)
        for name, row in rows.items() if isinstance(rows, dict) else ():
            if isinstance(row, dict):
                row["name"] = name

    def line_of(pointer: str) -> int:
        return 1 + locate_toml(raw, pointer)

    try:
        labels = msgspec.convert(table, Labels)
    except msgspec.ValidationError as error:
        schema, said = msgspec.json.schema(Labels), str(error)
        shapes = shape_faults(table, schema, path=path, line_of=line_of, otherwise=said, code="BAD_LABELS")
        raise _bad(path, *shapes) from error
    faults = [
        finding(
            "BAD_LABELS", path, line=line_of(pointer), pointer=pointer, got=quote(name), wanted=f"one of {', '.join(allowed)}"
        )
        for pointer, name, allowed in _references(labels)
        if name not in allowed
    ]
    if faults:
        raise _bad(path, *faults)
    return labels


def _references(labels: Labels) -> list[tuple[str, str, dict[str, Any]]]:
    """Every place where a label, or what stands for a label left out, names another: (pointer, name, its section)."""
    types: dict[str, Any] = dict(labels.types)
    relations: dict[str, Any] = dict(labels.relations)
    # An inventory may do without a section, such as one that knows no stance.
    out: list[tuple[str, str, dict[str, Any]]] = [
        (f"/{section}", name, rows)
        for section, rows, names in (
            ("factualities", dict(labels.factualities), {DEFAULT_FACTUALITY}),
            ("bases", dict(labels.bases), {DEFAULT_BASIS}),
            ("kinds", dict(labels.kinds), {labels.kind(name) for name in labels.types}),
        )
        for name in sorted(names)
        if rows
    ]
    out += [(f"/types/{t.name}/counts_as", t.counts_as, types) for t in labels.types.values() if t.counts_as is not None]
    for r in labels.relations.values():
        out += [(f"/relations/{r.name}/domain", t, types) for t in r.domain]
        out += [(f"/relations/{r.name}/range", t, types) for t in r.range]
        out += [(f"/relations/{r.name}/excludes", x, relations) for x in r.excludes]
    return out


def _bad(path: str, *faults: Finding) -> DataError:
    return DataError(f"the label inventory {path} cannot be used", faults)


def default_labels() -> Labels:
    """The inventory that comes with the package."""
    raw = resources.files("newsgold").joinpath("labels.toml").read_bytes()
    return parse_labels(raw, "newsgold/labels.toml")


def find_labels(explicit: Path | None = None, *places: Path) -> Labels:
    """The inventory to use: the one named, else ``labels.toml`` in or above one of the places, else the default.

    A place is a corpus folder or anything in one (a gold folder, a file of its release).
    """
    if explicit is not None:
        return load_labels(explicit)
    for place in places:
        for folder in (place, *place.absolute().parents[:3]):
            # in a folder of articles it may be the metadata of one
            if os.path.lexists(folder / "labels.toml") and not (folder / "labels.txt").is_file():
                return load_labels(folder / "labels.toml")
    return default_labels()
