"""From the items of one Label Studio annotation to values.

Nothing is repaired but what a surface proves: offsets that counted UTF-16
units. The stored surface is otherwise no evidence (line breaks are escaped,
runs of blanks collapsed, and an imported region keeps the surface it came
with), so it is compared with blanks made equal, and the article gives the text.
An annotation with any error gives no value.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import accumulate
from typing import Any, NamedTuple

from newsgold.annotation.label_config import (
    BASIS,
    CONTROLS,
    DOC_FLAGS,
    DOC_NOTE,
    ENTITY,
    HOLDER,
    HOLDER_KIND,
    KIND,
    KNOWN_ENTITY,
    LINK,
    MENTION,
    NAMED_HOLDER,
    NIL,
    POLARITY,
    STANCE,
    TARGET,
    TEXT,
    RelationName,
    allowed_values,
    relation_names,
)
from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, ITEM_ID, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import fill
from newsgold.errors import FAULTS, MAX_FINDINGS_PER_FILE, Finding, finding, quote

_VALUE_KEY = {"labels": "labels", "choices": "choices", "textarea": "text"}
_BLANKS = re.compile(r"(?:\\n|\s)+")


class Where(NamedTuple):
    """Where an annotation stands, for its findings."""

    path: str = ""
    line: int = 0
    pointer: str = ""
    numbers: str = ""
    """Label Studio's own numbers of the task and the annotation, in words."""

    def within(self, kind: str, value: Any) -> Where:
        """The same place, with the number that a task, an annotation or a draft has on its server."""
        number = value.get("id") if isinstance(value, dict) else None
        return self._replace(numbers=f"{self.numbers}{', ' * bool(self.numbers)}{kind} {number}") if type(number) is int else self


class Reading(NamedTuple):
    """What one Label Studio annotation says."""

    annotation: Annotation | None
    """``None`` if any finding is an error."""
    findings: tuple[Finding, ...]
    flags: tuple[str, ...] = ()
    """Flags on the whole text."""
    note: str = ""
    """The annotator's note on the whole text."""


class _Region(NamedTuple):
    place: int
    id: str
    control: str
    label: str
    start: int
    end: int


class _Notes:
    """The findings of one annotation."""

    def __init__(self, where: Where, doc: str, by: str) -> None:
        self.where, self.doc, self.by = where, doc, by
        self.findings: list[Finding] = []
        self.failed = False

    def add(self, code: str, index: int | None = None, *, region: object = None, got: str = "", wanted: str = "") -> None:
        """Note a fault of an item or, without ``index``, of the whole."""
        self.failed = self.failed or FAULTS[code].severity == "error"
        if len(self.findings) < MAX_FINDINGS_PER_FILE:
            path, line, pointer, numbers = self.where
            pointer += "" if index is None else f"/result/{index}"
            facts = [got, f"region {quote(region)}" if region is not None else "", numbers, self.by and f"by {self.by}"]
            got = ", ".join(fact for fact in facts if fact)
            self.findings.append(finding(code, path, line=line, doc=self.doc, pointer=pointer, got=got, wanted=wanted))


def from_result(result: list[Any], article: Article, labels: Labels, *, by: str, where: Where | None = None) -> Reading:
    """The annotation that a list of result items holds, in canonical form; the order of the items means nothing."""
    notes = _Notes(where or Where(), article.id, by)
    items = _Items(article.text, labels, notes)
    for index, item in enumerate(result):
        items.add(index, item)
    items.check_owners()
    arrows = _Arrows(items, labels, notes)
    mentions = [r for r in items.regions.values() if r.control == MENTION]
    entity_of = {r.id: items.entity(r) for r in mentions}
    annotation = Annotation(
        id=article.id,
        by=by or None,
        text_sha256=article.text_sha256 or sha256(article.text),
        mentions=tuple(items.mention(r) for r in mentions),
        entities=_entities(mentions, entity_of, items),
        relations=arrows.relations(entity_of) if labels.relations else None,
        stances=tuple(_stance(r, items, arrows) for r in items.regions.values() if r.control == STANCE)
        if labels.polarities
        else None,
    )
    flags = tuple(sorted(set(items.flags)))
    note = "\n".join(items.remarks)
    value = None if notes.failed else canonical(fill(annotation, article), labels)
    return Reading(value, tuple(notes.findings), flags, note)


