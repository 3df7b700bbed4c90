"""Versions of the data: what a change demands, and where to find the states that are compared.

The rule, in one place, is :func:`step_of`:

    major   an existing label or text changed or went: an item of gold that was there is another or gone, **or there is
            one more in a layer that had been annotated**, for such gold says of every stretch of text what it holds and
            what not, and a system that was right there is wrong now; a document went, moved to another split or event,
            or another part of it is left out of scoring; in the inventory a label went, got another code or other rules
    minor   additions: a document, gold of a document or a layer that had none, a label
    patch   all else: metadata on which no score depends, the wording and the colour of a label, packaging

Before 1.0.0 a major change raises the second number. A published version never changes: ``publish`` refuses it, and
``build`` refuses a version that is given, with --version or in VERSION, and is less than the changes since the release
that is there demand. Without a new number the release in progress is built again, as one does while gold is worked on,
with a warning that says which version the changes will need.
"""

from __future__ import annotations

import heapq
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from newsgold.corpus.codec import read_bytes, write_atomic
from newsgold.corpus.diff import KINDS, LAYERS_OF_A_DIFF, Change, Diff, Entry, compare
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.store import ARTICLES, GOLD, VERSION_NUMBER, corpus_version, fill, is_corpus, read_annotations, read_corpus
from newsgold.corpus.tables import METADATA, Document, read_labels, read_rows
from newsgold.corpus.verify import is_release, prove
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, has_errors, printable, quote

Step = Literal["none", "patch", "minor", "major"]
STEPS: tuple[Step, ...] = ("none", "patch", "minor", "major")
CHANGES = "CHANGES.md"
DOCUMENTS = "data/documents"
GIT = "git:"
_SCORED = ("event", "ignore")
"""Metadata on which scores depend."""
_RULES = ("value", "counts_as", "domain", "range", "symmetric", "transitive", "excludes", "order")
"""Of a label what scoring and validation go by."""
_HEADING = re.compile(r"^## ", re.MULTILINE)


class State(NamedTuple):
    """A state of the corpus."""

    place: str
    version: str | None
    labels: Labels
    entries: Iterator[Entry]
    """Its documents, sorted by id; they can be read once."""


class Compared(NamedTuple):
    """Two states, what changed between them, and what that demands."""

    old: str
    new: str
    version: str | None
    """Of the old one."""
    diff: Diff
    step: Step
    demanded: str | None
    """The least version for the new one; ``None`` where the old one has none."""

    def to_dict(self) -> dict[str, Any]:
        """As ``corpus diff --json`` prints it."""
        counts = {layer: {kind: n.get(kind, 0) for kind in KINDS} for layer, n in self.diff.counts.items()}
        return {
            "old": self.old,
            "new": self.new,
            "old_version": self.version,
            "step": self.step,
            "version": self.demanded,
            "counts": counts,
            "changes": [change._asdict() for change in self.diff.changes],
        }


# ---------------------------------------------------------------------------- the rule


def step_of(change: Change) -> Step:
    """The step that one change demands, but for the exception before 1.0.0."""
    if change.layer in ("documents", "gold"):
        return "minor" if change.change == "added" else "major"
    if change.layer == "metadata":
        return "major" if change.item in _SCORED else "patch"
    if change.layer == "labels":
        old, new = change.old or {}, change.new or {}
        ruled = change.change == "removed" or any(old.get(rule) != new.get(rule) for rule in _RULES)
        return "minor" if change.change == "added" else "major" if ruled else "patch"
    return "major"


def step(changes: Iterable[Change]) -> Step:
    """The step that all of them demand."""
    return max(map(step_of, changes), key=STEPS.index, default="none")


def least(version: str, wanted: Step) -> str:
    """The least version after ``version`` that a step allows."""
    major, minor, patch = _numbers(version)
    if wanted == "major" and major:
        return f"{major + 1}.0.0"
    if wanted in ("major", "minor"):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + (wanted == 'patch')}"


