"""Pipelines that find names, as systems: what they have in common, and spaCy's.

    spacy:PACKAGE-OR-PATH   options map, spans

They answer with mentions alone; coreference, relations and stance are not attempted. A label of the model is the
type of that name, a common synonym of one, or what ``map=PER:PERSON,MISC:`` makes of it (nothing after the colon
leaves the label out). Mentions of a label that stands for no type, and those of blanks alone, are left out and
counted in ``Answer.usage`` as ``dropped_mentions``.

A model that lies in a folder is known by the contents of its files, so that one trained anew is asked anew.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from newsgold.benchmark.systems import Answer, Opened, Options, SystemFailure, file_sha256, own_options, plain_name
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.errors import UsageError, quote

if TYPE_CHECKING:
    from spacy.language import Language

    from newsgold.corpus.labels import Labels

SYNONYMS = {"PER": "PERSON", "ORGANIZATION": "ORG", "ORGANISATION": "ORG", "LOCATION": "LOC"}
"""Labels of widespread models, in capitals, and the type each means."""

N = TypeVar("N", int, float)


class Found(NamedTuple):
    """What a pipeline found: code points ``[start, end)`` and the model's own label."""

    start: int
    end: int
    label: str


class Pipeline(NamedTuple):
    """A loaded model: how it reads a text, and what is known of it."""

    find: Callable[[str], Iterable[Found]]
    known: tuple[str, ...]
    """The labels it may give, as far as it says so."""
    version: str
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()


# ------------------------------------------------------------------ spaCy
def open_spacy(place: str, options: Options, labels: Labels) -> Opened:
    """A spaCy pipeline: an installed package, or a folder.

    Options: ``map``; ``spans``, the key of a span group that is read in place of ``doc.ents`` and may nest.

    Raises:
        UsageError: the extra is missing, nothing can be loaded from there, or no label of it is a type.
    """
    chosen = own_options(options, {"map": "", "spans": ""}, "spacy:")
    spacy = library_of("spacy", "spacy")
    nlp = loaded(f"spacy:{place}", lambda: spacy.load(place))
    return of_spacy(nlp, place, labels, given=given_types(chosen["map"], labels), group=chosen["spans"])


def of_spacy(nlp: Language, place: str, labels: Labels, *, given: Mapping[str, str] | None = None, group: str = "") -> Opened:
    """A loaded spaCy pipeline as a system; ``place`` names it, ``group`` is a span group in place of ``doc.ents``.

    Raises:
        UsageError: no label of it is a type.
    """
    from spacy.about import __version__

    part = "doc.spans" if group else "doc.ents"
    setters = [name for name in nlp.pipe_names if part in nlp.get_pipe_meta(name).assigns]

    def find(text: str) -> list[Found]:
        with nlp.memory_zone():  # else the vocabulary grows with every new word of a long run
            doc = nlp(text)
            spans = doc.spans.get(group, ()) if group else doc.ents
            return [Found(span.start_char, span.end_char, span.label_) for span in spans]

    pipeline = Pipeline(
        find,
        tuple(dict.fromkeys(label for name in setters for label in nlp.pipe_labels.get(name, ()))),
        str(nlp.meta.get("version") or "0"),
        {"library": f"spacy {__version__}", "digest": digest_of(nlp.path), "spans": group},
        () if setters else (f"no component of {quote(place)} is known to set {part}; it may find nothing",),
    )
    return opened("spacy", place, pipeline, given or {}, labels)


