"""Systems: whatever extracts annotations from articles, opened by a name.

    NAME                    a baseline, or an entry point of the group ``newsgold.systems``
    python:MODULE:CALLABLE  an object of a Python module             callables
    file:PATH               predictions already made                 callables
    cmd:PROGRAM ARGS        a program: JSONL in, JSONL out           program
    http://… https://…      a server: one article a POST             server
    llm:MODEL               a language model behind an OpenAI-compatible server   language_model
    spacy:PACKAGE-OR-PATH   a pipeline of spaCy                      pipelines
    hf: gliner:MODEL        models of transformers, of GLiNER        models

Every adapter gives an :class:`Opened`, whose ``answer`` gives one document's :class:`Answer` or raises a
:class:`SystemFailure`. An adapter asks again by itself where that may help; whoever calls ``answer`` does not.
Answers are not checked here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from newsgold.corpus.codec import decode_record, sha256, strict_json
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import FileFault, NewsgoldError, UsageError, quote

if TYPE_CHECKING:
    from newsgold.corpus.labels import Labels

GROUP = "newsgold.systems"
"""The group of entry points under which a package registers systems."""


class System(Protocol):
    """What a user writes: it extracts annotations from one article.

    It may have the attributes ``name``, ``version``, ``configuration`` (a mapping that JSON can hold) and
    ``concurrency`` (how many threads may call it at once; 1 unless it says otherwise).
    """

    def __call__(self, article: Article, /) -> Annotation:
        """The annotation of an article; a layer left ``None`` was not attempted."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a system says of one article, unchecked."""

    annotation: Annotation | object
    """An annotation, or the value that JSON held in its place."""
    ungrounded: int = 0
    """Strings and what hangs on them that stand nowhere in the text."""
    usage: Mapping[str, float] = {}
    """``input_tokens``, ``output_tokens``, ``cost`` (in the currency of the price list that was given)."""
    raw: bytes | None = None
    """The answer as received."""
    attempts: int = 1


