"""UIMA CAS files, loaded with dkpro-cassis: its type system, made up where a file comes without one, and what it would trip over.

XMI stands for little by itself: what an attribute means is said by a type system, which tools keep in a file beside it. Types and
features that none declares are made up from the file: an element with a place in a text is an annotation, attributes named as
in WebAnno's layers (:data:`REFERENCES`) refer to elements, and all others are strings.

Before cassis sees a file, elements at fault are taken out of it with a finding: one that refers to an element which is not there
would refuse the whole file, and offsets outside the text or inside a character would be passed on as they are. Offsets in XMI
count UTF-16 units; here they are code points.
"""

from __future__ import annotations

import importlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any

from newsgold.corpus.codec import read_bytes, strict_json
from newsgold.corpus.formats import sniff
from newsgold.errors import Finding, UsageError, finding, quote

Cas = Any
"""A ``cassis.Cas``; cassis has no types that a checker could read."""
TypeSystem = Any
"""A ``cassis.TypeSystem``."""

DKPRO = "de.tudarmstadt.ukp.dkpro.core.api"
ENTITY = f"{DKPRO}.ner.type.NamedEntity"
CHAIN = f"{DKPRO}.coref.type.CoreferenceChain"
LINK = f"{DKPRO}.coref.type.CoreferenceLink"
TOKEN = f"{DKPRO}.segmentation.type.Token"
SENTENCE = f"{DKPRO}.segmentation.type.Sentence"
METADATA = f"{DKPRO}.metadata.type.DocumentMetaData"
RELATION = "webanno.custom.NewsgoldRelation"
OWN_LINK = "webanno.custom.NewsgoldLink"
STANCE = "webanno.custom.NewsgoldStance"
DOCUMENT = "webanno.custom.NewsgoldDocument"
ANNOTATION = "uima.tcas.Annotation"
_TOP = "uima.cas.TOP"
_STRING = "uima.cas.String"
REFERENCES = frozenset({"Governor", "Dependent", "first", "next", "target", "head", "tail"})
"""Attributes that refer to elements, in types that no type system declares."""
TYPES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    SENTENCE: (ANNOTATION, {}),
    TOKEN: (ANNOTATION, {}),
    METADATA: ("uima.tcas.DocumentAnnotation", {"documentTitle": _STRING, "documentId": _STRING}),
    ENTITY: (ANNOTATION, {"value": _STRING, "identifier": _STRING, "kind": _STRING, "mentionId": _STRING}),
    LINK: (ANNOTATION, {"next": LINK, "referenceType": _STRING, "referenceRelation": _STRING}),
    OWN_LINK: (LINK, {"mention": ENTITY}),
    CHAIN: ("uima.cas.AnnotationBase", {"first": LINK, "entityId": _STRING, "link": _STRING}),
    RELATION: (ANNOTATION, {"Governor": ENTITY, "Dependent": ENTITY, "value": _STRING, "factuality": _STRING}),
    STANCE: (
        ANNOTATION,
        {
            "polarity": _STRING,
            "basis": _STRING,
            "holder": _STRING,
            "holderMention": ENTITY,
            "targetMention": ENTITY,
            "stanceId": _STRING,
        },
    ),
    DOCUMENT: (ANNOTATION, {"data": _STRING}),
}
"""The types that we write: those of DKPro Core, with features of our own, and layers of our own."""
_XMI = "http://www.omg.org/XMI"
_ID = f"{{{_XMI}}}id"
_SOFA = "{http:///uima/cas.ecore}Sofa"
_VIEW = "{http:///uima/cas.ecore}View"


def cassis() -> ModuleType:
    """dkpro-cassis, loaded only now; raises :class:`UsageError` where it is not installed."""
    try:
        return importlib.import_module("cassis")
    except ImportError as error:
        raise UsageError(f"xmi needs dkpro-cassis ({error}): pip install 'newsgold[uima]'") from error


