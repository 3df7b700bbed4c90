"""spaCy DocBin: documents with ``doc.ents``, ``doc.spans["newsgold"]`` and the rest in ``doc.user_data["newsgold"]``.

``doc.text`` is the article's text to the letter: a token ends wherever a mention begins or ends, one blank after a token is
spaCy's own, and all other white space is tokens. The span group holds every mention, nested ones too, with its id and link;
``doc.ents``, which may not overlap, the longest, and of equally long ones the first. Whatever spaCy has no place for (kinds,
entities, relations, stances, the article) stands as JSON values under ``user_data``; with ``carry=spans`` only the document's id
does, and the rest is lost.

Read are the mentions of the group, or of the group that ``spans`` names, or of ``doc.ents`` where there is no such group. A file
of others has no ids for its documents: they are numbered.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from newsgold.corpus.codec import read_bytes
from newsgold.corpus.formats import FIELDS, Losses, Note, Read, sniff
from newsgold.corpus.formats.building import Builder, blank_article, unannotated
from newsgold.corpus.formats.projection import reduce
from newsgold.corpus.formats.records import OWN, article_data, own_article
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.formats.tokens import tokenise
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import LAYERS, Annotation, Entity, Relation, Stance
from newsgold.corpus.tables import Document
from newsgold.errors import Finding, UsageError, finding, quote

if TYPE_CHECKING:
    from spacy.tokens import Doc, DocBin, Span

NAME = "docbin"
ABOUT = "binary documents of spaCy, with ents, a span group and user_data"
SUFFIXES = (".spacy",)
CARRIES = FIELDS
FOLDERS = False
OPTIONS = {
    "carry": "all (what spaCy has no place for goes into user_data) or spans (the mentions and the id of the document alone)",
    "spans": "read: the span group that holds the mentions, or ents",
}
WANTED = "a spaCy DocBin"
_NO_PLACE = "spaCy has no place for it, and carry is spans"
_ENTS = "ents"
MAX_UNPACKED = 2**31
"""So many bytes a file may hold; a larger one would be unpacked into memory at once."""
SHARD = 2_000
"""So many documents a file: spaCy has all of one in memory three times over when it writes it."""
_ATTRIBUTES = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID")
"""What tokens have; spaCy adds their words and blanks."""
_replace: Callable[..., Any] = msgspec.structs.replace


# ------------------------------------------------------------------------ writing


def project(document: Document, labels: Labels, note: Note, **options: str) -> Document:
    """Everything; with ``carry=spans`` the mentions alone, without their kinds."""
    carries = CARRIES if _carries_all(options) else ("ids",)
    return reduce(document, labels, note, carries=carries, why={}, default=_NO_PLACE)


def _carries_all(options: Mapping[str, str]) -> bool:
    carry = options.get("carry", "all")
    if carry not in ("all", "spans"):
        raise UsageError(f"no such way to carry: {quote(carry)}; use all or spans")
    return carry == "all"


# every format has these parameters
def write(documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:  # noqa: ARG001
    """``documents.spacy``; where there are more than :data:`SHARD` documents, several files with numbers."""
    spacy, whole = _spacy(), _carries_all(options)
    shards: list[bytes] = []
    rest = iter(documents)
    while shard := [*islice(rest, SHARD)]:
        vocab, bin_ = spacy.vocab(), spacy.bin(attrs=_ATTRIBUTES, store_user_data=True)
        for document in shard:
            bin_.add(_doc(document, vocab, spacy, whole))
        shards.append(bin_.to_bytes())
    if len(shards) < 2:
        return {"documents.spacy": shards[0] if shards else spacy.bin().to_bytes()}
    return {f"documents-{number:05d}.spacy": data for number, data in enumerate(shards, 1)}


class _Spacy(NamedTuple):
    """What we use of spaCy."""

    bin: type[DocBin]
    doc: type[Doc]
    span: type[Span]
    vocab: Any


def _spacy() -> _Spacy:
    """The parts of spaCy, loaded only now; raises :class:`UsageError` where it is not installed."""
    try:
        from spacy.tokens import Doc, DocBin, Span
        from spacy.vocab import Vocab
    except ImportError as error:
        raise UsageError(f"docbin needs spaCy ({error}): pip install 'newsgold[spacy]'") from error
    return _Spacy(DocBin, Doc, Span, Vocab)


class _Words(NamedTuple):
    """The tokens of a text, and which token begins or ends at an offset."""

    words: list[str]
    blanks: list[bool]
    first: dict[int, int]
    after: dict[int, int]


def _words(text: str, spans: Sequence[tuple[int, int]]) -> _Words:
    """Tokens that make up the text to the letter, cut where one of the spans begins or ends."""
    begins, ends = {start for start, _ in spans}, {end for _, end in spans}
    marks = sorted(begins | ends)
    edges = sorted({0, len(text), *marks, *(edge for span in tokenise(text, marks) for edge in span)})
    words = _Words([], [], {}, {})
    for start, end in pairwise(edges):
        piece = text[start:end]
        after_word = words.words and not words.blanks[-1] and not words.words[-1].isspace()
        # a blank that is a token's own can be neither the first nor the last character of a span
        if piece.startswith(" ") and after_word and start not in begins and start + 1 not in ends:
            words.blanks[-1] = True
            start, piece = start + 1, piece[1:]
        if piece:
            words.first[start], words.after[end] = len(words.words), len(words.words) + 1
            words.words.append(piece)
            words.blanks.append(False)
    return words


def _doc(document: Document, vocab: Any, spacy: _Spacy, whole: bool) -> Doc:
    article, gold = document
    mentions = (gold and gold.mentions) or ()
    cut = _words(article.text, [(m.start, m.end) for m in mentions])
    doc = spacy.doc(vocab, words=cut.words, spaces=cut.blanks)
    link = {m: e.link or "" for e in (gold and gold.entities) or () for m in e.mentions}
    spans = [
        spacy.span(
            doc,
            cut.first[m.start],
            cut.after[m.end],
            label=m.type,
            kb_id=link.get(m.id or "", "") if whole else "",
            span_id=m.id or "",
        )
        for m in mentions
    ]
    doc.spans[OWN] = spans
    doc.set_ents(_outermost(spans))
    doc.user_data[OWN] = _own(document) if whole else {"id": article.id}
    return doc


def _outermost(spans: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, longer ones first, then those that begin first."""
    taken: set[int] = set()
    kept = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start, s.label_)):
        if taken.isdisjoint(range(span.start, span.end)):
            taken.update(range(span.start, span.end))
            kept.append(span)
    return kept