class _Items:
    """The items of a result, sorted by what they are."""

    def __init__(self, text: str, labels: Labels, notes: _Notes) -> None:
        self.text = text
        self.notes = notes
        self.allowed = allowed_values(labels)
        self.regions: dict[str, _Region] = {}
        self.answers: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.places: list[tuple[int, str, str]] = []
        self.arrows: list[tuple[int, dict[str, Any]]] = []
        self.flags: list[str] = []
        self.remarks: list[str] = []
        self._utf16: dict[int, int] | None = None

    def add(self, index: int, item: Any) -> None:
        """Take in one item."""
        if not isinstance(item, dict):
            self.notes.add("LS_UNKNOWN_ITEM", index, got=quote(item))
        elif item.get("type") == "relation":
            self.arrows.append((index, item))
        elif self._known(index, item):
            values = self._values(index, item)
            name = item["from_name"]
            if values is None:
                return
            if name in (MENTION, STANCE):
                self._add_region(index, item, values)
            elif name == DOC_FLAGS:
                self.flags += values
            elif name == DOC_NOTE:
                self.remarks += values
            else:
                region = item.get("id")
                self.answers[str(region), name].update(v.strip() for v in values if v.strip())
                self.places.append((index, str(region), name))

    def _known(self, index: int, item: dict[str, Any]) -> bool:
        name, kind, to = item.get("from_name"), item.get("type"), item.get("to_name", TEXT)
        control = CONTROLS.get(name) if isinstance(name, str) else None
        if control is None or control.type != kind or to != TEXT:
            got = f"control {quote(name)} of type {quote(kind)} on {quote(to)}"
            self.notes.add("LS_UNKNOWN_ITEM", index, region=item.get("id"), got=got)
            return False
        return True

    def _values(self, index: int, item: dict[str, Any]) -> list[str] | None:
        """The answers of an item, or ``None`` if they are none of ours."""
        name = item["from_name"]
        value = item.get("value")
        given = value.get(_VALUE_KEY[item["type"]], []) if isinstance(value, dict) else None
        given = [given] if isinstance(given, str) else given
        if not isinstance(given, list) or not all(isinstance(v, str) for v in given):
            self.notes.add("LS_UNKNOWN_ITEM", index, region=item.get("id"), got=f"{name} with {quote(given)}")
            return None
        allowed = self.allowed.get(name)
        strange = [v for v in given if allowed is not None and v not in allowed]
        for v in strange:
            self.notes.add(
                "LS_UNKNOWN_LABEL", index, region=item.get("id"), got=f"{name} {quote(v)}", wanted=", ".join(allowed or ())
            )
        return given

    def _add_region(self, index: int, item: dict[str, Any], values: list[str]) -> None:
        name, region = item["from_name"], item.get("id")
        if not isinstance(region, str) or not ITEM_ID.fullmatch(region) or region in (AUTHOR, UNKNOWN):
            self.notes.add("LS_REGION_ID", index, region=region, wanted="an id that matches [A-Za-z0-9_-]{1,64}")
            return
        if region in self.regions:
            self.notes.add("LS_REGION_ID", index, region=region, got=f"the id of /result/{self.regions[region].place} again")
            return
        if len(set(values)) != 1:
            self.notes.add("LS_LABELS", index, region=region, got=quote(values), wanted="one label")
        start, end = self._span(index, region, item["value"])
        self.regions[region] = _Region(index, region, name, values[0] if values else "", start, end)

    def _span(self, index: int, region: str, value: dict[str, Any]) -> tuple[int, int]:
        """The offsets of a region in code points."""
        start, end, surface = value.get("start"), value.get("end"), value.get("text")
        stands = "nothing"
        if type(start) is int and type(end) is int:
            if 0 <= start < end <= len(self.text):
                stands = self.text[start:end]
                if not isinstance(surface, str) or not surface or _even(stands) == _even(surface):
                    return start, end
            converted = self._from_utf16(start, end)
            if converted and isinstance(surface, str) and _even(self.text[slice(*converted)]) == _even(surface):
                self.notes.add("LS_UTF16", index, region=region, got=f"{start}–{end}", wanted=f"{converted[0]}–{converted[1]}")
                return converted
        got = f"{quote(start)}–{quote(end)} with {quote(surface)}, where {quote(stands)} stands in {len(self.text)} code points"
        self.notes.add("LS_OFFSETS", index, region=region, got=got)
        return 0, 0

    def _from_utf16(self, start: int, end: int) -> tuple[int, int] | None:
        if self._utf16 is None:
            units = accumulate((2 if c > "\uffff" else 1 for c in self.text), initial=0)
            self._utf16 = {unit: place for place, unit in enumerate(units)}
        first, last = self._utf16.get(start), self._utf16.get(end)
        return (first, last) if first is not None and last is not None and first < last else None

    def check_owners(self) -> None:
        """Every per-region answer belongs to a region of the right kind."""
        for index, region, name in self.places:
            owner = self.regions.get(region)
            if owner is None or owner.control != CONTROLS[name].of:
                got = f"{name} of {'no region' if owner is None else f'a {owner.control}'}"
                self.notes.add("LS_REGION_ID", index, region=region, got=got, wanted=f"a {CONTROLS[name].of}")

    def answer(self, region: _Region, name: str) -> set[str]:
        """The distinct answers that a control has for a region."""
        return self.answers.get((region.id, name), set())

    def mention(self, region: _Region) -> Mention:
        """The mention that a region is."""
        kinds = self.answer(region, KIND)
        if len(kinds) > 1:
            self.notes.add("LS_LABELS", region.place, region=region.id, got=quote(sorted(kinds)), wanted="one kind")
        kind = min(kinds, default=None)
        surface = self.text[region.start : region.end]
        return Mention(id=region.id, start=region.start, end=region.end, type=region.label, kind=kind, text=surface)

    def entity(self, region: _Region) -> str:
        """The entity id of a mention, written or picked; neither goes before the other."""
        ids = self.answer(region, ENTITY) | self.answer(region, KNOWN_ENTITY)
        if len(ids) == 1 and ITEM_ID.fullmatch(entity := min(ids)):
            return entity
        self.notes.add(
            "LS_ENTITY", region.place, region=region.id, got=quote(sorted(ids)), wanted="one id that matches [A-Za-z0-9_-]{1,64}"
        )
        return ""


