"""Withheld gold: what is public, what is sealed, and that the commitment binds the one to the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import newsgold
from newsgold.benchmark.score import score
from newsgold.cli import cli
from newsgold.corpus import publish, release, standoff, withheld
from newsgold.corpus.codec import encode, sha256
from newsgold.corpus.store import read_annotations
from newsgold.corpus.verify import prove, prove_rows
from newsgold.errors import DataError, FileFault, UsageError
from test_release import corpus_at, tree

SALT = "5a" * 32


@pytest.fixture
def made(tmp_path: Path, repo: Path) -> Path:
    (tmp_path / "salt").write_text(f"{SALT}\n")
    return corpus_at(tmp_path / "corpus", repo)


def shown(corpus: Path, out: str = "public", *, salt: bool = True, version: str | None = None, texts: bool = True) -> Path:
    """The public release without the gold of test; the sealed part lies beside it."""
    folder = corpus.parent
    seal = standoff.Seal("test", folder / "sealed.parquet", folder / "salt" if salt else None)
    standoff.build_public(corpus, folder / out, version=version, standoff=not texts, seal=seal)
    return folder / out


def test_the_public_part_has_the_articles_and_no_label(made: Path) -> None:
    public = shown(made)
    proven = prove(public)
    prove_rows(proven)
    loaded, whole = newsgold.load(public), newsgold.load(made, verify=False)
    assert {a.split for a in loaded.articles} == {"train", "validation", "test"}
    assert loaded.article("ally").text == whole.article("ally").text
    assert [a.id for a in loaded.annotations] == ["tessen", "belmar"]
    assert sorted(path.name for path in public.rglob("test-*.parquet")) == ["test-00000-of-00001.parquet"]
    assert not any(b"allied_with" in data and b'"eb"' in data for data in tree(public).values())
    assert SALT.encode() not in b"".join(tree(public).values())


def test_the_commitment_is_of_salt_and_gold(made: Path, tmp_path: Path) -> None:
    public = shown(made)
    (gold,) = (r.value for r in read_annotations(tmp_path / "sealed.parquet").records)
    wanted = sha256(bytes.fromhex(SALT) + encode(gold) + b"\n")
    said = json.loads((public / "withheld.json").read_bytes())
    assert (said["commitment"], said["split"], said["documents"], said["version"]) == (wanted, "test", 1, "0.1.0")
    assert f"`sha256:{wanted}`" in (public / "README.md").read_text()
    assert withheld.check(tmp_path / "sealed.parquet", public) == (wanted, "test", 1)
    assert (tmp_path / "sealed.parquet").stat().st_mode & 0o077 == 0


def test_the_scorer_takes_the_sealed_part(made: Path, tmp_path: Path) -> None:
    shown(made)
    result = score(tmp_path / "sealed.parquet", tmp_path / "sealed.parquet", split="test").to_dict()
    assert (result["documents"], result["scores"]["relations.mapped"]["f1"]) == (1, 1.0)
    direct = score(made, made, split="test").to_dict()
    assert direct["scores"]["mentions.strict"]["counts"] == result["scores"]["mentions.strict"]["counts"]


def test_the_same_salt_gives_the_same_bytes_and_no_salt_a_new_one(made: Path, tmp_path: Path) -> None:
    first = tree(shown(made))
    sealed = (tmp_path / "sealed.parquet").read_bytes()
    assert tree(shown(made, "again")) == first
    # without a salt that of the sealed part is used, so that a build can be repeated
    assert tree(shown(made, "third", salt=False)) == first
    assert (tmp_path / "sealed.parquet").read_bytes() == sealed
    (tmp_path / "sealed.parquet").unlink()
    assert tree(shown(made, "fourth", salt=False)) != first


def test_a_version_commits_once(made: Path, tmp_path: Path) -> None:
    public = shown(made)
    before = tree(public), (tmp_path / "sealed.parquet").read_bytes()
    gold = made / "gold" / "ally.json"
    gold.write_bytes(gold.read_bytes().replace(b'"type":"allied_with"', b'"type":"fights"'))
    with pytest.raises(UsageError, match=r"has committed to other gold under 0\.1\.0"):
        shown(made)
    assert (tree(public), (tmp_path / "sealed.parquet").read_bytes()) == before
    shown(made, version="0.2.0")
    assert withheld.check(tmp_path / "sealed.parquet", public).documents == 1
    assert (tmp_path / "sealed.parquet").read_bytes() != before[1]


def test_other_gold_another_salt_and_another_card_are_found_out(made: Path, tmp_path: Path) -> None:
    public = shown(made)
    sealed = tmp_path / "sealed.parquet"
    kept = sealed.read_bytes()
    gold = made / "gold" / "ally.json"
    other = Path(shutil.copytree(made, tmp_path / "other" / "corpus"))
    (tmp_path / "other" / "salt").write_text(SALT)
    (other / "gold" / "ally.json").write_bytes(gold.read_bytes().replace(b'"allied_with"', b'"fights"'))
    shown(other)
    shutil.copyfile(tmp_path / "other" / "sealed.parquet", sealed)
    assert fault(sealed, public) == str(sealed)
    (tmp_path / "other" / "salt").write_text("00" * 32)
    shutil.rmtree(tmp_path / "other" / "public")
    (other / "gold" / "ally.json").write_bytes(gold.read_bytes())
    shown(other)
    shutil.copyfile(tmp_path / "other" / "sealed.parquet", sealed)
    assert fault(sealed, public) == str(sealed)
    sealed.write_bytes(kept)
    card = public / "README.md"
    card.write_bytes(card.read_bytes().replace(b"`sha256:", b"`sha256:0"))
    assert fault(sealed, public) == str(card)


def fault(sealed: Path, public: Path) -> str:
    with pytest.raises(DataError) as caught:
        withheld.check(sealed, public)
    (found,) = caught.value.findings
    assert found.code == "COMMITMENT"
    return found.path


def test_without_text_and_without_gold(made: Path, tmp_path: Path) -> None:
    public = shown(made, texts=False)
    assert publish.held_back(prove(public)) == []
    standoff.hydrate(public, [made])
    assert tree(public) == tree(shown(made, "whole"))
    assert withheld.check(tmp_path / "sealed.parquet", public).split == "test"


@pytest.mark.parametrize("place", ["public/sealed.parquet", "corpus/sealed.parquet"])
def test_the_sealed_part_lies_outside(made: Path, tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match="must lie outside"):
        standoff.build_public(made, tmp_path / "public", seal=standoff.Seal("test", tmp_path / place))
    assert not (tmp_path / "public").exists()


def test_nothing_to_withhold(made: Path, tmp_path: Path) -> None:
    (made / "gold" / "ally.json").unlink()
    with pytest.raises(UsageError, match="has gold to withhold"):
        shown(made)
    assert not (tmp_path / "sealed.parquet").exists()


@pytest.mark.parametrize("text", ["", "5a", "x" * 64, "5a" * 33])
def test_what_is_no_salt(made: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "salt").write_text(text)
    with pytest.raises(UsageError, match="no salt"):
        shown(made)


def test_what_is_no_sealed_part(made: Path, tmp_path: Path) -> None:
    public = shown(made)
    release.build(made, out=tmp_path / "whole")
    parquet = next((tmp_path / "whole" / "data" / "documents").glob("test-*"))
    for path in (parquet, public / "README.md"):
        with pytest.raises(FileFault):
            withheld.check(path, public)
    with pytest.raises(FileFault, match="withholds nothing"):
        withheld.check(tmp_path / "sealed.parquet", tmp_path / "whole")
    (public / "withheld.json").write_bytes(b"{}")
    with pytest.raises(FileFault, match="cannot be read"):
        withheld.check(tmp_path / "sealed.parquet", public)


def test_the_commands(made: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        return CliRunner().invoke(cli, ["corpus", *map(str, arguments)], catch_exceptions=False).output

    public, sealed = tmp_path / "public", tmp_path / "sealed.parquet"
    run("build", made, "--withhold", "test", "--sealed", sealed, "--out", public)
    value = msgspec.json.decode((public / "withheld.json").read_bytes(), type=withheld.Commitment)
    said = f"sha256:{value.commitment}: the gold of 1 document(s) of test is what was committed to\n"
    assert run("commitment", public, "--sealed", sealed) == said
    for arguments in (["--withhold", "test"], ["--sealed", sealed], ["--salt-file", tmp_path / "salt"]):
        with pytest.raises(UsageError, match="belong together"):
            run("build", made, *arguments, "--out", tmp_path / "x")
