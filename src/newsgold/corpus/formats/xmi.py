"""UIMA CAS XMI, as DKPro Core, WebAnno and INCEpTION use it, read and written with dkpro-cassis.

Written are a file a document and TypeSystem.xml. A mention is a NamedEntity (``value`` the type, ``identifier`` the link), an
entity a CoreferenceChain; relations and stances are layers of our own, NewsgoldRelation (from ``Governor`` to ``Dependent``) and
NewsgoldStance. What these types have no feature for stands in features that we add; the article is one of NewsgoldDocument.
Tokens and sentences are written, since tools ask for them, and not read.

Read are the NamedEntity annotations, or those of the types that ``mentions`` names with their features (``custom.Span:value``);
CoreferenceChain, or the chains that ``chains`` names; and of all types with a Governor and a Dependent those between mentions.
A relation is called as its first feature of value, label and relationType says, else as its type. A link of a chain is the
mention that stands at its place; where none does it is left out, unless ``untyped`` names a type for it. An identifier of
Wikidata is a link. The text is that of the initial view, or of the ``view`` named.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from newsgold.corpus.formats import FIELDS, Losses, Note, Read
from newsgold.corpus.formats.building import Builder, blank_article, unannotated
from newsgold.corpus.formats.projection import flatten, keep_facts, keep_mentions, pairs, reduce
from newsgold.corpus.formats.records import article_data, own_article
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.formats.tokens import cut_lines
from newsgold.corpus.formats.uima import (
    CHAIN,
    DOCUMENT,
    ENTITY,
    METADATA,
    OWN_LINK,
    RELATION,
    SENTENCE,
    STANCE,
    TOKEN,
    Cas,
    Loaded,
    TypeSystem,
    cassis,
    load_cas,
    own_types,
)
from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY, Labels
from newsgold.corpus.model import AUTHOR, LAYERS, UNKNOWN, WIKIDATA_ID, Article
from newsgold.corpus.tables import Document
from newsgold.errors import Finding, finding, quote

NAME = "xmi"
ABOUT = "UIMA CAS XMI of DKPro Core, WebAnno and INCEpTION; reads UIMA CAS JSON too"
SUFFIXES = (".xmi",)
CARRIES = FIELDS
FOLDERS = False
OPTIONS = {
    "typesystem": "read: type system file; by default TypeSystem.xml beside the file, else made up from it",
    "mentions": "read: TYPE:FEATURE,… of the mentions; by default NamedEntity:value",
    "chains": "read: TYPE,… of the chains that are entities; by default CoreferenceChain",
    "untyped": "read: the type of mentions without a value, and of links of chains where no mention stands",
    "view": "read: name of the view; by default the initial one",
}
_NOT_XML = "XML cannot hold a character of it"
_BAD = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIKIDATA = re.compile(r"https?://www\.wikidata\.org/(?:entity|wiki)/(Q[1-9]\d*)")
_KNOWN = frozenset({SENTENCE, TOKEN, METADATA, DOCUMENT})
"""Types that are structure, or were read before."""
_NAMES = ("value", "label", "relationType")


# ------------------------------------------------------------------------ writing


# every format has these parameters
def project(document: Document, labels: Labels, note: Note, **options: str) -> Document | None:  # noqa: ARG001
    """Everything, relations and stances between mentions; nothing of a text with characters that XML cannot hold."""
    if _BAD.search(document.article.text):
        note("documents", _NOT_XML)
        return None
    document = flatten(reduce(document, labels, note, carries=CARRIES, why={}, default=""), labels, note)
    gold = document.gold
    if gold is None:
        return document
    sayable = {m.id for m in gold.mentions or () if _plain(m.type, m.kind)}
    document = keep_mentions(document, sayable, labels, note, _NOT_XML)
    return keep_facts(
        document,
        labels,
        note,
        relation=lambda r: "" if _plain(r.type, r.factuality) else _NOT_XML,
        stance=lambda s: "" if _plain(s.polarity, s.basis) else _NOT_XML,
    )


def _plain(*names: str | None) -> bool:
    return not any(_BAD.search(name) for name in names if name is not None)


# every format has these parameters
def write(documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:  # noqa: ARG001
    """A file a document, ``<id>.xmi``, and the type system."""
    system = own_types()
    files = {"TypeSystem.xml": (system.to_xml() or "").encode("utf-8")}
    for document in documents:
        files[f"{document.article.id}.xmi"] = (_cas(document, system).to_xmi(pretty_print=True) or "").encode("utf-8")
    return files


def _cas(document: Document, system: TypeSystem) -> Cas:
    article, gold = document
    cas: Cas = cassis().Cas(typesystem=system)
    cas.sofa_string, cas.sofa_mime = article.text, "text/plain"

    def add(name: str, start: int, end: int, **features: Any) -> Any:
        item = system.get_type(name)(begin=start, end=end, **features)
        cas.add(item)
        return item

    end = len(article.text)
    own: dict[str, Any] = {"article": article_data(article)}
    if gold is not None:
        own |= {"by": gold.by, "layers": [layer for layer in LAYERS if getattr(gold, layer) is not None]}
    add(METADATA, 0, end, documentId=article.id, documentTitle=article.id, language=article.language)
    # in ASCII, since a title may hold characters that XML cannot
    add(DOCUMENT, 0, end, data=json.dumps(own, ensure_ascii=True, separators=(",", ":")))
    mentions = (gold and gold.mentions) or ()
    for line in cut_lines(article.text, [(m.start, m.end) for m in mentions]).sentences:
        if line:
            add(SENTENCE, line[0].start, line[-1].end)
        for token in line:
            add(TOKEN, *token)
    link = {m: e.link for e in (gold and gold.entities) or () for m in e.mentions if e.link is not None}
    known: dict[str | None, Any] = {}
    for m in mentions:
        iri = link.get(m.id or "")
        iri = f"http://www.wikidata.org/entity/{iri}" if iri is not None and WIKIDATA_ID.fullmatch(iri) else iri
        known[m.id] = add(ENTITY, m.start, m.end, value=m.type, identifier=iri, kind=m.kind, mentionId=m.id)
    for e in (gold and gold.entities) or ():
        after = None
        for name in reversed(e.mentions):
            m = known[name]
            after = add(OWN_LINK, m.begin, m.end, next=after, mention=m)
        cas.add(system.get_type(CHAIN)(first=after, entityId=e.id, link=e.link))
    for p in pairs(gold) if gold is not None else ():
        head, tail = known[p.head], known[p.tail]
        add(RELATION, tail.begin, tail.end, Governor=head, Dependent=tail, value=p.type, factuality=p.factuality)
    for s in (gold and gold.stances) or ():
        add(
            STANCE,
            s.start or 0,
            s.end or 0,
            polarity=s.polarity,
            basis=s.basis,
            holder=s.holder if s.holder in (AUTHOR, UNKNOWN) else None,
            holderMention=known.get(s.holder),
            targetMention=known[s.target],
            stanceId=s.id,
        )
    return cas


# ------------------------------------------------------------------------ reading


def read(path: Path, terms: Terms, **options: str) -> Read:
    """The document of a file."""
    loaded = load_cas(path, Path(options["typesystem"]) if "typesystem" in options else None)
    if not isinstance(loaded, Loaded):
        return Read((), tuple(loaded), ())
    note = Losses()
    view = _view(loaded.cas, options.get("view"), str(path), note)
    if isinstance(view, Finding):
        return Read((), (*loaded.findings, view), ())
    metadata = next(iter(_of(view, METADATA) or _of(view, "uima.tcas.DocumentAnnotation")), None)
    name = _get(metadata, "documentId") or path.stem
    text = view.sofa_string or ""
    own: dict[str, Any] = {}
    article: Article | Finding = _blank(name, text, _get(metadata, "language"))
    for item in _of(view, DOCUMENT):
        own, article = _own(item, text, str(path), loaded)
    if isinstance(article, Finding):
        return Read((), (*loaded.findings, article), ())
    if own and "layers" not in own:
        return Read((unannotated(article),), tuple(loaded.findings), note.all())
    by = own.get("by")
    builder = Builder(str(path), article, terms, note, by=by if isinstance(by, str) else None)
    builder.findings += (fault._replace(doc=article.id) for fault in loaded.findings)
    _Reading(view, loaded, builder, note, options).run()
    layers = own.get("layers") if isinstance(own.get("layers"), list) else None
    document = builder.finish(layers=layers or (), keep_ids=layers is not None)
    if document is not None and document.gold is not None and layers is not None and "mentions" not in layers:
        unmentioned = msgspec.structs.replace(document.gold, mentions=document.gold.mentions or None)
        document = Document(document.article, unmentioned)
    return Read((document,) if document is not None else (), tuple(builder.findings), note.all())


def _view(cas: Cas, name: str | None, path: str, note: Note) -> Cas | Finding:
    """The view that is read: the one named, else the first with a text; texts of others are noted as lost."""
    names = [view.sofa.sofaID for view in cas.views if view.sofa.sofaString]
    chosen = name or next((n for n in ("_InitialView", *names) if n in names), None)
    if chosen is None:
        return finding("NO_TEXT", path, got="a CAS without a text")
    if chosen not in names:
        return finding("NO_TEXT", path, got=f"no text in the view {quote(chosen)}", wanted=f"one of {quote(names)}")
    note("views", "a document has one text", len(names) - 1)
    view: Cas = cas.get_view(chosen)
    return view


def _own(item: Any, text: str, path: str, loaded: Loaded) -> tuple[dict[str, Any], Article | Finding]:
    """What stands in an annotation of ours about the document."""
    try:
        data = msgspec.json.decode(item.data or "", type=dict[str, Any])
        article = own_article(data, text) or "no article"
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        data, article = {}, str(error)
    if isinstance(article, str):
        got, wanted = quote(article, 160), "an article"
        return {}, finding("BAD_RECORD", path, line=loaded.line(item), got=got, wanted=wanted)
    return data, article


def _blank(name: str, text: str, language: object) -> Article:
    article = blank_article(name, text)
    told = isinstance(language, str) and re.fullmatch("[a-z]{2,3}", language)
    return msgspec.structs.replace(article, language=language) if told else article


def _of(view: Cas, name: str) -> list[Any]:
    """The items of a type in a view, none where the type is not declared."""
    return [*view.select(name)] if view.typesystem.contains_type(name) else []


def _get(item: Any, feature: str) -> Any:
    return getattr(item, feature, None)


class _Reading:
    """One view on its way into a builder."""

    def __init__(self, view: Cas, loaded: Loaded, builder: Builder, note: Losses, options: Mapping[str, str]) -> None:
        self.view = view
        self.loaded = loaded
        self.builder = builder
        self.note = note
        self.options = options
        self.done: set[int] = set()
        """The ids of all items that were read."""
        self.at: dict[tuple[int, int], int] = {}
        """The first mention at a place."""
        self.identifier: dict[int, str] = {}
        """The link of each mention that has one."""
        self.clustered: set[int] = set()

    def run(self) -> None:
        """Give the builder all that the view holds."""
        self._mentions()
        self._chains()
        self._linked()
        items = [item for item in self.view.select_all_fs() if item.xmiID not in self.done]
        others: Counter[str] = Counter()
        for item in items:
            head, tail = _get(item, "Governor"), _get(item, "Dependent")
            if item.type.name == STANCE:
                self._stance(item)
            elif head is not None and tail is not None and {head.xmiID, tail.xmiID} <= self.done:
                self._relation(item, head, tail)
            elif item.type.name not in _KNOWN and not item.type.name.startswith("uima."):
                others[item.type.short_name] += 1
        for name, n in sorted(others.items()):
            self.note("annotations", f"the type {name} was not read", n)

    def _types(self, option: str, usual: str) -> Iterator[tuple[Any, str]]:
        """The items of the types that an option names, each with the feature named with it."""
        seen: set[int] = set()
        for part in self.options.get(option, usual).split(","):
            name, _, feature = part.partition(":")
            found = [t.name for t in self.view.typesystem.get_types() if t.name == name or t.name.endswith(f".{name}")]
            if not found and option in self.options:
                wanted = "a type of the file, such as NamedEntity:value"
                self.builder.fault("BAD_RECORD", got=f"no type {quote(name)}", wanted=wanted)
            for full in found:
                for item in _of(self.view, full):
                    if item.xmiID not in seen:
                        yield item, feature
                    seen.add(item.xmiID)

    def _mentions(self) -> None:
        for item, feature in self._types("mentions", f"{ENTITY}:value"):
            line, value = self.loaded.line(item), _get(item, feature or "value") or self.options.get("untyped")
            self.done.add(item.xmiID)
            if not isinstance(value, str) or not value:
                got, wanted = f"{item.type.short_name} without {feature or 'value'}", "a type"
                self.builder.fault("BAD_RECORD", line=line, got=got, wanted=wanted)
                continue
            start, end = self.loaded.span(item)
            own, kind = _get(item, "mentionId"), _get(item, "kind")
            self.builder.mention(
                item.xmiID,
                start,
                end,
                value,
                kind=kind if isinstance(kind, str) else None,
                id=own if isinstance(own, str) else None,
                line=line,
            )
            self.at.setdefault((start, end), item.xmiID)
            link = _get(item, "identifier")
            if isinstance(link, str) and link:
                match = _WIKIDATA.fullmatch(link)
                self.identifier[item.xmiID] = match[1] if match else link

    def _chains(self) -> None:
        for item, _ in self._types("chains", CHAIN):
            self.done.add(item.xmiID)
            members: list[Hashable] = []
            seen: set[int] = set()
            link = _get(item, "first")
            while link is not None:
                if link.xmiID in seen:
                    self.builder.fault(
                        "BAD_RECORD", line=self.loaded.line(link), got="a chain that runs in a circle", wanted="an end"
                    )
                    break
                seen.add(link.xmiID)
                key = self._member(link)
                members += [key] if key is not None else []
                link = _get(link, "next")
            self.done |= seen
            if not members:
                self.note("entities", "no link of the chain stands on a mention", int(bool(seen)))
                continue
            self.clustered |= {key for key in members if isinstance(key, int)}
            links = {self.identifier[key]: None for key in members if isinstance(key, int) and key in self.identifier}
            if len(links) > 1:
                got = f"mentions with {quote(', '.join(links))}"
                self.builder.fault("BAD_RECORD", line=self.loaded.line(item), got=got, wanted="one identifier in a chain")
            own, named = _get(item, "entityId"), _get(item, "link") or next(iter(links), None)
            id_ = own if isinstance(own, str) else None
            self.builder.entity(item.xmiID, members, link=named, id=id_, line=self.loaded.line(item))

    def _member(self, link: Any) -> int | None:
        """The mention that a link of a chain stands for."""
        mention, place = _get(link, "mention"), self.loaded.span(link)
        if mention is not None:
            return int(mention.xmiID)
        if place in self.at:
            return self.at[place]
        untyped = self.options.get("untyped")
        if untyped is None:
            self.note("links of chains", "no mention stands there, so it has no type; --option untyped=TYPE gives it one")
            return None
        self.builder.mention(link.xmiID, *place, untyped, line=self.loaded.line(link))
        self.at[place] = link.xmiID
        return int(link.xmiID)

    def _linked(self) -> None:
        """Entities for the links of mentions in no chain: one for each link."""
        linked: dict[str, list[int]] = defaultdict(list)
        for key, link in self.identifier.items():
            if key not in self.clustered:
                linked[link].append(key)
        for link, keys in linked.items():
            self.builder.entity(f"of {link}", keys, link=link, line=self.loaded.lines.get(keys[0], 0))

    def _relation(self, item: Any, head: Any, tail: Any) -> None:
        self.done.add(item.xmiID)
        value = next((v for v in (_get(item, name) for name in _NAMES) if isinstance(v, str) and v), item.type.short_name)
        factuality = _get(item, "factuality")
        known = factuality if isinstance(factuality, str) else DEFAULT_FACTUALITY
        self.builder.relation(value, head.xmiID, tail.xmiID, factuality=known, line=self.loaded.line(item))

    def _stance(self, item: Any) -> None:
        self.done.add(item.xmiID)
        start, end = self.loaded.span(item)
        holder, target, line = item.holderMention, item.targetMention, self.loaded.line(item)
        if target is None or item.polarity is None:
            self.builder.fault("BAD_RECORD", line=line, got="a stance without target or polarity", wanted="both")
            return
        self.builder.stance(
            ("stance", item.xmiID),
            start if start != end else None,
            end if start != end else None,
            item.holder or (holder and holder.xmiID),
            target.xmiID,
            item.polarity,
            basis=item.basis or DEFAULT_BASIS,
            id=item.stanceId,
            line=line,
        )
