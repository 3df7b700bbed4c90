"""Plain ``load_dataset`` on the newest and on the oldest supported version of ``datasets``, offline.

``with_format("torch")`` is not run here, for torch is not installed; ``numpy`` is, which shares its road up to the tensors.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import newsgold
from newsgold.corpus.codec import canonical, encode
from newsgold.corpus.model import LAYERS, Annotation
from newsgold.corpus.verify import prove
from released import TESTS, clean_env, corpus_at, release_at, run

VERSIONS = ("newest", "oldest")


def python_of(which: str, repo: Path) -> str:
    path = repo / ".venv-oldest" / "bin" / "python"
    if which == "oldest" and not path.exists():
        pytest.skip("no oldest datasets here; make oldest installs it")
    return sys.executable if which == "newest" else str(path)


def probe(python: str, *arguments: object, home: Path) -> dict[str, Any]:
    env = clean_env(HF_HUB_OFFLINE="1", HF_HOME=str(home))
    out = run(python, str(TESTS / "datasets_probe.py"), *map(str, arguments), env=env)
    assert out.returncode == 0, out.stderr[-3000:]
    return dict(json.loads(out.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two versions of the gold, in folders of one name, as the cache's key has it."""
    place = tmp_path_factory.mktemp("places")
    return {
        "old": release_at(place / "a" / "news", version="1.0.0"),
        "new": release_at(place / "b" / "news", version="1.0.0", fixed=True),
    }


@pytest.fixture(scope="module", params=VERSIONS)
def seen(
    request: pytest.FixtureRequest, repo: Path, places: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a version of datasets reads with one cache: the old gold, the new, and a folder whose contents changed in between."""
    home = tmp_path_factory.mktemp("home")
    return probe(python_of(request.param, repo), "read", home / "cache", places["old"], places["new"], home=home)


def test_the_versions_are_the_ones_meant(seen: dict[str, Any], request: pytest.FixtureRequest):
    oldest = "oldest" in request.node.callspec.id
    assert (seen["datasets"] < "4.1", seen["pyarrow"].split(".")[0] < "26") == (oldest, oldest)


def test_rows_equal_the_gold(seen: dict[str, Any], places: dict[str, Path]):
    """And so do streaming and ``to_datasets``, which the probe compares; each row is made into an annotation again."""
    for which, got in zip(("old", "new"), seen["folders"], strict=True):
        loaded = newsgold.load(places[which])
        rows = [row for part in got["configs"]["documents"].values() for row in part]
        assert {row["id"]: row["text"] for row in rows} == {a.id: a.text for a in loaded.articles}
        typed = {row["id"]: canonical(annotation(row, got["names"]), loaded.labels) for row in rows if row["annotated"]}
        assert {name: encode(gold) for name, gold in typed.items()} == {g.id: encode(g) for g in loaded.annotations}
        for layer in LAYERS:
            flat = [row for part in got["configs"][layer].values() for row in part]
            assert len(flat) == sum(len(getattr(gold, layer) or ()) for gold in loaded.annotations)
        assert got["digest"] == prove(places[which]).digest
        assert got["version"] == "1.0.0"


def annotation(row: dict[str, Any], names: dict[str, list[str]]) -> Annotation:
    for path, known in names.items():
        layer, column = path.split(".")
        for item in row[layer] or ():
            item[column] = known[item[column]]
    kept = {name: row[name] for name in ("id", "by", "text_sha256", "split", "event", "ignore", *LAYERS)}
    return msgspec.convert(kept, Annotation)


def test_the_cache_never_serves_old_rows(seen: dict[str, Any]):
    """Name, card and configs are the same but for the digest; without it, datasets serves the first folder's rows twice."""
    links = [{row["link"] for row in got["configs"]["mentions"]["train"]} for got in seen["folders"]]
    assert "kb-tessen" in links[0]
    assert "Q37661234" in links[1]
    assert "kb-tessen" not in links[1]


def test_numpy_format(seen: dict[str, Any]):
    got = seen["folders"][0]
    rows = got["configs"]["mentions"]["test"]
    for name, (kind, values) in got["numpy"].items():
        assert (kind, values) == ("int64", [row[name] for row in rows])


def test_without_the_digest_the_cache_would_serve_old_rows(places: dict[str, Path], tmp_path: Path):
    """The trap is real: with the digest taken out of the cards, the rows of the second folder are those of the first."""
    folders = []
    for which in ("old", "new"):
        folder = shutil.copytree(places[which], tmp_path / which / "news")
        card = (folder / "README.md").read_text()
        digest = prove(places[which]).digest
        (folder / "README.md").write_text(card.replace(f"sha256:{digest}", "none"))
        folders.append(str(folder))
    code = """
import datasets, json, sys
datasets.disable_progress_bars()
cache, *folders = sys.argv[1:]
parts = [datasets.load_dataset(folder, "mentions", split="train", cache_dir=cache) for folder in folders]
print(json.dumps([part["link"][:] for part in parts]))
"""
    out = run(
        sys.executable, "-c", code, str(tmp_path / "cache"), *folders, env=clean_env(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    )
    first, second = json.loads(out.stdout)
    assert first == second
    with pytest.raises(newsgold.DataError, match="RELEASE_MIXED"):
        newsgold.load(folders[1])


def test_the_digest_is_the_same_under_two_majors_of_pyarrow(repo: Path, tmp_path: Path):
    made = corpus_at(tmp_path / "corpus")
    built = {which: probe(python_of(which, repo), "build", made, tmp_path / which, home=tmp_path) for which in VERSIONS}
    assert len({it["pyarrow"].split(".")[0] for it in built.values()}) == 2
    assert len({it["digest"] for it in built.values()}) == 1
    releases = [prove(tmp_path / which) for which in VERSIONS]
    assert releases[0].digest == releases[1].digest == built["oldest"]["digest"]
    assert [*releases[0].documents()] == [*releases[1].documents()]