def own_types() -> TypeSystem:
    """A type system of :data:`TYPES`."""
    return _with_own(cassis().TypeSystem())


def _with_own(system: TypeSystem) -> TypeSystem:
    """The type system with those of :data:`TYPES` and of their features that it lacks."""
    for name, (parent, _) in TYPES.items():
        if not system.contains_type(name):
            system.create_type(name, parent)
    for name, (_, features) in TYPES.items():
        for feature, range_ in features.items():
            if system.get_type(name).get_feature(feature) is None:
                system.create_feature(name, feature, range_)
    return system


@dataclass
class Loaded:
    """A CAS, and what cassis does not keep of its file."""

    cas: Cas
    findings: list[Finding] = field(default_factory=list)
    lines: Mapping[int, int] = field(default_factory=dict)
    """The line of each element, by its id."""
    offsets: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Where each annotation stands, in code points: cassis converts only what is a member of a view."""

    def line(self, item: Any) -> int:
        """The line of an element, or 0."""
        return self.lines.get(item.xmiID, 0)

    def span(self, item: Any) -> tuple[int, int]:
        """Where an annotation stands."""
        return self.offsets.get(item.xmiID) or (int(item.begin), int(item.end))


def load_cas(path: Path, types: Path | None) -> Loaded | list[Finding]:
    """The CAS of an XMI file, or of a JSON file (as INCEpTION writes it); or why there is none.

    The type system is that of ``types``, else one that lies beside the file. What none declares is made up.
    """
    cassis()  # whether it is there is not a matter of the file
    raw, where = read_bytes(path), str(path)
    if not raw.strip():
        return [finding("EMPTY_FILE", where)]
    if b'"%FEATURE_STRUCTURES"' in raw:
        return _load_json(raw, where)
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        return [finding("BAD_RECORD", where, got="a document type declaration", wanted="XMI, which has none")]
    if _XMI.encode() not in raw or b"XMI" not in raw[:4096]:
        return [finding("WRONG_FORMAT", where, got=sniff(path), wanted="UIMA CAS XMI, or UIMA CAS JSON")]
    beside = (path.with_name(name) for name in ("TypeSystem.xml", "typesystem.xml"))
    file = types or next((place for place in beside if place.is_file()), None)
    return _load_xmi(raw, where, None if file is None else str(file), b"" if file is None else read_bytes(file))


def _declared(file: str | None, raw: bytes) -> TypeSystem:
    """The types that we know and those that a file declares; raises :class:`UsageError` where they cannot be read."""
    if file is None:
        return own_types()
    try:
        if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
            raise ValueError("it has a document type declaration")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _with_own(cassis().load_typesystem(io.BytesIO(raw)))
    except Exception as error:  # cassis and lxml raise what they like
        raise UsageError(f"{file} cannot be used as a type system: {quote(str(error), 200)}") from error


_shared = lru_cache(maxsize=1)(_declared)
"""The same for all files beside one type system; it is not to be changed."""


def _load_json(raw: bytes, where: str) -> Loaded | list[Finding]:
    value, found = strict_json(raw, where)
    if found:
        return found
    offsets: dict[int, tuple[int, int]] = {}
    try:
        items = value["%FEATURE_STRUCTURES"]
        places = {item["%ID"]: _points(item.get("sofaString") or "") for item in items if item["%TYPE"] == "uima.cas.Sofa"}
        value["%FEATURE_STRUCTURES"] = kept = []
        for number, item in enumerate(items):
            known = places.get(item.get("@sofa"), {})
            begin, end = item.get("begin"), item.get("end")
            if not known or begin is None or (begin in known and end in known):
                kept.append(item)
                offsets |= {item["%ID"]: (known[begin], known[end])} if known and begin is not None else {}
            else:
                got = f"{item['%TYPE'].rpartition('.')[2]} [{quote(begin)}, {quote(end)})"
                found.append(_outside(where, got, known, pointer=f"/%FEATURE_STRUCTURES/{number}"))
        left = {item["%ID"] for item in kept}
        for view in value.get("%VIEWS", {}).values():
            view["%MEMBERS"] = [member for member in view.get("%MEMBERS", ()) if member in left]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Loaded(cassis().load_cas_from_json(json.dumps(value)), found, offsets=offsets)
    except Exception as error:  # cassis raises what it likes, and so does JSON of another shape
        return [*found, _unreadable(where, error)]


def _points(text: str) -> dict[int, int]:
    """The code points at which a text's UTF-16 units begin that begin a character, and its end."""
    units = accumulate((2 if char > "\uffff" else 1 for char in text), initial=0)
    return {unit: point for point, unit in enumerate(units)}