def suffices(version: str, demanded: str) -> bool:
    """Whether a version is at least what is demanded."""
    return _numbers(version) >= _numbers(demanded)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def compare_states(old: State, new: State) -> Compared:
    """What changed between two states."""
    diff = compare(old.entries, new.entries, (old.labels, new.labels))
    wanted = step(diff.changes)
    return Compared(old.place, new.place, old.version, diff, wanted, old.version and least(old.version, wanted))


def diff_places(old: str, new: str) -> Compared:
    """What changed between two places; see :func:`opened`."""
    beside = [Path(place) for place in (new, old) if not place.startswith(GIT)]
    folder = next((path for path in beside if path.is_dir()), Path())
    with opened(old, folder) as one, opened(new, folder) as other:
        return compare_states(one, other)


def lines(compared: Compared) -> Iterator[str]:
    """The report for people: every change, the counts of each layer, and the step; safe for any terminal."""
    for change in compared.diff.changes:
        sign = {"added": "+", "removed": "-", "changed": "~"}[change.change]
        place = " ".join(part for part in (change.doc, change.layer, change.item) if part)
        yield printable(f"{sign} {place}: {_told(change)}")
    for layer, counts in compared.diff.counts.items():
        yield f"{layer}: " + ", ".join(f"{n:,} {kind}" for kind, n in counts.items() if n)
    least_one = f"; the next version is at least {compared.demanded}" if compared.version and compared.step != "none" else ""
    yield f"step: {compared.step}{least_one}"


def _told(change: Change) -> str:
    """What was added or removed, and of what was changed the fields that differ."""
    if change.old is None or change.new is None:
        return _json(change.old or change.new or {})
    fields = [field for field in {**change.old, **change.new} if change.old.get(field) != change.new.get(field)]
    return ", ".join(f"{field} {_json(change.old.get(field))} → {_json(change.new.get(field))}" for field in fields)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# ------------------------------------------------------------------------- CHANGES.md


def draft(compared: Compared, version: str, day: str) -> str:
    """The section of ``CHANGES.md`` for a new version: the counts of each layer."""
    lines = [f"## {version} - {day}"]
    for layer in LAYERS_OF_A_DIFF:
        counts = compared.diff.counts.get(layer, {})
        said = ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts.get(kind))
        if said:
            lines.append(f"- {layer.capitalize()}: {said}.")
    documents = sorted({change.doc for change in compared.diff.changes if change.doc and change.layer != "documents"})
    if documents:
        shown = ", ".join(f"`{name}`" for name in documents[:10])
        more = f" and {len(documents) - 10:,} more" if len(documents) > 10 else ""
        lines.append(f"- Documents with changes: {shown}{more}.")
    asked = f"; they demand {compared.demanded} at least" if compared.version else ""
    lines.append(f"- Changes since {compared.version or 'the state before'}: {compared.step}{asked}.")
    return "\n".join(lines) + "\n"


def write_changes(compared: Compared, corpus: Path, *, version: str | None = None, day: str | None = None) -> tuple[Path, bool]:
    """Put a draft into ``CHANGES.md`` of a corpus folder, newest first; whether the file changed.

    Raises :class:`UsageError` where the version has a section, which people may have written, or is less than demanded.
    """
    number = version or compared.demanded
    if compared.step == "none":
        raise UsageError("nothing changed, so there is nothing to write")
    if number is None:
        raise UsageError(f"{compared.old} has no version to count from: give --version")
    if compared.demanded is not None and not suffices(number, compared.demanded):
        raise UsageError(f"the changes demand {compared.demanded} at least, not {number}")
    path = corpus / CHANGES
    text = read_bytes(path).decode("utf-8") if path.is_file() else "# Changes of the corpus\n"
    if re.search(rf"^## {re.escape(number)}\b", text, re.MULTILINE):
        raise UsageError(f"{path} has a section of {number}: edit it, or take it out first")
    section = draft(compared, number, day or date.today().isoformat())
    first = _HEADING.search(text)
    at = first.start() if first else len(text)
    before = text[:at] if first or text.endswith("\n\n") else f"{text.rstrip()}\n\n"
    after = f"\n{text[at:]}" if first else ""
    return path, write_atomic(path, f"{before}{section}{after}".encode())


