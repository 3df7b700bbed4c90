"""Proof of a release: whatever is changed, cut, exchanged, missing or added is found before a row is read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import newsgold
from newsgold.corpus import verify
from newsgold.errors import DataError, FileFault, Finding
from released import release_at, sum_again

DOCUMENTS = "data/documents/test-00000-of-00001.parquet"
MENTIONS = "data/mentions/test-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release; tests only read it."""
    return release_at(tmp_path_factory.mktemp("built") / "release")


@pytest.fixture
def made(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "release")


def faults(folder: Path) -> list[Finding]:
    with pytest.raises(DataError) as caught:
        newsgold.load(folder)
    return list(caught.value.findings)


def named(folder: Path) -> list[tuple[str, str]]:
    return sorted((f.code, Path(f.path).relative_to(folder).as_posix()) for f in faults(folder))


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    assert change(data) != data
    path.write_bytes(change(data))


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


# --------------------------------------------------------------------------- what is sound


def test_a_sound_release_is_proven(built: Path):
    release = verify.prove(built)
    assert release.version == "1.0.0"
    assert release.configs == ("documents", "entities", "mentions", "relations", "stances")
    assert {*release.files} == {name for name in release.sums if name.endswith(".parquet")}
    assert verify.digest_of(release) == release.digest
    verify.prove_rows(release)


def test_the_committed_release_is_sound(corpus: Path):
    verify.prove_rows(verify.prove(corpus))


def test_sha256sum_says_the_same(made: Path):
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=made, check=False).returncode == 0
    edit(made / MENTIONS, flip)
    assert subprocess.run(["sha256sum", "--status", "-c", "SHA256SUMS"], cwd=made, check=False).returncode == 1


@pytest.mark.parametrize(
    "beside", [".gitattributes", ".cache/x.parquet", "notes.md", "CHANGES.md", "data/.x.tmp", "pictures/a.svg"]
)
def test_what_people_keep_beside_a_release_is_let_alone(made: Path, beside: str):
    (made / beside).parent.mkdir(exist_ok=True)
    (made / beside).write_bytes(b"x")
    assert verify.prove(made).version == "1.0.0"


def test_prose_of_the_card_may_be_edited(made: Path):
    edit(made / "README.md", lambda data: data + b"\nMore prose.\n")
    assert verify.prove(made).version == "1.0.0"


# --------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize("name", [DOCUMENTS, MENTIONS, "labels.toml", "schema/article.json"])
def test_a_changed_file(made: Path, name: str):
    edit(made / name, flip)
    assert named(made) == [("CHECKSUM", name)]


@pytest.mark.parametrize("keep", [0, 1, 500, -1])
def test_a_truncated_file(made: Path, keep: int):
    edit(made / DOCUMENTS, lambda data: data[:keep])
    assert named(made) == [("CHECKSUM", DOCUMENTS)]
    assert "broke off" in faults(made)[0].got


def test_two_exchanged_files(made: Path):
    other = DOCUMENTS.replace("test", "train")
    for old, new in ((DOCUMENTS, "x"), (other, DOCUMENTS), ("x", other)):
        os.rename(made / old, made / new)
    assert named(made) == [("CHECKSUM", DOCUMENTS), ("CHECKSUM", other)]
    assert {f.got for f in faults(made)} == {f"the bytes of {DOCUMENTS}", f"the bytes of {other}"}


def test_a_missing_file(made: Path):
    (made / MENTIONS).unlink()
    assert named(made) == [("FILE_MISSING", MENTIONS)]


@pytest.mark.parametrize(
    "name", ["data/documents/train-00001-of-00002.parquet", "data/x", "schema/more.json", "extra.jsonl", "new/train.CSV"]
)
def test_an_added_file(made: Path, name: str):
    (made / name).parent.mkdir(exist_ok=True)
    (made / name).write_bytes(b"{}")
    assert named(made) == [("FILE_ADDED", name)]


def test_every_fault_is_listed(made: Path):
    edit(made / DOCUMENTS, flip)
    (made / MENTIONS).unlink()
    (made / "data/more.parquet").write_bytes(b"")
    assert [code for code, _ in named(made)] == ["CHECKSUM", "FILE_ADDED", "FILE_MISSING"]


