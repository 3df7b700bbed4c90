"""Between our files and foreign ones: what is exported and where it is written, where imports go and what gold asks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.corpus.codec import Record, decode_text, encode_jsonl, read_bytes, write_atomic
from newsgold.corpus.formats import Exported, Imported, Loss, Losses
from newsgold.corpus.formats.projection import pairs, regroup
from newsgold.corpus.formats.terms import Terms, encode_labels, load_mapping
from newsgold.corpus.labels import Labels, default_labels, load_labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity, Relation
from newsgold.corpus.store import ARTICLES, GOLD, RAW, read_annotations, read_articles, write_article, write_gold
from newsgold.corpus.tables import Document
from newsgold.corpus.validate import check_annotations, check_articles
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, has_errors, quote

_replace: Callable[..., Any] = msgspec.structs.replace


class Placed(NamedTuple):
    """What was written, what forbade the rest, how many mentions became entities because gold asks for it, and what was lost."""

    changed: tuple[Path, ...]
    findings: tuple[Finding, ...]
    singletons: int
    losses: tuple[Loss, ...] = ()


def documents_at(path: Path, labels: Labels, *, articles: Path | None = None, split: str | None = None) -> list[Document]:
    """The documents of a corpus folder or a release, or annotations anywhere with their ``articles``.

    Raises :class:`DataError` where they have errors: what is unsound here would be unsound there.
    """
    own = articles is None
    texts = read_articles(path if own else articles)  # type: ignore[arg-type]  # the caller refuses a missing path
    found = [*texts.findings, *check_articles(texts.records)]
    known = {r.value.id: r.value for r in texts.records}
    golds: dict[str, Annotation] = {}
    annotated = not own or path.suffix == ".parquet" or (path.is_dir() and any((path / GOLD).glob("*.json")))
    if annotated:
        decoded = read_annotations(path)
        checked = check_annotations(decoded.records, labels, "prediction", known)
        found += [*decoded.findings, *checked]
        golds = {r.value.id: r.value for r in decoded.records}
    if has_errors(found):
        raise DataError(f"{path} has errors; see newsgold corpus validate", [f for f in found if f.severity == "error"])
    chosen = [Document(a, golds.get(a.id)) for a in known.values() if (own or a.id in golds) and split in (None, a.split)]
    if not chosen:
        raise UsageError(f"{path} has no document" + (f" in the split {split}" if split else ""))
    return sorted(chosen, key=lambda document: document.article.id)


def place_export(exported: Exported, out: Path, *, force: bool = False) -> list[Path]:
    """Write an export; a single file takes the name ``out`` if that ends in a suffix, else ``out`` is the folder.

    Raises :class:`FileFault` where another file stands in the way, which may hold somebody's annotation, unless ``force``.
    """
    single = len(exported.files) == 1 and out.suffix and not out.is_dir()
    targets = {out if single else out / name: data for name, data in exported.files.items()}
    if not force:
        taken = [path for path, data in targets.items() if path.is_file() and read_bytes(path) != data]
        if taken:
            raise FileFault(f"{taken[0]} exists and is another file ({len(taken)} in all): name another place, or give --force")
    return [path for path, data in targets.items() if write_atomic(path, data)]


def terms_for(place: Path, *, labels: Path | None, mapping: Path | None) -> Terms:
    """What labels mean for an import to a place: those named, those of the place, or, where it is new, any.

    A corpus that has gold and no inventory is one of the default inventory.
    """
    renaming: Mapping[str, Mapping[str, str | None]] = {} if mapping is None else load_mapping(mapping)
    folder = place if place.is_dir() or not place.suffix else place.parent
    if labels is not None:
        return Terms(labels=load_labels(labels), mapping=renaming)
    if (folder / "labels.toml").is_file():
        return Terms(labels=load_labels(folder / "labels.toml"), mapping=renaming)
    return Terms(labels=default_labels() if any((folder / GOLD).glob("*.json")) else None, mapping=renaming)


def complete(gold: Annotation) -> Annotation:
    """The annotation with all that gold has: every mention in an entity, relations between entities with their evidence."""
    owned = {m for e in gold.entities or () for m in e.mentions}
    taken = {e.id for e in gold.entities or ()} | {
        item.id for layer in ("mentions", "stances") for item in getattr(gold, layer) or ()
    }
    singles = []
    number = 0
    for m in gold.mentions or ():
        if m.id is not None and m.id not in owned:
            number += 1
            while f"e{number}" in taken:
                number += 1
            singles.append(Entity(id=f"e{number}", mentions=(m.id,)))
    entities = (*(gold.entities or ()), *singles)
    own = {m.id for m in gold.mentions or ()}
    loose: list[Relation] = []
    kept: list[Relation] = []
    for r in gold.relations or ():
        (loose if r.head in own or r.tail in own else kept).append(r)
    raised = regroup(pairs(_replace(gold, relations=tuple(loose))), entities)
    changed: Annotation = _replace(gold, entities=entities, relations=gold.relations and (*kept, *raised))
    return changed


def place_corpus(imported: Imported, corpus: Path, *, split: str | None = None, by: str | None = None) -> Placed:
    """Write articles and gold of an import into a corpus folder, and the inventory where there is none.

    What is there already is left as it is: a document whose text or gold differs from it is a finding and is not written.
    """
    changed: list[Path] = []
    found: list[Finding] = []
    singletons = 0
    note = Losses()
    if imported.documents:
        # first, so that a run which is killed is finished by the next one under the same labels
        changed += _place_labels(imported.labels, corpus)
    for document in imported.documents:
        article, gold = _marked(document, split, by)
        faults = _unwritable(article, corpus)
        raw = article.source.file
        if raw is not None and not (corpus / RAW / raw).is_file():
            article = _replace(article, source=_replace(article.source, file=None, sha256=None))
            note("source", "the raw file it names is not in this corpus")
        if gold is not None:
            whole = complete(gold)
            singletons += len(whole.entities or ()) - len(gold.entities or ())
            gold = whole
        if not faults and gold is not None:
            faults = _gold_taken(gold, corpus)
        found += faults
        if not has_errors(faults):
            if not (corpus / ARTICLES / f"{article.id}.toml").exists():
                changed += write_article(article, corpus)
            if gold is not None and write_gold(gold, corpus):
                changed.append(corpus / GOLD / f"{gold.id}.json")
    return Placed(tuple(changed), tuple(found), singletons, note.all())


def place_file(imported: Imported, out: Path, *, split: str | None = None, by: str | None = None, force: bool = False) -> Placed:
    """Write the annotations of an import to a JSONL file, the articles beside it, and the inventory where there is none."""
    documents = [_marked(document, split, by) for document in imported.documents]
    found = [fault for document in documents for fault in _unreadable(document.article)]
    bad = {fault.doc for fault in found}
    kept = [document for document in documents if document.article.id not in bad]
    targets = {
        out: encode_jsonl(document.gold for document in kept if document.gold is not None),
        out.with_name(f"{out.stem}.articles.jsonl"): encode_jsonl(document.article for document in kept),
    }
    changed = place_export(Exported({path.name: data for path, data in targets.items()}, ()), out.parent, force=force)
    return Placed((*changed, *_place_labels(imported.labels, out.parent)), tuple(found), 0)


def tallies(documents: Iterable[Document]) -> dict[str, int]:
    """How many documents and items of each layer there are."""
    counts: Counter[str] = Counter(documents=0, **dict.fromkeys(LAYERS, 0))
    for document in documents:
        counts["documents"] += 1
        for layer in LAYERS:
            counts[layer] += len(getattr(document.gold, layer, None) or ())
    return dict(counts)


def _marked(document: Document, split: str | None, by: str | None) -> Document:
    """The document in this split, its annotation by this annotator, where they are named."""
    article, gold = document
    article = article if split is None else _replace(article, split=split)
    if gold is not None:
        gold = _replace(gold, split=article.split, by=gold.by if by is None else by)
    return Document(article, gold)


def _unreadable(article: Article) -> list[Finding]:
    """Why an article, once written, would not be read again."""
    text = decode_text(article.text.encode("utf-8"), article.id)
    if isinstance(text, Finding):
        return [text._replace(doc=article.id)]
    return [fault for fault in check_articles([Record(article, article.id, 0)]) if fault.severity == "error"]


def _unwritable(article: Article, corpus: Path) -> list[Finding]:
    """Why an article may not be written: nobody could read it, or another one has its id."""
    found = _unreadable(article)
    text = corpus / ARTICLES / f"{article.id}.txt"
    if not found and text.exists() and read_bytes(text) != article.text.encode("utf-8"):
        found.append(finding("ID_TAKEN", str(text), doc=article.id, got="another text"))
    return found


def _gold_taken(gold: Annotation, corpus: Path) -> list[Finding]:
    path = corpus / GOLD / f"{gold.id}.json"
    if not path.exists():
        return []
    held = [r.value for r in read_annotations(path).records]
    bare = _replace(gold, split=None, event=None, ignore=())
    return [] if held == [bare] else [finding("GOLD_TAKEN", str(path), doc=gold.id, got=quote(f"gold of {gold.id}"))]


def _place_labels(labels: Labels, folder: Path) -> list[Path]:
    path = folder / "labels.toml"
    return [path] if not path.exists() and write_atomic(path, encode_labels(labels)) else []
