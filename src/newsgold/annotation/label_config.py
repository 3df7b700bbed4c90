"""The labelling configuration of a Label Studio project, generated from the inventory.

Measured traps that shape it: a per-region control that is ``required`` must
carry ``visibleWhen`` itself, or no annotation can be submitted; a TextArea
needs an enclosing View as well, or it shows for the wrong regions; only
``granularity="symbol"`` counts code points; two arrows between the same two
regions collapse into one, so relations are multiple choice; the list of arrow
labels writes dark text on their colours; nothing can
require one of two controls, so neither of the two for the entity id is
required, and a mention without one is a finding when it comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import Label, Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN
from newsgold.errors import DataError, finding, quote

TEXT = "text"
MENTION = "mention"
KIND = "kind"
ENTITY = "entity_id"
KNOWN_ENTITY = "entity"
"""Picks an entity id among the task's candidates; a new id is written in :data:`ENTITY`."""
CANDIDATES = "entities"
"""The key of a task's data that holds its candidates; the server refuses a task without it."""
LINK = "link"
STANCE = "stance"
STANCE_LABEL = "STANCE"
POLARITY = "polarity"
BASIS = "basis"
HOLDER_KIND = "holder_kind"
HOLDER = "stance_holder"
TARGET = "stance_target"
DOC_FLAGS = "doc_flags"
DOC_NOTE = "doc_note"
NAMED_HOLDER = "MENTION"
"""The holder kind of a stance whose source expression is a mention."""
NIL = "NIL"
"""What an annotator may write for a mention that links to nothing."""
_NAME = "NAM"
"""The kind whose mention stands for its entity among the candidates."""
_SHOWN = 60
"""Code points of a candidate's mention that are shown."""
FLAGS = ("bad_text", "needs_discussion")
ASSERTED = "asserted"


class Control(NamedTuple):
    """A control of the configuration."""

    type: str
    """``labels``, ``choices`` or ``textarea``."""
    of: str
    """The control whose regions it describes; empty for one that makes regions or describes the whole text."""


CONTROLS = {
    MENTION: Control("labels", ""),
    KIND: Control("choices", MENTION),
    KNOWN_ENTITY: Control("choices", MENTION),
    ENTITY: Control("textarea", MENTION),
    LINK: Control("textarea", MENTION),
    STANCE: Control("labels", ""),
    POLARITY: Control("choices", STANCE),
    BASIS: Control("choices", STANCE),
    HOLDER_KIND: Control("choices", STANCE),
    DOC_FLAGS: Control("choices", ""),
    DOC_NOTE: Control("textarea", ""),
}

_NOTICE = " Generated from labels.toml by newsgold annotation config; change the inventory, not this file. "
_STYLE = """
    .lsf-htx-richtext, .lsf-richtext__line { white-space: pre-wrap; line-height: 2.1 }
    .newsgold-page { display: flex; gap: 1rem; align-items: flex-start }
    .newsgold-text { flex: 1 1 0; min-width: 0; padding-left: 2rem }
    .newsgold-types { position: sticky; top: 0; z-index: 200; display: flex; flex-wrap: wrap; margin-left: -2rem;
      background: var(--color-neutral-background, white) }
    .newsgold-panel { flex: 0 0 18rem; min-width: 0; position: sticky; top: 0 }
  """
