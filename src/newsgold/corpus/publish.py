"""Publishing a release to the Hugging Face Hub: one commit, proven, then tagged.

What is sent is a release folder that stands alone, as ``corpus build --out`` makes it. The
order makes it safe to cut anywhere and to run again:

1. the folder is proven, rows included, and holds no words that may not be passed on;
2. everything that differs goes into one commit, on the head that was looked at, together with
   the removal of what the release no longer has: readers see the old release or the new one;
3. every byte is fetched again from that commit and compared;
4. the tag ``vX.Y.Z`` is put on that commit. Scores name the tag and the commit.

A run finds what an earlier one finished by comparing contents: equal contents are never committed
twice, and a tag whose contents differ is never moved.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.corpus import hub
from newsgold.corpus.codec import read_bytes, sha256
from newsgold.corpus.model import AUTHOR, UNKNOWN, Article, Source
from newsgold.corpus.standoff import may_pass_on
from newsgold.corpus.store import ARTICLES, GOLD, RAW, VERSION_NUMBER
from newsgold.corpus.verify import BESIDE, Release, prove, prove_rows, strangers
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, quote

_KIND = "dataset"
_WORDS = {
    "documents": ("text", "title", "mentions"),
    "mentions": ("text",),
    "entities": ("name",),
    "relations": ("head_name", "tail_name"),
    "stances": ("text", "holder_text", "target_text"),
}
"""The columns that hold words of an article, by config."""


class Plan(NamedTuple):
    """What publishing would change on the Hub."""

    repo: str
    tag: str
    digest: str
    exists: bool
    """Whether the repository exists."""
    head: str | None
    """The commit on which the new one is put."""
    tagged: str | None
    """The commit that has the tag already."""
    send: tuple[str, ...]
    remove: tuple[str, ...]
    same: int
    """Files that the Hub has already."""


class Published(NamedTuple):
    """A release on the Hub, every byte of it compared after the upload."""

    repo: str
    tag: str
    commit: str
    digest: str
    sent: tuple[str, ...]
    removed: tuple[str, ...]


def plan(folder: Path, repo: str, *, revision: str = "main") -> Plan:
    """What :func:`publish` would do; nothing is changed, and a token is needed for a private repository only."""
    _, files, release = _contents(folder, repo)
    with _quiet(), hub.asking(f"{repo} could not be looked at; nothing was to be changed"):
        return _plan(_client(None), files, release, repo, revision)


def publish(folder: Path, repo: str, *, revision: str = "main", say: Callable[[str], None] = lambda _: None) -> Published:
    """Publish a release; ``say`` is told of each step.

    Raises:
        DataError: the folder is not a sound release, holds words that may not be passed on, or what the Hub gave
            back is not what was sent.
        UsageError: the version is published with other contents, the repository holds a newer one, or there is no token.
        FileFault: the Hub failed. Readers see the old release whole, or the new one; another run finishes the work.
    """
    _, files, release = _contents(folder, repo)
    secret = hub.token()
    with _quiet():
        api = _client(secret)
        ask = partial(hub.asking, secret=secret)
        with ask(f"{repo} could not be looked at, and nothing on the Hub was changed"):
            made = _plan(api, files, release, repo, revision)
        if not made.exists:
            say(f"creating {repo}")
            with ask(f"{repo} could not be created"):
                api.create_repo(repo, repo_type=_KIND, exist_ok=True)
                made = _plan(api, files, release, repo, revision)
        commit = made.tagged or made.head
        if made.tagged is None and (made.send or made.remove):
            say(f"sending {len(made.send)} file(s), removing {len(made.remove)}")
            with ask(f"the commit to {repo} was not confirmed; the release that was there is whole"):
                commit = _commit(api, files, made, revision)
        with ask(f"commit {commit} of {repo} could not be compared with {folder}"):
            say(f"comparing {len(files)} files with commit {commit}")
            _compare(api, files, repo, str(commit))
        if made.tagged is None:
            with ask(f"{made.tag} could not be put on commit {commit} of {repo}, which is whole"):
                api.create_tag(repo, tag=made.tag, revision=commit, repo_type=_KIND, tag_message=_message(made))
                found = _tags(api, repo).get(made.tag)
            if found != commit:
                raise FileFault(f"{made.tag} of {repo} is on commit {found}, not on {commit}: somebody else publishes it too")
        return Published(repo, made.tag, str(commit), release.digest, made.send, made.remove)


# --------------------------------------------------------------------- what is to be sent


def _contents(folder: Path, repo: str) -> tuple[Path, dict[str, bytes], Release]:
    """The files to send, proven and free of what may not be passed on."""
    if not hub.REPO.fullmatch(repo):
        raise UsageError(f"a dataset of the Hub is named org/name, not {quote(repo)}")
    release = prove(folder)
    rooms = sorted({name.split("/")[0] for name in release.sums} & {ARTICLES, GOLD, RAW})
    if rooms:
        built = "newsgold corpus build --standoff --out dist/public"
        raise UsageError(f"{folder} holds sources ({', '.join(rooms)}/), which are not published; send what this builds: {built}")
    if not VERSION_NUMBER.fullmatch(release.version):
        raise FileFault(
            f"the release in {folder} has version {quote(release.version)}; a version is three numbers, such as 1.2.0"
        )
    prove_rows(release)
    found = held_back(release)
    if found:
        raise DataError(f"{folder} holds words that may not be passed on; nothing was sent", found)
    names = [*release.sums, *(name for name in BESIDE if (folder / name).is_file())]
    files = {name: release.files[name] if name in release.files else read_bytes(folder / name) for name in sorted(set(names))}
    changed = [name for name, digest in release.sums.items() if sha256(files[name]) != digest]
    if changed:
        raise FileFault(f"{changed[0]} changed while it was read; run it again")
    return folder, files, release


def held_back(release: Release) -> list[Finding]:
    """A finding for each article of which a release holds words that may not be passed on."""
    closed: set[str] = set()
    found: dict[str, Finding] = {}
    for config in release.configs:
        for name, data in sorted(release.files.items()):
            if name.split("/")[1] == config:
                for row in _rows(data, config):
                    if config == "documents" and not may_pass_on(_article(row)):
                        closed.add(row["id"])
                    doc = row.get("doc_id") or row.get("id")
                    if doc in closed and doc not in found and any(map(_worded, (row[c] for c in _WORDS[config]))):
                        found[doc] = _held_back(str(release.folder / name), doc, row.get("origin") or "")
    return list(found.values())


def texts_held_back(articles: Iterable[Article], path: str) -> list[Finding]:
    """The same of articles as they are."""
    return [_held_back(path, a.id, a.origin) for a in articles if a.text and not may_pass_on(a)]


def _held_back(path: str, doc: str, origin: str) -> Finding:
    got = f"words of an article of origin {quote(origin)}" if origin else "words of it"
    return finding("TEXT_HELD_BACK", path, doc=doc, got=got, wanted="a text of ours, or one under an open licence")


def _rows(data: bytes, config: str) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["id", "origin", "source", *_WORDS[config]] if config == "documents" else ["doc_id", *_WORDS[config]]
    for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches(batch_size=1000, columns=columns):
        yield from batch.to_pylist()


def _article(row: Mapping[str, Any]) -> Article:
    source = {key: value for key, value in (row["source"] or {}).items() if key in Source.__struct_fields__}
    return Article(id=row["id"], text=row["text"] or "", origin=row["origin"], source=Source(**source))


def _worded(value: Any) -> bool:
    """Whether a column's value holds words: a string, or items with a surface."""
    if isinstance(value, list):
        return any(item["text"] for item in value)
    return bool(value) and value not in (AUTHOR, UNKNOWN)


