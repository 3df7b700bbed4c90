"""Systems: articles in, annotations out.

A system is named on the command line by how it is reached:

    empty, gazetteer, rules     a baseline of this package
    python:MODULE:CALLABLE      a function from an Article to an Annotation
    file:PATH                   predictions already made, one a line
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol

import msgspec

from newsgold.benchmark.baselines import SYSTEMS
from newsgold.corpus.codec import decode_record
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_annotations
from newsgold.errors import DataError, NewsgoldError, UsageError, finding, quote


class System(Protocol):
    """Whatever extracts annotations from one article."""

    def __call__(self, article: Article, /) -> Annotation:
        """The annotation of an article; a layer left ``None`` was not attempted."""


def find_system(name: str) -> System:
    """The system that a name stands for; raises :class:`UsageError` where there is none."""
    if name in SYSTEMS:
        return SYSTEMS[name].function
    scheme, _, rest = name.partition(":")
    if scheme == "python" and rest.count(":") == 1:
        return _callable(*rest.split(":"))
    if scheme == "file" and rest:
        return _from_file(Path(rest))
    known = ", ".join(SYSTEMS)
    raise UsageError(f"no system {name!r}; use one of {known}, python:MODULE:CALLABLE or file:PATH")


def _callable(module: str, attribute: str) -> System:
    if "" not in sys.path:
        sys.path.insert(0, "")  # a console script does not look in the working folder, where one's own module is
    try:
        found = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        raise UsageError(f"cannot load python:{module}:{attribute}: {type(error).__name__}: {quote(str(error), 200)}") from error
    if not callable(found):
        raise UsageError(f"python:{module}:{attribute} is no callable")
    system: System = found
    return system


def _from_file(path: Path) -> System:
    decoded = read_annotations(path)
    if decoded.findings:
        raise DataError(f"the predictions in {path} cannot be read", decoded.findings)
    by_id = {r.value.id: r.value for r in decoded.records}

    def look_up(article: Article, /) -> Annotation:
        if article.id not in by_id:
            raise DataError("a document is not predicted", [finding("MISSING_DOCUMENT", str(path), doc=article.id)])
        return by_id[article.id]

    return look_up


def predict(
    system: System, articles: Iterable[Article], *, name: str, progress: Callable[[str], None] | None = None
) -> Iterator[Annotation]:
    """Predictions of a system, one for each article, signed with its name and the text's hash.

    Raises:
        DataError: the answer is no annotation, has not its shape, or is about another document.
        NewsgoldError: the system fails.
    """
    for article in articles:
        answer = _checked(_ask(system, article, name), article, name)
        if answer.id != article.id:
            got, wanted = quote(answer.id), quote(article.id)
            fault = finding("UNKNOWN_DOCUMENT", f"<{name}>", doc=article.id, pointer="/id", got=got, wanted=wanted)
            raise DataError("the system answered with another document", [fault])
        yield msgspec.structs.replace(answer, by=name, text_sha256=article.text_sha256)
        if progress is not None:
            progress(article.id)


def _ask(system: System, article: Article, name: str) -> object:
    """What a system answers; whatever it raises is told with its name and the document's, even a wish to exit."""
    try:
        return system(article)
    except NewsgoldError:
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {quote(str(error), 200)}"
        raise NewsgoldError(f"the system {quote(name)} failed on the document {quote(article.id)}: {said}") from error


def _checked(answer: object, article: Article, name: str) -> Annotation:
    """The answer as it would be read back from a file, which checks every field of it."""
    where = f"<{name}>"
    if not isinstance(answer, Annotation):
        fault = finding("BAD_SHAPE", where, doc=article.id, got=f"a {type(answer).__name__}", wanted="an Annotation")
        raise DataError("the system's answer is no annotation", [fault])
    try:
        found = decode_record(msgspec.json.encode(answer), Annotation, where)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        found = [finding("BAD_SHAPE", where, got=quote(str(error), 160))]
    if isinstance(found, list):
        raise DataError("the system's answer has not the published shape", [f._replace(line=0, doc=article.id) for f in found])
    return found
