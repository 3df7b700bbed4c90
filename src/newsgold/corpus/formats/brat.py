"""brat stand-off: beside each text a file of annotations, a line each.

    T1	GPE 23 31	Damascus                      a mention
    R1	controls Arg1:T3 Arg2:T1                a relation; another factuality is in its name, controls--denied
    *	Coreference T1 T4                        mentions of one entity; one of its own has the attribute Singleton
    N1	Reference T1 Wikidata:Q3766	Damascus    its link; an id of the corpus's knowledge base is kb:<id>
    A1	Kind T3 NOM                             a mention's kind
    E1	Stance:T9 Holder:T3 Target:T1           a stance, its words T9; attributes Polarity, Basis, Holder (AUTHOR, UNKNOWN)

Offsets are code points and ends are exclusive, as ours. Read are folders with everything below them, or single .ann (.a1,
.a2) files whose text lies beside them. Other events, attributes and notes are counted as losses; a span with a gap is a finding.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from newsgold.corpus.codec import decode_text, read_part
from newsgold.corpus.formats import Losses, Note, Read, sniff
from newsgold.corpus.formats.building import Builder, blank_article, split_factuality
from newsgold.corpus.formats.projection import flatten, keep_facts, keep_mentions, pairs, reduce, renumber
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY, Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, WIKIDATA_ID, Annotation
from newsgold.corpus.tables import Document
from newsgold.errors import FileFault, Finding, finding, quote

NAME = "brat"
ABOUT = "stand-off files of the brat annotation tool, .txt and .ann"
SUFFIXES = (".ann", ".a1", ".a2")
CARRIES = ("kinds", "entities", "links", "relations", "factualities", "stances", "bases")
FOLDERS = True
OPTIONS: dict[str, str] = {}
_STANCE = "Stance"
_OWN = frozenset({"Kind", "Singleton", "Polarity", "Basis", "Holder"})
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NO_PLACE = "brat files have no place for it"
_BAD_NAME = "brat allows letters, digits, _ and - in names only"
_NO_SPAN = "it has no span, and an event needs words"


# ------------------------------------------------------------------------ writing


def project(document: Document, labels: Labels, note: Note) -> Document:
    """All layers, between mentions, under the ids m1, e1, s1; nothing of the article but its text."""
    document = flatten(reduce(document, labels, note, carries=CARRIES, why={}, default=_NO_PLACE), labels, note)
    gold = document.gold
    if gold is None:
        return document
    named = {m.id for m in gold.mentions or () if _NAME.fullmatch(m.type) and m.type != _STANCE and _plain(m.kind)}
    document = keep_mentions(document, named, labels, note, _BAD_NAME)
    document = keep_facts(
        document,
        labels,
        note,
        relation=lambda r: "" if _NAME.fullmatch(r.type) and "--" not in r.type and _plain(r.factuality) else _BAD_NAME,
        stance=lambda s: _NO_SPAN if s.start is None else "" if _plain(s.polarity) and _plain(s.basis) else _BAD_NAME,
    )
    return renumber(document, labels, note, _NO_PLACE)


def _plain(name: str | None) -> bool:
    return name is None or _NAME.fullmatch(name) is not None


def write(documents: Iterable[Document], labels: Labels) -> dict[str, bytes]:
    """Two files a document, and the configuration of brat for the inventory."""
    files = {"annotation.conf": _configuration(labels)}
    for article, gold in documents:
        files[f"{article.id}.txt"] = article.text.encode("utf-8")
        lines = _lines(gold or Annotation(id=article.id), article.text)
        files[f"{article.id}.ann"] = "".join(f"{line}\n" for line in lines).encode("utf-8")
    return files


def _lines(gold: Annotation, text: str) -> Iterator[str]:
    spans = [(m.id, m.type, m.start, m.end) for m in gold.mentions or ()]
    spans += [(s.id, _STANCE, s.start or 0, s.end or 0) for s in gold.stances or ()]
    term: dict[str | None, str] = {}
    for number, (name, type_, start, end) in enumerate(spans, 1):
        term[name] = f"T{number}"
        yield f"T{number}\t{type_} {start} {end}\t{_on_one_line(text[start:end])}"
    for number, p in enumerate(pairs(gold), 1):
        type_ = p.type if p.factuality == DEFAULT_FACTUALITY else f"{p.type}--{p.factuality}"
        yield f"R{number}\t{type_} Arg1:{term[p.head]} Arg2:{term[p.tail]}\t"
    attributes = [f"Kind {term[m.id]} {m.kind}" for m in gold.mentions or () if m.kind is not None]
    linked = []
    for e in gold.entities or ():
        if len(e.mentions) > 1:
            yield f"*\tCoreference {' '.join(term[m] for m in e.mentions)}"
        else:
            attributes.append(f"Singleton {term[e.mentions[0]]}")
        if e.link is not None:
            linked.append((term[e.mentions[0]], f"Wikidata:{e.link}" if WIKIDATA_ID.fullmatch(e.link) else f"kb:{e.link}"))
    for number, s in enumerate(gold.stances or (), 1):
        holder = "" if s.holder in (AUTHOR, UNKNOWN) else f" Holder:{term[s.holder]}"
        yield f"E{number}\t{_STANCE}:{term[s.id]}{holder} Target:{term[s.target]}"
        attributes.append(f"Polarity E{number} {s.polarity}")
        attributes += [f"Basis E{number} {s.basis}"] if s.basis != DEFAULT_BASIS else []
        attributes += [f"Holder E{number} {s.holder}"] if not holder else []
    yield from (f"A{number}\t{line}" for number, line in enumerate(attributes, 1))
    yield from (f"N{number}\tReference {of} {link}\t" for number, (of, link) in enumerate(linked, 1))


def _on_one_line(surface: str) -> str:
    return re.sub("[\t\r\n]", " ", surface)


def _configuration(labels: Labels) -> bytes:
    """annotation.conf: what may be annotated."""
    types = [t for t in labels.types if _NAME.fullmatch(t)]
    arcs = []
    for name, r in labels.relations.items():
        for factuality in labels.allowed_factualities if _NAME.fullmatch(name) else ():
            called = name if factuality == DEFAULT_FACTUALITY else f"{name}--{factuality}"
            symmetric = ", <REL-TYPE>:symmetric" if r.symmetric else ""
            arcs.append(f"{called}\tArg1:{'|'.join(r.domain)}, Arg2:{'|'.join(r.range)}{symmetric}")
    arcs.append("Coreference\tArg1:<ENTITY>, Arg2:<ENTITY>, <REL-TYPE>:symmetric-transitive")
    attributes = [f"Kind\tArg:<ENTITY>, Value:{'|'.join(labels.kinds)}"] if labels.kinds else []
    attributes += ["Singleton\tArg:<ENTITY>"]
    if labels.polarities:
        attributes += [
            f"Polarity\tArg:<EVENT>, Value:{'|'.join(labels.polarities)}",
            f"Basis\tArg:<EVENT>, Value:{'|'.join(labels.allowed_bases)}",
            f"Holder\tArg:<EVENT>, Value:{AUTHOR}|{UNKNOWN}",
        ]
    events = [f"{_STANCE}\tHolder?:<ENTITY>, Target:<ENTITY>"] if labels.polarities else []
    sections = {"entities": types, "relations": arcs, "events": events, "attributes": attributes}
    return "\n".join("\n".join([f"[{name}]", *rows, ""]) for name, rows in sections.items()).encode("utf-8")


# ------------------------------------------------------------------------ reading


class _Line(NamedTuple):
    """A line of an annotation file."""

    path: str
    number: int
    id: str
    rest: str
    """What stands after the first tab."""


def read(path: Path, terms: Terms) -> Read:
    """The documents of a folder, or the one of an annotation file."""
    if not path.is_dir() and path.suffix not in SUFFIXES:
        if not path.is_file():
            raise FileFault(f"cannot read {path}: no such file")
        wanted = "a folder, or a file that ends in .ann, .a1 or .a2"
        return Read((), (finding("WRONG_FORMAT", str(path), got=sniff(path), wanted=wanted),), ())
    root = path if path.is_dir() else path.parent
    names = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES) if path.is_dir() else [path]
    groups: dict[Path, list[Path]] = defaultdict(list)
    for file in names:
        groups[file.with_suffix("")].append(file)
    if not groups:
        return Read((), (finding("WRONG_FORMAT", str(path), got="a folder without .ann files", wanted=".txt and .ann"),), ())
    note = Losses()
    documents: list[Document] = []
    found: list[Finding] = []
    for base, files in groups.items():
        document, faults = _document(base, files, root, terms, note)
        found += faults
        if document is not None:
            documents.append(document)
    if path.is_dir():
        lonely = sorted(t for t in path.rglob("*.txt") if t.with_suffix("") not in groups)
        found += [finding("FILE_MISSING", str(t.with_suffix(".ann")), doc=t.stem, got=f"{t.name} alone") for t in lonely]
    return Read(tuple(documents), tuple(found), note.all())


def _document(base: Path, files: list[Path], root: Path, terms: Terms, note: Losses) -> tuple[Document | None, list[Finding]]:
    source = base.with_name(f"{base.name}.txt")
    raw = read_part(source)
    text = raw if isinstance(raw, Finding) else decode_text(raw, str(source))
    lines: list[_Line] = []
    found: list[Finding] = [] if isinstance(text, str) else [text._replace(doc=base.name)]
    for file in files:
        part = _read_lines(file)
        if isinstance(part, Finding):
            found.append(part._replace(doc=base.name))
        else:
            lines += part
    if not isinstance(text, str) or found:
        return None, found
    builder = Builder(str(files[0]), blank_article(base.relative_to(root).as_posix(), text), terms, note)
    _Reading(builder, lines, note).run()
    return builder.finish(), builder.findings


def _read_lines(file: Path) -> list[_Line] | Finding:
    raw = read_part(file)
    if isinstance(raw, Finding):
        return raw
    text = decode_text(raw, str(file)) if raw.strip() else ""
    if isinstance(text, Finding):
        return text
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            name, _, rest = line.removesuffix("\r").partition("\t")
            lines.append(_Line(str(file), number, name, rest))
    return lines


class _Reading:
    """The lines of one document on their way into a builder."""

    def __init__(self, builder: Builder, lines: list[_Line], note: Losses) -> None:
        self.builder = builder
        self.note = note
        self.lines = lines
        self.attributes: dict[tuple[str, str], str] = {}
        """Values of our own attributes, by what they are of and their name."""
        self.events: dict[str, tuple[_Line, str, str, dict[str, str]]] = {}
        """Each event's line, type, trigger and arguments."""

    def run(self) -> None:
        """Give the builder all that the lines hold."""
        kinds = Counter(line.id[:1] for line in self.lines)
        for line in self._of("E"):
            self._event(line)
        for line in self._of("AM"):
            self._attribute(line)
        triggers = {trigger for _, _, trigger, _ in self.events.values()}
        for line in self._of("T"):
            self._term(line, triggers)
        for line in self._of("R"):
            self._relation(line)
        self._stances()
        self._clusters()
        self.note("notes", "notes are for people", kinds["#"])
        for line in self.lines:
            if line.id[:1] not in tuple("TREAMN#*"):
                self._bad(line, "a line that begins with one of T, R, E, A, M, N, # and *")

    def _of(self, letters: str) -> Iterator[_Line]:
        """The lines whose ids begin with one of the letters; the builder is told in which file each one stands."""
        for line in self.lines:
            if line.id[:1] in tuple(letters):
                self.builder.path = line.path
                yield line

    def _bad(self, line: _Line, wanted: str) -> None:
        self.builder.path = line.path
        self.builder.fault("BAD_RECORD", line=line.number, got=quote(f"{line.id} {line.rest}"), wanted=wanted)

    def _event(self, line: _Line) -> None:
        arguments = [part.partition(":") for part in line.rest.split()]
        if not arguments or not all(name and value for name, _, value in arguments):
            self._bad(line, "Type:T1 Role:T2 …")
            return
        (type_, _, trigger), *rest = arguments
        self.events[line.id] = (line, type_, trigger, {name: value for name, _, value in rest})

    def _attribute(self, line: _Line) -> None:
        name, *rest = line.rest.split() or [""]
        if not rest:
            self._bad(line, "Name T1 [value]")
        elif name in _OWN:
            self.attributes[rest[0], name] = rest[1] if len(rest) > 1 else ""
        else:
            self.note("attributes", f"the attribute {name} has no counterpart")

    def _term(self, line: _Line, triggers: set[str]) -> None:
        if line.id in triggers:
            return
        head, _, surface = line.rest.partition("\t")
        match = re.fullmatch(r"(\S+) (.+)", head)
        spans = match[2].split(";") if match else []
        if match is None or not all(re.fullmatch(r"\d{1,9} \d{1,9}", span) for span in spans):
            self._bad(line, "Type start end, a tab and the text")
            return
        if len(spans) > 1:
            self.builder.fault("SPAN_DISCONTINUOUS", line=line.number, got=f"{match[2]} {quote(surface)}")
            return
        start, end = map(int, spans[0].split())
        text = self.builder.article.text[start:end]
        # brat writes a line break in a surface as a blank
        shown = text if surface and surface == _on_one_line(text) else surface or None
        kind = self.attributes.get((line.id, "Kind"))
        self.builder.mention(line.id, start, end, match[1], kind=kind, surface=shown, line=line.number)

    def _relation(self, line: _Line) -> None:
        name, *rest = line.rest.split() or [""]
        arguments = dict(part.split(":", 1) for part in rest if ":" in part)
        if len(arguments) != 2 or len(rest) != 2:
            self._bad(line, "Type Arg1:T1 Arg2:T2")
            return
        head, tail = (arguments["Arg1"], arguments["Arg2"]) if "Arg1" in arguments and "Arg2" in arguments else arguments.values()
        if head in self.events or tail in self.events:
            self.note("relations", "an end of it is an event")
            return
        type_, factuality = split_factuality(name, "--", self.builder.terms)
        self.builder.relation(type_, head, tail, factuality=factuality, line=line.number)

    def _stances(self) -> None:
        terms = {line.id: line for line in self._of("T")}
        for name, (line, type_, trigger, arguments) in self.events.items():
            self.builder.path = line.path
            polarity = self.attributes.get((name, "Polarity"))
            if type_ != _STANCE or polarity is None or "Target" not in arguments:
                self.note("events", f"the event {type_} has no counterpart")
                continue
            term = terms.get(trigger)
            match = None if term is None else re.match(r"\S+ (\d{1,9}) (\d{1,9})(?:\t|$)", term.rest)
            if match is None:
                self._bad(line, "a trigger with one span")
                continue
            holder = arguments.get("Holder") or self.attributes.get((name, "Holder"), "")
            basis = self.attributes.get((name, "Basis"), DEFAULT_BASIS)
            self.builder.stance(
                name, int(match[1]), int(match[2]), holder, arguments["Target"], polarity, basis=basis, line=line.number
            )

    def _clusters(self) -> None:
        links: dict[str, tuple[str, int]] = {}
        for line in self._of("N"):
            match = re.match(r"\S+ (\S+) ([^:\s]+):(\S+)", line.rest)
            if match is None:
                self._bad(line, "Reference T1 Database:id")
            elif match[2] in ("Wikidata", "kb"):
                links[match[1]] = (match[3], line.number)
            else:
                self.note("links", f"{match[2]} is neither Wikidata nor the corpus's knowledge base")
        for line in self._of("*"):
            _, *terms = line.rest.split() or [""]
            found = next(((t, links.pop(t)[0]) for t in terms if t in links), ("", None))
            self.builder.entity(f"*{line.number} {line.path}", terms, link=found[1], line=line.number)
        singles = {of for of, name in self.attributes if name == "Singleton"}
        for term in sorted({*links, *singles}):
            link, number = links.get(term, (None, 0))
            self.builder.entity(f"N {term}", [term], link=link, line=number)