# ------------------------------------------------------------------------------- the Hub


def _client(secret: str | None) -> Any:
    from huggingface_hub import HfApi

    return HfApi(token=secret)


@contextmanager
def _quiet() -> Iterator[None]:
    """The client neither draws bars nor warns, for its warnings hold addresses that may be signed."""
    utils: Any = import_module("huggingface_hub.utils")  # parts of it are not declared as exported
    bars, level = utils.are_progress_bars_disabled(), utils.logging.get_verbosity()
    utils.disable_progress_bars()
    utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        utils.logging.set_verbosity(level)
        if not bars:
            utils.enable_progress_bars()


def _plan(api: Any, files: Mapping[str, bytes], release: Release, repo: str, revision: str) -> Plan:
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    tag = f"v{release.version}"
    try:
        tags = _tags(api, repo)
        head = str(api.repo_info(repo, repo_type=_KIND, revision=revision).sha)
    except RevisionNotFoundError:
        raise
    except RepositoryNotFoundError:
        return Plan(repo, tag, release.digest, False, None, None, tuple(files), (), 0)
    if tag in tags:
        send, remove = _difference(api, files, repo, tags[tag])
        if send or remove:
            raise UsageError(
                f"{tag} of {repo} is published with other contents ({', '.join([*send, *remove][:3])}), and a published version"
                " never changes: give the release the next version"
            )
        return Plan(repo, tag, release.digest, True, head, tags[tag], (), (), len(files))
    _refuse_older(api, release, repo, head)
    send, remove = _difference(api, files, repo, head)
    return Plan(repo, tag, release.digest, True, head, None, send, remove, len(files) - len(send))