# ----------------------------------------------------------------------------- states


@contextmanager
def opened(place: str, beside: Path = Path()) -> Iterator[State]:
    """A state at a place.

    Args:
        place: a corpus folder, a release folder, a ``documents`` Parquet file, gold as JSONL or in a folder, or
            ``git:REVISION`` or ``git:REVISION:FOLDER`` of the repository that ``beside`` lies in.
        beside: the folder that stands for the corpus where ``git:REVISION`` names none.

    Raises :class:`DataError` or :class:`FileFault` where it cannot be read whole, at the latest when its documents are.
    """
    if not place.startswith(GIT):
        yield _state(Path(place), place)
        return
    revision, _, inner = place.removeprefix(GIT).partition(":")
    with tempfile.TemporaryDirectory() as folder:
        _archive(revision, inner, beside, Path(folder))
        yield _state(Path(folder), place)


def _state(path: Path, place: str) -> State:
    if not path.exists():
        raise FileFault(f"there is nothing at {quote(place)}")
    if path.is_dir() and is_corpus(path) and ((path / ARTICLES).is_dir() or (path / GOLD).is_dir()):
        labels = find_labels(None, path)
        return State(place, corpus_version(path), labels, _sources(path))
    if is_release(path):
        release = prove(path)
        shards = release.shards("documents").values()
        rows = [chain.from_iterable(_stored(pa.BufferReader(data)) for data in parts) for parts in shards]
        return State(place, release.version, release.labels(), _entries(rows))
    if path.suffix == ".parquet":
        version = about(read_bytes(path)).get("version")
        labels = read_labels(path) or find_labels(None, path)
        return State(place, version if isinstance(version, str) else None, labels, _entries([_stored(path)]))
    return State(place, corpus_version(path.parent), find_labels(None, path), _annotations(path))


_stored = partial(read_rows, as_stored=True)


def _entries(rows: Iterable[Iterable[Document]]) -> Iterator[Entry]:
    """Documents of sorted runs, such as the splits of a release, as one."""
    entries = ((Entry(article.id, article, gold) for article, gold in run) for run in rows)
    return _once(heapq.merge(*entries, key=lambda entry: entry.name))


def _once(entries: Iterable[Entry]) -> Iterator[Entry]:
    last = None
    for entry in entries:
        if last is not None and entry.name <= last:
            raise DataError("a document is there twice", [finding("DUPLICATE_DOCUMENT", "", doc=entry.name)])
        last = entry.name
        yield entry


def _sources(corpus: Path) -> Iterator[Entry]:
    """What a corpus folder would release: the articles that have a split, with their gold."""
    found: list[Finding] = []
    for pair in read_corpus(corpus):
        for part in (pair.article, pair.gold):
            found += part.findings if part is not None else ()
        articles = pair.article.records if pair.article is not None else []
        golds = pair.gold.records if pair.gold is not None else []
        article = articles[0].value if articles else None
        if article is not None and article.split is None:
            continue
        yield Entry(pair.name, article, fill(golds[0].value, article) if golds else None)
    if has_errors(found):
        raise DataError(f"{corpus} cannot be read whole", found)


def _annotations(path: Path) -> Iterator[Entry]:
    decoded = read_annotations(path)
    if has_errors(decoded.findings):
        raise DataError(f"{path} cannot be read whole", decoded.findings)
    golds = sorted((r.value for r in decoded.records), key=lambda gold: gold.id)
    return _once(Entry(gold.id, None, gold) for gold in golds)