def _even(surface: str) -> str:
    """A surface with its blanks made equal, line breaks that the UI wrote as ``\\n`` among them."""
    return _BLANKS.sub(" ", surface).strip()


def _entities(mentions: list[_Region], entity_of: dict[str, str], items: _Items) -> tuple[Entity, ...]:
    clusters: dict[str, list[_Region]] = defaultdict(list)
    for region in mentions:
        clusters[entity_of[region.id]].append(region)
    return tuple(
        Entity(id=name, mentions=tuple(r.id for r in regions), link=_link(name, regions, items))
        for name, regions in clusters.items()
        if name
    )


def _link(entity: str, regions: list[_Region], items: _Items) -> str | None:
    links = {link for region in regions for link in items.answer(region, LINK) if link != NIL}
    if len(links) > 1:
        got = f"entity {quote(entity)} with {', '.join(map(quote, sorted(links)))}"
        items.notes.add("LS_LINK", min(r.place for r in regions), got=got)
    return min(links, default=None)


class _Arrows:
    """The relation items, read as relations and as the arguments of stances."""

    def __init__(self, items: _Items, labels: Labels, notes: _Notes) -> None:
        self.labels = labels
        self.notes = notes
        self.names = relation_names(labels)
        self.pairs: set[tuple[RelationName, str, str]] = set()
        self.ends: dict[tuple[str, str], set[str]] = defaultdict(set)
        for index, item in items.arrows:
            self._add(index, item, items.regions)

    def _add(self, index: int, item: dict[str, Any], regions: dict[str, _Region]) -> None:
        ends = [item.get("from_id"), item.get("to_id")]
        head, tail = (regions.get(end) if isinstance(end, str) else None for end in ends)
        arrow = f"{quote(ends[0])} → {quote(ends[1])}"
        if head is None or tail is None:
            self.notes.add("LS_RELATION_DANGLING", index, got=arrow)
            return
        direction, names = item.get("direction", "right"), item.get("labels")
        if direction not in ("right", "left", "bi") or not isinstance(names, list | None):
            self.notes.add("LS_UNKNOWN_ITEM", index, got=f"{arrow} with direction {quote(direction)} and labels {quote(names)}")
            return
        if not names:
            self.notes.add("LS_RELATION_UNLABELLED", index, got=arrow)
        if direction == "left":
            head, tail = tail, head
        for name in names or ():
            if not self._label(name, head, tail, both=direction == "bi"):
                known = isinstance(name, str) and (name in self.names or name in (HOLDER, TARGET))
                code = "LS_RELATION_ENDS" if known else "LS_UNKNOWN_LABEL"
                self.notes.add(code, index, got=f"{quote(name)} {arrow} ({head.control} → {tail.control}, {direction})")

    def _label(self, name: Any, head: _Region, tail: _Region, *, both: bool) -> bool:
        """Take in one label of an arrow, or say that it is impossible there."""
        controls = {head.control, tail.control}
        if name in (HOLDER, TARGET):
            if controls != {MENTION, STANCE}:
                return False
            stance, mention = (head, tail) if head.control == STANCE else (tail, head)
            self.ends[stance.id, name].add(mention.id)
            return True
        relation = self.names.get(name) if isinstance(name, str) else None
        if relation is None or controls != {MENTION} or (both and not self.labels.symmetric(relation.type)):
            return False
        self.pairs.add((relation, head.id, tail.id))
        return True

    def relations(self, entity_of: dict[str, str]) -> tuple[Relation, ...]:
        """One relation for each type, pair of entities and factuality, with all mention pairs as evidence."""
        evidence: dict[tuple[RelationName, str, str], set[tuple[str, str]]] = defaultdict(set)
        for name, head, tail in self.pairs:
            if self.labels.symmetric(name.type) and entity_of[tail] < entity_of[head]:
                head, tail = tail, head
            evidence[name, entity_of[head], entity_of[tail]].add((head, tail))
        return tuple(
            Relation(type=name.type, head=head, tail=tail, factuality=name.factuality, evidence=tuple(sorted(pairs)))
            for (name, head, tail), pairs in evidence.items()
        )


def _stance(region: _Region, items: _Items, arrows: _Arrows) -> Stance:
    """The stance that a region is, with its controls and arrows."""
    polarity, basis, kinds = (items.answer(region, name) for name in (POLARITY, BASIS, HOLDER_KIND))
    holders, targets = arrows.ends[region.id, HOLDER], arrows.ends[region.id, TARGET]
    voice = kinds - {NAMED_HOLDER}
    counts = {"polarity": len(polarity), "holder": len(voice) + len(holders), "target": len(targets)}
    wrong = [f"{n} {what}s" if n else f"no {what}" for what, n in counts.items() if n != 1]
    if len(basis) > 1:
        wrong.append("2 bases")
    if len(kinds) > 1 or (voice and holders):
        wrong.append("two kinds of holder")
    if wrong:
        items.notes.add("LS_STANCE", region.place, region=region.id, got=", ".join(wrong))
    return Stance(
        id=region.id,
        start=region.start,
        end=region.end,
        holder=min(voice or holders, default=""),
        target=min(targets, default=""),
        polarity=min(polarity, default=""),
        basis=min(basis, default="explicit"),
    )