def _tags(api: Any, repo: str) -> dict[str, str]:
    return {ref.name: ref.target_commit for ref in api.list_repo_refs(repo, repo_type=_KIND).tags}


def _refuse_older(api: Any, release: Release, repo: str, head: str) -> None:
    from huggingface_hub.errors import EntryNotFoundError

    with tempfile.TemporaryDirectory() as place:
        try:
            path = api.hf_hub_download(repo, "VERSION", repo_type=_KIND, revision=head, local_dir=place)
        except EntryNotFoundError:
            return
        there = Path(path).read_bytes().decode("utf-8", "replace").strip()
    if VERSION_NUMBER.fullmatch(there) and _number(there) > _number(release.version):
        raise UsageError(f"{repo} holds version {there}, which is newer than {release.version}")


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _difference(api: Any, files: Mapping[str, bytes], repo: str, commit: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that a commit lacks or has otherwise, and those of it that the release does not have."""
    there = {}
    for entry in api.list_repo_tree(repo, recursive=True, revision=commit, repo_type=_KIND):
        if hasattr(entry, "blob_id"):
            there[entry.path] = entry
    send = tuple(name for name, data in files.items() if name not in there or not _equal(data, there[name]))
    beside = {name for name in BESIDE if name in there and name not in files}
    return send, tuple(sorted({*strangers(there, files), *beside}))


def _equal(data: bytes, entry: Any) -> bool:
    """Whether the Hub has these bytes: it names SHA-256 of large files, and git's own SHA-1 of the others."""
    if entry.lfs is not None:
        return bool(entry.lfs.sha256 == sha256(data))
    # git's name for the bytes, no proof: what is skipped because of it is fetched and compared all the same
    named = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return bool(entry.blob_id == named)


def _commit(api: Any, files: Mapping[str, bytes], made: Plan, revision: str) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations = [
        *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=files[name]) for name in made.send),
        *(CommitOperationDelete(path_in_repo=name) for name in made.remove),
    ]
    done = api.create_commit(
        made.repo,
        operations,
        commit_message=_message(made),
        commit_description=f"sha256:{made.digest}",
        repo_type=_KIND,
        revision=revision,
        parent_commit=made.head,
    )
    return str(done.oid)


def _message(made: Plan) -> str:
    return f"Release {made.tag.removeprefix('v')}"


def _compare(api: Any, files: Mapping[str, bytes], repo: str, commit: str) -> None:
    """Fetch every file of a commit anew and hold it against what was sent; raises :class:`DataError`."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        for name, data in files.items():
            path = api.hf_hub_download(repo, name, repo_type=_KIND, revision=commit, local_dir=place, force_download=True)
            got = sha256(read_bytes(Path(path)))
            if got != sha256(data):
                at = f"{repo}@{commit}/{name}"
                found.append(finding("CHECKSUM", at, got=f"sha256 {got[:12]}", wanted=f"sha256 {sha256(data)[:12]}"))
            Path(path).unlink()
    there = [e.path for e in api.list_repo_tree(repo, recursive=True, revision=commit, repo_type=_KIND) if hasattr(e, "blob_id")]
    found += [finding("FILE_ADDED", f"{repo}@{commit}/{name}") for name in strangers(there, files)]
    if found:
        raise DataError(
            f"{repo} gives back other bytes than were sent; commit {commit} is not to be used, and was not tagged", found
        )