def test_a_link_a_folder_and_a_pipe_in_the_place_of_a_file(made: Path):
    for name in (DOCUMENTS, MENTIONS, "labels.toml"):
        (made / name).unlink()
    (made / DOCUMENTS).mkdir()
    (made / MENTIONS).symlink_to("nowhere")
    os.mkfifo(made / "labels.toml")
    assert [code for code, _ in named(made)] == ["FILE_UNREADABLE"] * 3


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"", 1),
        (b"abc  data/x.parquet\n", 1),
        (b"%s  ../outside\n" % (b"0" * 64), 1),
        (b"%s  /etc/passwd\n" % (b"0" * 64), 1),
        (b"%s  data//x\n" % (b"0" * 64), 1),
        (b"%s  a\n%s  a\n" % (b"0" * 64, b"1" * 64), 2),
        (b"%s  \xff\x1b[2J\n" % (b"0" * 63), 1),
    ],
)
def test_sums_that_cannot_be_used(made: Path, line: bytes, number: int):
    (made / "SHA256SUMS").write_bytes(line)
    (fault,) = faults(made)
    assert (fault.code, fault.line if line else 1) == ("BAD_CHECKSUMS", number)
    assert str(fault).isprintable()


def test_a_changed_file_with_a_sum_to_match(made: Path):
    """One who forges the sums must forge the footers too; and then the rows have another digest."""
    other = release_at(made.with_name("other"), fixed=True)
    train = DOCUMENTS.replace("test", "train")
    shutil.copyfile(other / train, made / train)
    sum_again(made)
    assert named(made) == [("RELEASE_MIXED", train)]


def test_rows_that_are_not_those_of_the_digest(made: Path):
    release = verify.prove(made)
    forged = verify.Release(release.folder, release.version, "0" * 64, release.sums, release.files)
    with pytest.raises(DataError, match="holds other rows than its digest says"):
        verify.prove_rows(forged)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"version: 1.0.0", b"version: 2.0.0"),
        (b"description: sha256:", b"description: sha256:0"),
        (b"'0': PERSON\n            '1': NORP", b"'0': NORP\n            '1': PERSON"),
        (b"- name: outlet\n    dtype: string", b"- name: outlet\n    dtype: int32"),
        (b"- name: outlet\n    dtype: string\n", b""),
        (b"path: data/mentions/test-00000-of-00001.parquet", b"path: data/mentions/train-00000-of-00001.parquet"),
        (b"configs:", b"config:"),
        (b"---\n", b"--\n"),
    ],
)
def test_a_card_that_would_be_read_wrong(made: Path, old: bytes, new: bytes):
    edit(made / "README.md", lambda data: data.replace(old, new, 1))
    assert {code for code, _ in named(made)} == {"RELEASE_MIXED"}


def test_a_version_that_is_not_the_release_s(made: Path):
    (made / "VERSION").write_text("1.0.1\n")
    assert {code for code, _ in named(made)} == {"RELEASE_MIXED"}


@pytest.mark.parametrize("name", ["VERSION", "README.md"])
def test_a_part_that_is_gone(made: Path, name: str):
    (made / name).unlink()
    assert named(made) == [("FILE_MISSING", name)]


def test_what_is_no_release(tmp_path: Path):
    with pytest.raises(FileFault, match="no SHA256SUMS"):
        verify.prove(tmp_path)


def test_a_single_file_is_held_against_its_release(made: Path):
    assert len(newsgold.load(made / DOCUMENTS).articles) == 1
    edit(made / DOCUMENTS, flip)
    with pytest.raises(DataError, match="CHECKSUM"):
        newsgold.load(made / DOCUMENTS)
    shutil.copyfile(made / MENTIONS, made / "data/documents/more.parquet")
    with pytest.raises(DataError, match="FILE_ADDED"):
        newsgold.load(made / "data/documents/more.parquet")


@settings(max_examples=40)
@given(st.data())
def test_any_one_byte_of_any_file_is_found(built: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    """In a folder of links, so that only one file is copied."""
    sums = verify.sums_of(built)
    name = data.draw(st.sampled_from(sorted(sums)))
    raw = (built / name).read_bytes()
    at, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    folder = tmp_path_factory.mktemp("one")
    for other in (*sums, "README.md", "VERSION", "SHA256SUMS"):
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).symlink_to(built / other)
    (folder / name).unlink()
    (folder / name).write_bytes(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :])
    assert named(folder) == [("CHECKSUM", name)]
    shutil.rmtree(folder)


@given(st.lists(st.text(st.sampled_from("ab./-"), min_size=1, max_size=8)))
def test_what_is_listed_is_never_a_stranger(names: list[str]):
    found = verify.strangers([*names, "data/x", "y.parquet"], [*names, "data/z"])
    assert found == [] if {"data/x", "y.parquet"} <= {*names} else {"data/x", "y.parquet"} >= {*found}