class SystemFailure(NewsgoldError):
    """One document has no answer. The message may be printed; it does not name the system or the document."""

    def __init__(
        self, kind: str, message: str, *, retryable: bool = False, attempts: int = 1, usage: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        """One word: ``timeout`` ``raised`` ``crashed`` ``memory`` ``too_large`` ``not_json`` ``status`` ``refused`` …"""
        self.retryable = retryable
        """Whether asking once more may help; the adapter has already done so ``attempts - 1`` times."""
        self.attempts = attempts
        self.usage = usage or {}
        """What the failure cost, as in :class:`Answer`."""


class Options(NamedTuple):
    """How a system is run."""

    timeout: float = 120.0
    """Seconds of wall clock that a document may take, all attempts and the pauses between them together."""
    retries: int = 4
    """How often a document is asked for again where that may help."""
    concurrency: int | None = None
    """How many documents may be asked for at once; ``None`` leaves it to the adapter."""
    sandbox: bool = False
    memory: int = 4_000_000_000
    """Bytes that a program may take, its children included."""
    max_bytes: int = 8_000_000
    """Bytes that an answer may have."""
    configuration: Mapping[str, str] = {}
    """What ``--option KEY=VALUE`` gave."""


class Opened(NamedTuple):
    """A system that is ready to be asked; name, version, configuration and prompt decide what it answers."""

    name: str
    version: str
    configuration: Mapping[str, Any]
    """What JSON can hold; no secrets."""
    answer: Callable[[Article], Answer]
    """From up to ``concurrency`` threads at once; raises :class:`SystemFailure`."""
    prompt: str = ""
    concurrency: int = 1
    close: Callable[[], None] = lambda: None
    """Ends what runs, and what is being asked fails soon after; may be called from any thread, and again."""
    notes: tuple[str, ...] = ()
    """What a user should be told before the run, such as that there is no sandbox."""


_ADAPTERS = {
    "python": "callables:open_callable",
    "file": "callables:open_file",
    "cmd": "program:open_program",
    "http": "server:open_server",
    "https": "server:open_server",
    "llm": "language_model:open_language_model",
    "spacy": "pipelines:open_spacy",
    "hf": "models:open_hf",
    "gliner": "models:open_gliner",
}
"""Scheme → function of (the name without its scheme, Options, Labels); servers get the whole name."""


def open_system(name: str, options: Options, labels: Labels) -> Opened:
    """The system that a name stands for, ready to be asked.

    Raises:
        UsageError: there is no such system, it cannot be loaded, an option is not its own, or an extra is not installed.
        DataError, FileFault: a file of predictions cannot be read.
    """
    from newsgold.benchmark.baselines import SYSTEMS
    from newsgold.benchmark.systems.callables import open_baseline, open_registered

    if name in SYSTEMS:
        return open_baseline(SYSTEMS[name], options)
    scheme, colon, rest = name.partition(":")
    if colon and rest and scheme in _ADAPTERS:
        module, _, function = _ADAPTERS[scheme].partition(":")
        adapter = getattr(import_module(f"{__name__}.{module}"), function)
        opened: Opened = adapter(name if scheme.startswith("http") else rest, options, labels)
        return opened
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if name in registered:
        return open_registered(registered[name], options)
    known = ", ".join([*SYSTEMS, *sorted(registered)])
    kinds = ", ".join(f"{s}:" for s in _ADAPTERS)
    raise UsageError(f"no system {quote(name)}; use one of {known}, or a name that begins with {kinds}")


def plain_name(text: str) -> str:
    """A text as the name of a system: small letters, digits, ``.``, ``_`` and ``-``."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:100] or "system"


_SECRET = re.compile(r"key(?!word)|token(?!s(?![a-z])|i)|secret|passw|pwd|auth(?!or(?!i))|credential|bearer", re.IGNORECASE)


def names_secret(name: str) -> bool:
    """Whether what stands under this name (``api_key``, ``--token``, ``client_secret``) is likely to be a secret."""
    return _SECRET.search(name) is not None


def masked(value: object) -> str:
    """What is recorded in place of a secret: that it is another is noticed, what it is cannot be read."""
    return f"sha256-{sha256(str(value))[:12]}"


def without_secrets(value: Any) -> Any:
    """A configuration as it is recorded: texts whose key names a secret are :func:`masked`, at any depth."""
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: masked(v) if isinstance(v, str) and v and names_secret(k) else without_secrets(v) for k, v in value.items()}


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file of any size; raises :class:`FileFault` naming it."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error


def own_options(options: Options, known: Mapping[str, str], what: str) -> dict[str, str]:
    """The values of ``known``'s options (name → default), as given or by default.

    Raises:
        UsageError: an option was given that is none of them.
    """
    unknown = [key for key in options.configuration if key not in known]
    if unknown:
        takes = f"takes {', '.join(known)}" if known else "takes none"
        raise UsageError(f"no option {quote(unknown[0])}: {what} {takes}")
    return {**known, **options.configuration}


def read_answer(raw: bytes, article: Article, *, attempts: int = 1) -> Answer:
    """An answer that came as JSON: an annotation, or the value that stands in its place and is left to the checks.

    ``{"id": …, "said": …}`` gives strings in place of offsets (:class:`~grounding.Said`); they are grounded.

    Raises:
        SystemFailure: ``not_json``, or ``not_said`` where the strings have not their shape.
    """
    found = decode_record(raw, Annotation, "<answer>")
    if not isinstance(found, list):
        return Answer(annotation=found, raw=raw, attempts=attempts)
    value, faults = strict_json(raw, "<answer>")
    if faults:
        got = f"{faults[0].message} ({faults[0].got})" if faults[0].got else faults[0].message
        begins = quote(raw[:80].decode("utf-8", "replace"), 80)
        raise SystemFailure("not_json", f"the answer is no JSON: {got}; it begins with {begins}", attempts=attempts)
    if isinstance(value, dict) and value.keys() == {"id", "said"} and value["id"] == article.id:
        return _grounded(value["said"], article, raw, attempts)
    return Answer(annotation=value, raw=raw, attempts=attempts)


def _grounded(value: object, article: Article, raw: bytes, attempts: int) -> Answer:
    from newsgold.benchmark.systems.grounding import Said, ground

    try:
        said = msgspec.convert(value, Said)
    except msgspec.ValidationError as error:
        raise SystemFailure(
            "not_said", f"the strings have not their shape: {quote(str(error), 160)}", attempts=attempts
        ) from None
    annotation, lost = ground(said, article)
    return Answer(annotation=annotation, ungrounded=len(lost), raw=raw, attempts=attempts)