def _outside(where: str, got: str, known: Mapping[int, int], *, line: int = 0, pointer: str = "") -> Finding:
    wanted = f"places between characters in a text of {max(known, default=0)} UTF-16 units"
    return finding("SPAN_OUTSIDE", where, line=line, pointer=pointer, got=got, wanted=wanted)


def _unreadable(where: str, error: Exception) -> Finding:
    got = f"{type(error).__name__}: {error}"
    return finding("BAD_RECORD", where, got=quote(got, 200), wanted="a CAS that dkpro-cassis can read")


def _load_xmi(raw: bytes, where: str, file: str | None, types: bytes) -> Loaded | list[Finding]:
    etree: Any = importlib.import_module("lxml.etree")  # cassis brings it
    try:
        root = etree.fromstring(
            raw, etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
        )
    except etree.XMLSyntaxError as error:
        got = quote(error.msg or "", 200)
        return [finding("BAD_RECORD", where, line=error.lineno or 0, got=got, wanted="well-formed XML")]
    found: list[Finding] = []
    lines = _lines(root, where, found)
    offsets: dict[int, tuple[int, int]] = {}
    system = _shared(file, types)
    try:
        if not _all_declared(root, system):
            system = _declared(file, types)
            _declare(root, system)
        _drop_unplaced(root, where, offsets, found)
        _drop_dangling(root, where, system, lines, found)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cas = cassis().load_cas_from_xmi(io.BytesIO(etree.tostring(root)), typesystem=system)
    except Exception as error:  # cassis raises what it likes
        return [*found, _unreadable(where, error)]
    return Loaded(cas, found, lines, offsets)


def _structures(root: Any) -> Iterator[Any]:
    """The elements that are feature structures."""
    for element in list(root):
        if element.tag not in (_SOFA, _VIEW):
            yield element


def _type(element: Any) -> str:
    """The name of an element's type, as cassis takes it from the namespace."""
    space, _, name = element.tag.rpartition("}")
    package = space.removeprefix("{http:///").removesuffix(".ecore").replace("/", ".")
    return name if package == "uima.noNamespace" else f"{package}.{name}"


def _lines(root: Any, where: str, found: list[Finding]) -> dict[int, int]:
    """The line of each element by its id; those without an id of their own are taken out."""
    lines: dict[int, int] = {}
    for element in list(root):
        name, line = element.get(_ID), element.sourceline or 0
        if element.tag == _VIEW:
            continue
        if name is None or not name.isdecimal() or len(name) > 18:
            found.append(finding("BAD_RECORD", where, line=line, got=f"xmi:id {quote(name)}", wanted="a number"))
            root.remove(element)
        elif int(name) in lines:
            found.append(finding("DUPLICATE_ID", where, line=line, got=name))
            root.remove(element)
        else:
            lines[int(name)] = line
    return lines


def _all_declared(root: Any, system: TypeSystem) -> bool:
    """Whether a type system has all types and features of a file."""
    used: dict[str, set[str]] = {}
    for element in _structures(root):
        used.setdefault(_type(element), set()).update(
            (key for key in element.attrib if key != _ID), (child.tag for child in element)
        )
    return all(
        system.contains_type(name) and all(system.get_type(name).get_feature(key) is not None for key in features)
        for name, features in used.items()
        if not name.startswith("uima.cas.")
    )