def about(data: bytes) -> Mapping[str, Any]:
    """What a data file says of the release that it belongs to; empty where it says nothing."""
    try:
        metadata = pq.read_metadata(pa.BufferReader(data)).metadata or {}
        said = json.loads(metadata.get(METADATA, b"{}"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileFault(f"this cannot be read as Parquet: {quote(str(error), 160)}") from error
    return said if isinstance(said, dict) else {}


# -------------------------------------------------------------------------------- git


def _archive(revision: str, inner: str, beside: Path, target: Path) -> None:
    """Write what a corpus or release folder had at a revision; raises :class:`FileFault`."""
    if not revision or revision.startswith("-"):
        raise UsageError(f"{quote(revision)} is no revision: give {GIT}TAG, such as {GIT}v0.1.0")
    if shutil.which("git") is None:
        raise FileFault(f"git is not installed, and {GIT}{printable(revision)} needs it: install it, or give a folder")
    commit = _git(beside, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    folder = inner.strip("/") or _git(beside, "rev-parse", "--show-prefix").decode().strip().strip("/")
    tree = f"{commit}:{folder}"
    # of a folder below the top git would take that part of the tree alone
    top = Path(_git(beside, "rev-parse", "--show-toplevel").decode().strip())
    there = _git(top, "ls-tree", "-z", "--name-only", tree).decode("utf-8", "replace").split("\0")
    sources = [name for name in (ARTICLES, GOLD, "labels.toml", "VERSION") if name in there]
    wanted = sources if ARTICLES in there or GOLD in there else []
    data = _git(top, "archive", "--format=tar", tree, "--", *wanted)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(target, filter="data")


def _git(beside: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", "-C", str(beside), "-c", "core.autocrlf=false", *arguments], check=True, capture_output=True, timeout=600
        ).stdout
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().split("\n")[0] or "there is no such revision"
        raise FileFault(f"git {arguments[0]} failed beside {beside}: {quote(said, 160)}") from error
    except subprocess.TimeoutExpired as error:
        raise FileFault(f"git {arguments[0]} took too long beside {beside}") from error


# -------------------------------------------------------------------------- for build


def judge(files: Mapping[str, bytes], folder: Path, *, given: bool) -> list[Finding]:
    """Hold the version of a release that is about to be written against what changed since the one in a folder.

    Gives a warning where data change and the version stays; ``given`` says that somebody asked for that number.
    Raises :class:`DataError` where it is less than demanded.
    """
    there = {str(path): read_bytes(path) for path in sorted((folder / DOCUMENTS).glob("*.parquet"))}
    built = {name: data for name, data in sorted(files.items()) if name.startswith(f"{DOCUMENTS}/")}
    if not there or not built:
        return []
    try:
        if _stated(there) == _stated(built):  # equal data need not be read to be compared
            return []
        old, new = _released(str(folder), there), _released("what is built", built)
        if old is None or new is None:
            return []
        compared = compare_states(old, new)
    except FileFault as error:
        got, wanted = quote(str(error), 160), "a release to compare with"
        return [finding("RELEASE_MIXED", str(folder / DOCUMENTS), got=got, wanted=wanted, severity="warning")]
    if compared.demanded is None or suffices(str(new.version), compared.demanded):
        return []
    stays = new.version == old.version and not given
    fault = finding(
        "VERSION_STEP",
        str(folder / "VERSION"),
        got=f"{new.version} after {old.version}, with {_counted(compared.diff)}",
        wanted=f"at least {compared.demanded}",
        severity="warning" if stays else "error",
    )
    if stays:
        return [fault]
    raise DataError(f"{new.version} is too small a step; nothing was written", [fault])


def _stated(files: Mapping[str, bytes]) -> set[tuple[Any, ...]]:
    """The digests and inventories that files say their data have; what says none is equal to nothing."""
    said = [about(data) for data in files.values()]
    return {(one.get("digest", object()), json.dumps(one.get("labels"))) for one in said}


def _counted(diff: Diff) -> str:
    counts = ((f"{n:,} {layer} {kind}", n) for layer, kinds in diff.counts.items() for kind, n in kinds.items())
    return ", ".join(text for text, n in counts if n)


def _released(place: str, files: Mapping[str, bytes]) -> State | None:
    """The state that ``documents`` files hold; ``None`` where they are not of a release of ours."""
    said = about(next(iter(files.values())))
    if not isinstance(said.get("version"), str) or not VERSION_NUMBER.fullmatch(said["version"]):
        return None
    labels = read_labels(pa.BufferReader(next(iter(files.values()))))
    if labels is None:
        return None
    return State(place, said["version"], labels, _entries(map(_stored, map(pa.BufferReader, files.values()))))
