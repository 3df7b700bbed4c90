"""The labelling configuration of a Label Studio project, generated from the inventory.

Measured traps that shape it: a per-region control that is ``required`` must
carry ``visibleWhen`` itself, or no annotation can be submitted; a TextArea
needs an enclosing View as well, or it shows for the wrong regions; only
``granularity="symbol"`` counts code points; two arrows between the same two
regions collapse into one, so relations are multiple choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from xml.etree import ElementTree

from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import Label, Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN
from newsgold.errors import DataError, finding, quote

TEXT = "text"
MENTION = "mention"
KIND = "kind"
ENTITY = "entity_id"
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
_STYLE = ".lsf-htx-richtext, .lsf-richtext__line { white-space: pre-wrap }"
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
    _regions(root, labels)
    _add(root, "Text", name=TEXT, value="$text", granularity="symbol", saveTextResult="yes")
    _mention_controls(root, labels)
    if labels.polarities:
        _stance_controls(root, labels)
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


def _add(parent: ElementTree.Element, tag: str, **attributes: str | None) -> ElementTree.Element:
    given = {name: value for name, value in attributes.items() if value is not None}
    return ElementTree.SubElement(parent, tag, given)


def _relations(root: ElementTree.Element, labels: Labels) -> None:
    if not labels.relations and not labels.polarities:
        return
    parent = _add(root, "Relations", choice="multiple")
    order = {name: place for place, name in enumerate(labels.allowed_factualities)}
    for name, (relation, factuality) in relation_names(labels).items():
        _add(parent, "Relation", value=name, background=_shade(labels.relations[relation].colour, order[factuality]))
    if labels.polarities:
        _add(parent, "Relation", value=HOLDER, background="#e6ab02")
        _add(parent, "Relation", value=TARGET, background="#a6761d")


def _regions(root: ElementTree.Element, labels: Labels) -> None:
    parent = _add(root, "Labels", name=MENTION, toName=TEXT, choice="single", showInline="true")
    for name, label in labels.types.items():
        _add(parent, "Label", value=name, background=label.colour, hotkey=label.hotkey, hint=label.definition)
    if not labels.polarities:
        return
    taken = any(label.hotkey == "0" for label in labels.types.values())
    parent = _add(root, "Labels", name=STANCE, toName=TEXT, choice="single", showInline="true")
    _add(parent, "Label", value=STANCE_LABEL, background="#ffbf00", hotkey=None if taken else "0")


def _mention_controls(root: ElementTree.Element, labels: Labels) -> None:
    view = _panel(root, MENTION, "Mention (kind left open: NAM, or VAL for a value type)")
    _choices(view, KIND, labels.kinds)
    _text_area(
        view,
        ENTITY,
        "entity id, e.g. e1 (same id = coreferent); Shift+Enter to add",
        "Give every mention an entity id (same id = coreferent)",
    )
    _text_area(view, LINK, "Wikidata id or id of the knowledge base, e.g. Q3766; leave empty for NIL")


def _stance_controls(root: ElementTree.Element, labels: Labels) -> None:
    view = _panel(root, STANCE, "Stance (basis left open: explicit)" if labels.bases else "Stance")
    _choices(view, POLARITY, labels.polarities, required="true")
    if labels.bases:
        _choices(view, BASIS, labels.bases)
    _choices(view, HOLDER_KIND, dict.fromkeys((NAMED_HOLDER, AUTHOR, UNKNOWN)), required="true")


def _panel(root: ElementTree.Element, of: str, title: str) -> ElementTree.Element:
    view = _add(root, "View", visibleWhen="region-selected", whenTagName=of)
    _add(view, "Header", value=title, size="6")
    return view


def _choices(view: ElementTree.Element, name: str, values: Mapping[str, Label | None], *, required: str | None = None) -> None:
    parent = _add(
        view,
        "Choices",
        name=name,
        toName=TEXT,
        perRegion="true",
        choice="single",
        showInline="true",
        required=required,
        visibleWhen="region-selected",
        whenTagName=CONTROLS[name].of,
    )
    for value, label in values.items():
        _add(parent, "Choice", value=value, hotkey=label.hotkey if label else None, hint=label.definition if label else None)


def _text_area(view: ElementTree.Element, name: str, placeholder: str, required: str | None = None) -> None:
    _add(
        view,
        "TextArea",
        name=name,
        toName=TEXT,
        perRegion="true",
        maxSubmissions="1",
        editable="true",
        rows="1",
        required="true" if required else None,
        requiredMessage=required,
        placeholder=placeholder,
        visibleWhen="region-selected",
        whenTagName=CONTROLS[name].of,
    )


def _shade(colour: str | None, place: int) -> str | None:
    """The colour for the first factuality, a darker one for the second, a lighter one for the third."""
    if colour is None or place == 0 or not _RGB.fullmatch(colour):
        return colour
    goal = 0 if place % 2 else 255
    return "#" + "".join(f"{(int(colour[i : i + 2], 16) * 11 + goal * 9) // 20:02x}" for i in (1, 3, 5))


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