def _declare(root: Any, system: TypeSystem) -> None:
    """Make up the types and features of a file that its type system does not have."""
    for element in _structures(root):
        name = _type(element)
        if name.startswith("uima.cas."):
            continue
        if not system.contains_type(name):
            named = name.startswith(f"{DKPRO}.ner.type.")
            parent = ENTITY if named else ANNOTATION if element.get("begin") else "uima.cas.AnnotationBase"
            system.create_type(name, parent if element.get("sofa") else _TOP)
        type_ = system.get_type(name)
        for attribute in [key for key in element.attrib if key != _ID] + [child.tag for child in element]:
            if type_.get_feature(attribute) is None:
                listed = any(child.tag == attribute for child in element)
                range_ = "uima.cas.StringArray" if listed else _TOP if attribute in REFERENCES else _STRING
                system.create_feature(type_, attribute, range_)


def _drop_unplaced(root: Any, where: str, offsets: dict[int, tuple[int, int]], found: list[Finding]) -> None:
    """Take out annotations whose offsets are none of their text; ``offsets`` gets those of the others."""
    places: dict[str, dict[int, int]] = {}
    for sofa in root.iterfind(_SOFA):
        places[sofa.get(_ID)] = _points(sofa.get("sofaString") or "")
    for element in _structures(root):
        if element.get("begin") is None or element.get("sofa") is None:
            continue
        known = places.get(element.get("sofa"), {})
        edges = [
            int(x) if x is not None and x.removeprefix("-").isdecimal() and len(x) < 19 else -1
            for x in map(element.get, ("begin", "end"))
        ]
        if all(edge in known for edge in edges):
            offsets[int(element.get(_ID))] = (known[edges[0]], known[edges[1]])
            continue
        got = f"{_type(element).rpartition('.')[2]} [{quote(element.get('begin'))}, {quote(element.get('end'))})"
        found.append(_outside(where, got, known, line=element.sourceline or 0))
        root.remove(element)


def _drop_dangling(root: Any, where: str, system: TypeSystem, lines: Mapping[int, int], found: list[Finding]) -> None:
    """Take out elements that refer to what is not there, and what refers to them in turn."""
    present = {element.get(_ID) for element in root} | {"0"}
    holders: dict[str, list[tuple[Any, str]]] = {}
    doomed: list[tuple[Any, str, str]] = []
    for element in _structures(root):
        type_ = system.get_type(_type(element))
        for attribute, value in element.attrib.items():
            feature = None if attribute in (_ID, "sofa") else type_.get_feature(attribute)
            if feature is None or system.is_primitive(feature.rangeType) or system.is_primitive_collection(feature.rangeType):
                continue
            if system.is_primitive_array(type_):
                continue
            for target in value.split():
                holders.setdefault(target, []).append((element, attribute))
                if target not in present:
                    doomed.append((element, attribute, target))
    gone: set[str] = set()
    while doomed:
        element, attribute, target = doomed.pop()
        name = element.get(_ID)
        if name in gone:
            continue
        gone.add(name)
        got, line = f"{_type(element).rpartition('.')[2]} {attribute}={quote(target)}", element.sourceline or 0
        found.append(finding("DANGLING_ARGUMENT", where, line=line, got=got))
        root.remove(element)
        doomed += [(holder, key, name) for holder, key in holders.get(name, ())]
    left = {element.get(_ID) for element in root}
    for view in root.iterfind(_VIEW):
        members = (view.get("members") or "").split()
        strangers = [m for m in members if not m.isdecimal() or int(m) not in lines]  # what was taken out is told already
        line = view.sourceline or 0
        found += [finding("DANGLING_ARGUMENT", where, line=line, got=f"View members={quote(m)}") for m in strangers]
        view.set("members", " ".join(member for member in members if member in left))