def _own(document: Document) -> dict[str, Any]:
    """All that spaCy has no place for."""
    article, gold = document
    own: dict[str, Any] = {"article": article_data(article)}
    if gold is not None:
        kinds = {m.id: m.kind for m in gold.mentions or () if m.kind is not None}
        own |= {"by": gold.by, "kinds": kinds, "layers": [name for name in LAYERS if getattr(gold, name) is not None]}
        own |= {name: msgspec.to_builtins(getattr(gold, name) or ()) for name in LAYERS[1:]}
    return own


# ------------------------------------------------------------------------ reading


class _Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in ``user_data`` of a document of ours."""

    article: dict[str, Any] = {}
    id: str | None = None
    by: str | None = None
    layers: tuple[str, ...] | None = None
    kinds: dict[str, str] = {}
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    stances: tuple[Stance, ...] = ()


def read(path: Path, terms: Terms, **options: str) -> Read:
    """The documents of a file."""
    _carries_all(options)
    spacy, where = _spacy(), str(path)
    raw = read_bytes(path)
    fault = _unpackable(raw, path)
    if fault is not None:
        return Read((), (fault,), ())
    note = Losses()
    documents: list[Document] = []
    found: list[Finding] = []
    for number, doc in enumerate(_docs(raw, path, spacy), 1):
        if isinstance(doc, Finding):
            found.append(doc)
            continue
        document, faults = _document(doc, number, where, terms, note, options.get("spans"))
        found += faults
        if document is not None:
            documents.append(document)
    return Read(tuple(documents), tuple(found), note.all())


def _docs(raw: bytes, path: Path, spacy: _Spacy) -> Iterator[Doc | Finding]:
    """The documents one at a time; where they break off, why."""
    try:
        yield from spacy.bin().from_bytes(raw).get_docs(spacy.vocab())
    except Exception as error:  # spaCy's decoders raise what they like on a broken file
        yield _other(path, f"what spaCy cannot read: {type(error).__name__}")


def _other(path: Path, got: str) -> Finding:
    return finding("WRONG_FORMAT", str(path), got=got, wanted=WANTED)


def _unpackable(raw: bytes, path: Path) -> Finding | None:
    """Why a file cannot be a DocBin, or would be too large in memory."""
    if not raw:
        return finding("EMPTY_FILE", str(path))
    unpacker, size = zlib.decompressobj(), 0
    try:
        piece = unpacker.decompress(raw, 1 << 24)
        while piece:
            size += len(piece)
            if size > MAX_UNPACKED:
                got, wanted = f"over {MAX_UNPACKED:,} bytes once unpacked", "files of fewer documents"
                return finding("RECORD_TOO_LONG", str(path), got=got, wanted=wanted)
            piece = unpacker.decompress(unpacker.unconsumed_tail, 1 << 24)
    except zlib.error:
        return _other(path, sniff(path))
    return None if unpacker.eof else finding("TRUNCATED", str(path), got=f"{len(raw):,} bytes")


def _document(
    doc: Doc, number: int, path: str, terms: Terms, note: Losses, group: str | None
) -> tuple[Document | None, list[Finding]]:
    name = f"{Path(path).stem}-{number}"
    try:
        own = msgspec.convert(doc.user_data.get(OWN, {}), _Own)
        article = own_article({"article": own.article}, doc.text) if own.article else blank_article(own.id or name, doc.text)
    except (msgspec.ValidationError, TypeError) as error:
        own, article = _Own(), str(error)
    if isinstance(article, str):
        got, wanted = quote(article, 160), "what newsgold wrote there"
        return None, [finding("BAD_RECORD", path, doc=name, pointer=f"/{number - 1}/user_data/{OWN}", got=got, wanted=wanted)]
    assert article is not None
    if own.article and own.layers is None:
        return unannotated(article), []
    builder = Builder(path, article, terms, note, by=own.by, raise_arguments=False)
    _mentions(doc, number, own, builder, note, group)
    for e in own.entities:
        builder.entity(e.id, e.mentions, link=e.link, id=e.id, pointer=f"/{number - 1}/user_data/{OWN}/entities")
    for place, r in enumerate(own.relations):
        pointer = f"/{number - 1}/user_data/{OWN}/relations/{place}"
        builder.relation(r.type, r.head, r.tail, factuality=r.factuality, evidence=r.evidence, pointer=pointer)
    for place, s in enumerate(own.stances):
        pointer = f"/{number - 1}/user_data/{OWN}/stances/{place}"
        builder.stance(s.id, s.start, s.end, s.holder, s.target, s.polarity, basis=s.basis, id=s.id, pointer=pointer)
    layers = own.layers or ()
    document = builder.finish(layers=layers, keep_ids=OWN in doc.user_data)
    if document is not None and document.gold is not None and own.article and "mentions" not in layers:
        document = Document(document.article, _unattempted(document.gold))
    return document, builder.findings


def _unattempted(gold: Annotation) -> Annotation:
    changed: Annotation = _replace(gold, mentions=gold.mentions or None)
    return changed


def _mentions(doc: Doc, number: int, own: _Own, builder: Builder, note: Losses, group: str | None) -> None:
    """The mentions of the group that holds them, and entities for their links where nothing else makes any."""
    chosen = group or (OWN if OWN in doc.spans else _ENTS)
    if chosen != _ENTS and chosen not in doc.spans:
        wanted = ", ".join([_ENTS, *map(quote, doc.spans)])
        builder.fault("BAD_RECORD", pointer=f"/{number - 1}/spans", got=f"no group {quote(chosen)}", wanted=f"one of {wanted}")
        return
    linked: dict[tuple[str, str], list[str]] = {}
    for place, span in enumerate(doc.ents if chosen == _ENTS else doc.spans[chosen]):
        key = span.id_ or f"span {place}"
        pointer = f"/{number - 1}/{_ENTS if chosen == _ENTS else f'spans/{chosen}'}/{place}"
        if not span.label_:
            builder.fault("BAD_RECORD", pointer=pointer, got="a span without a label", wanted="a label")
            continue
        builder.mention(
            key, span.start_char, span.end_char, span.label_, kind=own.kinds.get(span.id_), id=span.id_ or None, pointer=pointer
        )
        if span.kb_id_ and span.kb_id_ != "NIL":
            linked.setdefault((span.kb_id_, span.label_), []).append(key)
    for (link, type_), keys in linked.items() if not own.entities else ():
        builder.entity(f"{link} {type_}", keys, link=link)
    for name, spans in doc.spans.items():
        note("spans", "another group of spans was read", 0 if name in (chosen, OWN) else len(spans))
    note("categories", "categories of a text have no counterpart", len(doc.cats))
    if chosen not in (_ENTS, OWN):
        note("mentions", f"the group {chosen} was read, not ents", len(doc.ents))