# ----------------------------------------------------------------- common
def opened(scheme: str, place: str, pipeline: Pipeline, given: Mapping[str, str], labels: Labels) -> Opened:
    """A pipeline as a system: its labels made types, its findings an annotation.

    Raises:
        UsageError: ``given`` names a label that the model has not, or none of its labels stands for a type.
    """
    strange = [label for label in given if pipeline.known and label not in pipeline.known]
    if strange:
        raise UsageError(f"the model has no label {quote(strange[0])}; it has {some(pipeline.known)}")
    unmapped = [label for label in pipeline.known if _type_of(label, given, labels) is None]
    if pipeline.known and len(unmapped) == len(pipeline.known):
        raise UsageError(
            f"none of the model's labels ({some(pipeline.known)}) is a type of the inventory ({some(labels.types)});"
            " say what they mean with --option map=LABEL:TYPE,…"
        )

    def answer(article: Article) -> Answer:
        try:
            found = list(pipeline.find(article.text))
        except Exception as error:
            raise SystemFailure("raised", f"{type(error).__name__}: {quote(str(error), 200)}") from error
        return _answer(article, found, given, labels)

    silent = [label for label in unmapped if label not in given]
    left_out = (f"labels that stand for no type are left out: {some(silent)}",) if silent else ()
    model = Path(place).name if Path(place).exists() else place
    mapped = {label: to for label in pipeline.known if (to := _type_of(label, given, labels)) is not None}
    return Opened(
        name=plain_name(f"{scheme}-{model}"),
        version=pipeline.version,
        configuration={"model": model, **pipeline.facts, "map": dict(given), "types": mapped, "unmapped": unmapped},
        answer=answer,
        notes=pipeline.notes + left_out,
    )


def _answer(article: Article, found: Iterable[Found], given: Mapping[str, str], labels: Labels) -> Answer:
    """The annotation of what was found, in text order; blanks at a span's ends belong to the tokenizer and go."""
    spans: set[tuple[int, int, str]] = set()
    dropped = 0
    for start, end, label in found:
        surface = article.text[start:end]
        left, right = start + len(surface) - len(surface.lstrip()), start + len(surface.rstrip())
        to = _type_of(label, given, labels)
        if to is None or left >= right:
            dropped += 1
        else:
            spans.add((left, right, to))
    mentions = tuple(
        Mention(id=f"m{n}", start=start, end=end, type=to, kind=labels.kind(to), text=article.text[start:end])
        for n, (start, end, to) in enumerate(sorted(spans), 1)
    )
    annotation = Annotation(id=article.id, text_sha256=article.text_sha256, mentions=mentions)
    return Answer(annotation=annotation, usage={"dropped_mentions": float(dropped)} if dropped else {})


def given_types(option: str, labels: Labels) -> dict[str, str]:
    """``PER:PERSON,MISC:`` as a table of model label → type, or ``""`` for a label that is left out.

    Raises:
        UsageError: it is not of that form, or names a type that the inventory has not.
    """
    table: dict[str, str] = {}
    for pair in filter(None, option.split(",")):
        label, colon, to = (part.strip() for part in pair.rpartition(":"))
        if not colon or not label or (to and to not in labels.types):
            raise UsageError(f"map takes LABEL:TYPE,… with a type of the inventory ({some(labels.types)}), not {quote(pair)}")
        table[label] = to
    return table


def _type_of(label: str, given: Mapping[str, str], labels: Labels) -> str | None:
    """The type a label stands for: as given, the type of that name in any case, or its synonym's; else ``None``."""
    if label in given:
        return given[label] or None
    by_capitals = {name.upper(): name for name in labels.types}
    capitals = label.upper()
    return label if label in labels.types else by_capitals.get(capitals) or by_capitals.get(SYNONYMS.get(capitals, ""))


def library_of(name: str, extra: str) -> ModuleType:
    """The module; raises :class:`UsageError`, which names the extra, where it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{extra}: needs the package {error.name}; install newsgold with the extra {extra}") from error


def loaded(name: str, load: Callable[[], Any]) -> Any:
    """What ``load`` gives; raises :class:`UsageError` where it fails, which it may in any way."""
    try:
        return load()
    except Exception as error:
        raise UsageError(f"cannot load {quote(name)}: {type(error).__name__}: {quote(str(error), 300)}") from error


def digest_of(folder: Path | None) -> str | None:
    """The sha256 of the names and contents of a folder's files; ``None`` where there is none."""
    if folder is None or not folder.is_dir():
        return None
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        whole.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return whole.hexdigest()


def number(text: str, kind: type[N], what: str) -> N:
    """An option's number; raises :class:`UsageError` where it is none."""
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"the option {what} takes a number, not {quote(text)}") from None


def some(names: Iterable[str]) -> str:
    """Up to a dozen names for a message."""
    listed = list(names)
    return ", ".join(quote(n).strip("'") for n in listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")