_SMALL = "font-size: 0.75rem; font-weight: 500; margin: 0.5rem 0 0"
_LIGHT = 0.44
"""The luminance that gives the dark grey text of the list of arrow labels (#45433e) a contrast of 4.5."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RGB = re.compile("#[0-9a-fA-F]{6}")


class RelationName(NamedTuple):
    """What the label of an arrow says."""

    type: str
    factuality: str


def relation_names(labels: Labels) -> dict[str, RelationName]:
    """The label of every relation and factuality: ``controls``, ``controls:denied``, ``controls:prospective``.

    Raises :class:`DataError` where two of them would be spelled alike.
    """
    names: dict[str, RelationName] = {}
    for relation in labels.relations:
        for factuality in labels.allowed_factualities:
            name = relation if factuality == ASSERTED else f"{relation}:{factuality}"
            if name in names or name in (HOLDER, TARGET):
                fault = finding("BAD_LABELS", labels.name, got=quote(name), wanted="one label for each relation and factuality")
                raise DataError("two relations would share a label in Label Studio", [fault])
            names[name] = RelationName(relation, factuality)
    return names


def allowed_values(labels: Labels) -> dict[str, tuple[str, ...]]:
    """What each control that offers a choice may hold."""
    return {
        MENTION: tuple(labels.types),
        KIND: tuple(labels.kinds),
        STANCE: (STANCE_LABEL,) if labels.polarities else (),
        POLARITY: tuple(labels.polarities),
        BASIS: tuple(labels.bases),
        HOLDER_KIND: (NAMED_HOLDER, AUTHOR, UNKNOWN),
        DOC_FLAGS: FLAGS,
    }


def config(labels: Labels) -> bytes:
    """The configuration as XML; equal inventories give equal bytes."""
    _check_names(labels)
    root = ElementTree.Element("View")
    ElementTree.SubElement(root, "Style").text = _STYLE
    _add(root, "Header", value="$title", size="4")
    _relations(root, labels)
    page = _add(root, "View", className="newsgold-page")
    text = _add(page, "View", className="newsgold-text")
    _regions(_add(text, "View", className="newsgold-types"), labels)
    _add(text, "Text", name=TEXT, value="$text", granularity="symbol", saveTextResult="yes")
    panel = _add(page, "View", className="newsgold-panel")
    _mention_controls(panel, labels)
    if labels.polarities:
        _stance_controls(panel, labels)
    flags = _add(root, "Choices", name=DOC_FLAGS, toName=TEXT, choice="multiple", showInline="true")
    for flag in FLAGS:
        _add(flags, "Choice", value=flag)
    _add(
        root,
        "TextArea",
        name=DOC_NOTE,
        toName=TEXT,
        rows="2",
        maxSubmissions="1",
        editable="true",
        placeholder="note for the adjudicator",
    )
    ElementTree.indent(root)
    return f"<!--{_NOTICE}-->\n{ElementTree.tostring(root, encoding='unicode')}\n".encode()


def config_digest(labels: Labels) -> str:
    """SHA-256 of the configuration without its last line break, which a server strips."""
    return sha256(config(labels).strip())


def candidates(results: Iterable[Sequence[Mapping[str, Any]]]) -> list[dict[str, str]]:
    """The choices of :data:`KNOWN_ENTITY` that result items give: ``e1 · Damascus (Q3766)`` is shown, the alias comes back."""
    named: dict[str, bool] = {}
    shown: dict[str, str] = {}
    for items in results:
        answers = {(i["id"], i["from_name"]): i["value"] for i in items if i["type"] != "relation"}
        for (region, control), answer in answers.items():
            for entity in answer["text"] if control == ENTITY else ():
                name = answers[region, KIND]["choices"] == [_NAME]
                if entity not in shown or (name and not named[entity]):
                    surface = " ".join(answers[region, MENTION]["text"].split())[:_SHOWN]
                    links = answers.get((region, LINK), {}).get("text", ())
                    named[entity] = name
                    shown[entity] = f"{entity} · {surface}{''.join(f' ({link})' for link in links)}"
    return [{"value": text, "alias": entity} for entity, text in shown.items()]


def _add(parent: ElementTree.Element, tag: str, **attributes: str | None) -> ElementTree.Element:
    given = {name: value for name, value in attributes.items() if value is not None}
    return ElementTree.SubElement(parent, tag, given)


def _relations(root: ElementTree.Element, labels: Labels) -> None:
    if not labels.relations and not labels.polarities:
        return
    parent = _add(root, "Relations", choice="multiple")
    order = {name: place for place, name in enumerate(labels.allowed_factualities)}
    for name, (relation, factuality) in relation_names(labels).items():
        _add(parent, "Relation", value=name, background=_tint(labels.relations[relation].colour, order[factuality]))
    if labels.polarities:
        _add(parent, "Relation", value=HOLDER, background="#b1b7a7")
        _add(parent, "Relation", value=TARGET, background="#c1e527")


def _regions(root: ElementTree.Element, labels: Labels) -> None:
    parent = _add(root, "Labels", name=MENTION, toName=TEXT, choice="single", showInline="true")
    for name, label in labels.types.items():
        _add(parent, "Label", value=name, background=label.colour, hotkey=label.hotkey, hint=label.definition)
    if not labels.polarities:
        return
    taken = any(label.hotkey == "0" for label in labels.types.values())
    parent = _add(root, "Labels", name=STANCE, toName=TEXT, choice="single", showInline="true")
    _add(parent, "Label", value=STANCE_LABEL, background="#ff0000", hotkey=None if taken else "0")


def _mention_controls(root: ElementTree.Element, labels: Labels) -> None:
    view = _panel(root, MENTION, "Mention")
    _heading(view, "Kind; left open: NAM, or VAL for a value type")
    _choices(view, KIND, labels.kinds)
    _heading(view, "Entity of every mention: pick it, or write a new id")
    _per_region(view, "Choices", KNOWN_ENTITY, value=f"${CANDIDATES}", choice="single", layout="select")
    _text_area(view, ENTITY, "id, such as e1")
    _heading(view, "Link")
    _text_area(view, LINK, "Wikidata or knowledge base id; empty for NIL")


def _stance_controls(root: ElementTree.Element, labels: Labels) -> None:
    view = _panel(root, STANCE, "Stance")
    _heading(view, "Polarity")
    _choices(view, POLARITY, labels.polarities, required="true")
    if labels.bases:
        _heading(view, "Basis; left open: explicit")
        _choices(view, BASIS, labels.bases)
    _heading(view, "Holder; MENTION: draw an arrow to it")
    _choices(view, HOLDER_KIND, dict.fromkeys((NAMED_HOLDER, AUTHOR, UNKNOWN)), required="true")


def _panel(root: ElementTree.Element, of: str, title: str) -> ElementTree.Element:
    view = _add(root, "View", visibleWhen="region-selected", whenTagName=of)
    _add(view, "Header", value=title, size="6")
    return view


def _heading(view: ElementTree.Element, title: str) -> None:
    _add(view, "Header", value=title, size="6", style=_SMALL)


def _per_region(view: ElementTree.Element, tag: str, name: str, **attributes: str | None) -> ElementTree.Element:
    """A control that describes the selected region and, of itself, shows for no other kind of region."""
    shown = {"visibleWhen": "region-selected", "whenTagName": CONTROLS[name].of}
    return _add(view, tag, name=name, toName=TEXT, perRegion="true", **attributes, **shown)


def _choices(view: ElementTree.Element, name: str, values: Mapping[str, Label | None], *, required: str | None = None) -> None:
    parent = _per_region(view, "Choices", name, choice="single", showInline="true", required=required)
    for value, label in values.items():
        _add(parent, "Choice", value=value, hotkey=label.hotkey if label else None, hint=label.definition if label else None)


def _text_area(view: ElementTree.Element, name: str, placeholder: str) -> None:
    _per_region(view, "TextArea", name, maxSubmissions="1", editable="true", rows="1", placeholder=placeholder)


def _tint(colour: str | None, place: int) -> str | None:
    """The colour for the first factuality, lighter ones for the next; each light enough for the text of the list."""
    if colour is None or not _RGB.fullmatch(colour):
        return colour
    own = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    tints = ([(c * (20 - white) + 255 * white) // 20 for c in own] for white in range((0, 9, 14)[min(place, 2)], 21))
    return "#{:02x}{:02x}{:02x}".format(*next(tint for tint in tints if _luminance(tint) >= _LIGHT))


def _luminance(channels: Sequence[int]) -> float:
    """The relative luminance of an sRGB colour, from 0 to 1 (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (channel / 255 for channel in channels)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _check_names(labels: Labels) -> None:
    """Refuse names that would not come back as they went in: the UI reads ``$x`` as a variable and trims."""
    faults = [
        finding(
            "BAD_LABELS", labels.name, got=quote(name), wanted="a name without outer blanks, control characters or a leading $"
        )
        for name in [*relation_names(labels), *(v for values in allowed_values(labels).values() for v in values)]
        if not name or name != name.strip() or name.startswith("$") or not name.isprintable() or _NOT_XML.search(name)
    ]
    if faults:
        raise DataError("Label Studio cannot show some labels", faults)
