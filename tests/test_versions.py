"""Versions: the step that changes demand, states from folders, files and git, the draft of CHANGES, and what build refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from newsgold.cli import cli
from newsgold.corpus import release, versions
from newsgold.corpus.diff import Change
from newsgold.errors import DataError, FileFault, UsageError
from released import corpus_at

GOLD = "gold/tessen-bridge.json"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = corpus_at(tmp_path / "corpus")
    release.build(folder, version="1.0.0")
    return folder


def edit(path: Path, old: bytes, new: bytes) -> None:
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))


def relink(corpus: Path) -> None:
    edit(corpus / GOLD, b'"link":"kb-tessen"', b'"link":"Q37661234"')


def change(layer: str, kind: str = "changed", item: str = "", old: object = None, new: object = None) -> Change:
    return Change("a", layer, kind, item, old, new)


# ---------------------------------------------------------------------------- the rule


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (change("documents", "added"), "minor"),
        (change("documents", "removed"), "major"),
        (change("texts"), "major"),
        (change("splits"), "major"),
        (change("gold", "added"), "minor"),
        (change("gold", "removed"), "major"),
        *((change(layer, kind), "major") for layer in ("mentions", "stances") for kind in ("added", "removed", "changed")),
        (change("metadata", item="event"), "major"),
        (change("metadata", item="ignore"), "major"),
        (change("metadata", item="outlet"), "patch"),
        (change("labels", "added"), "minor"),
        (change("labels", "removed", old={}), "major"),
        (change("labels", old={"colour": "red"}, new={"colour": "blue"}), "patch"),
        (change("labels", old={"symmetric": True}, new={"symmetric": False}), "major"),
        (change("labels", old={"order": ["a"]}, new={"order": ["b"]}), "major"),
    ],
)
def test_the_step_of_each_change(found: Change, wanted: str) -> None:
    assert versions.step_of(found) == wanted


def test_the_greatest_step_counts() -> None:
    assert versions.step([]) == "none"
    assert versions.step([change("metadata", item="outlet"), change("documents", "added")]) == "minor"


@pytest.mark.parametrize(
    ("version", "step", "wanted"),
    [
        ("1.2.3", "none", "1.2.3"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "major", "0.3.0"),
        ("0.2.3", "minor", "0.3.0"),
        ("0.2.3", "patch", "0.2.4"),
    ],
)
def test_the_least_version(version: str, step: versions.Step, wanted: str) -> None:
    assert versions.least(version, step) == wanted
    assert versions.suffices(wanted, wanted)
    assert versions.suffices("10.0.0", wanted)
    assert not versions.suffices("0.1.9", wanted)


# ----------------------------------------------------------------------------- states


def test_all_forms_of_one_state_are_equal(made: Path, tmp_path: Path) -> None:
    release.build(made, out=tmp_path / "alone")
    commit(made)
    for other in (tmp_path / "alone", "git:HEAD", "git:v1.0.0", "git:v1.0.0:corpus"):
        compared = versions.diff_places(str(other), str(made))
        assert (compared.step, compared.diff.changes, compared.demanded) == ("none", (), "1.0.0")
    gold = versions.diff_places(str(made / "gold"), str(made / "gold"))
    assert (gold.step, gold.version, gold.demanded) == ("none", "1.0.0", "1.0.0")
    (parquet,) = (tmp_path / "alone" / "data" / "documents").glob("test-*.parquet")
    one = versions.diff_places(str(parquet), str(made))
    assert [(c.layer, c.change) for c in one.diff.changes] == [("documents", "added")]
    assert one.demanded == "1.1.0"


def commit(corpus: Path) -> None:
    git = ["git", "-C", str(corpus.parent), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q"], ["add", "corpus"], ["commit", "-q", "-m", "x"], ["tag", "v1.0.0"]):
        subprocess.run([*git, *arguments], check=True)


def test_a_fix_since_a_tag(made: Path) -> None:
    commit(made)
    relink(made)
    compared = versions.diff_places("git:v1.0.0", str(made))
    (found,) = compared.diff.changes
    assert (found.doc, found.layer, found.change) == ("tessen-bridge", "entities", "changed")
    assert (found.old or {})["link"] == "kb-tessen"
    assert (compared.version, compared.step, compared.demanded) == ("1.0.0", "major", "2.0.0")


@pytest.mark.parametrize("revision", ["nothing", "HEAD:nowhere", "HEAD~9"])
def test_a_revision_that_is_not_there(made: Path, revision: str) -> None:
    commit(made)
    with pytest.raises(FileFault, match="git"):
        versions.diff_places(f"git:{revision}", str(made))


@pytest.mark.parametrize("revision", ["", "--output=x", "-h"])
def test_what_is_no_revision(made: Path, revision: str) -> None:
    with pytest.raises(UsageError, match="no revision"):
        versions.diff_places(f"git:{revision}", str(made))


def test_without_git_the_message_says_so(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(made))
    with pytest.raises(FileFault, match="git is not installed"):
        versions.diff_places("git:v1.0.0", str(made))


def test_a_place_that_is_not_there(made: Path) -> None:
    with pytest.raises(FileFault, match="nothing at"):
        versions.diff_places(str(made / "nowhere"), str(made))


def test_a_changed_release_is_not_compared(made: Path, tmp_path: Path) -> None:
    release.build(made, out=tmp_path / "alone")
    edit(tmp_path / "alone" / "LICENSE", b"a", b"b")
    with pytest.raises(DataError, match="not the release"):
        versions.diff_places(str(tmp_path / "alone"), str(made))


def test_a_corpus_that_cannot_be_read_whole(made: Path, tmp_path: Path) -> None:
    release.build(made, out=tmp_path / "alone")
    (made / GOLD).write_bytes(b"{")
    with pytest.raises(DataError, match="read whole"):
        versions.diff_places(str(tmp_path / "alone"), str(made))


# ------------------------------------------------------------------------------ build


def test_build_refuses_a_lesser_step(made: Path) -> None:
    relink(made)
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    for version in ("1.0.0", "1.0.1", "1.9.0"):
        with pytest.raises(DataError) as caught:
            release.build(made, version=version)
        (fault,) = caught.value.findings
        assert (fault.code, fault.severity, fault.wanted) == ("VERSION_STEP", "error", "at least 2.0.0")
        assert fault.got == f"{version} after 1.0.0, with 1 entities changed"
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before
    assert release.build(made, version="2.0.0").version == "2.0.0"


def test_build_refuses_a_lesser_step_in_VERSION(made: Path) -> None:
    relink(made)
    (made / "VERSION").write_text("1.1.0\n")
    with pytest.raises(DataError, match="too small a step"):
        release.build(made)
    (made / "VERSION").write_text("2.0.0\n")
    assert release.build(made).findings == ()


def test_the_release_in_progress_is_built_again_with_a_warning(made: Path) -> None:
    relink(made)
    built = release.build(made)
    assert [(f.code, f.severity, f.wanted) for f in built.findings] == [("VERSION_STEP", "warning", "at least 2.0.0")]
    assert release.build(made).findings == ()


def test_a_release_in_another_folder_is_held_against_the_corpus(made: Path, tmp_path: Path) -> None:
    relink(made)
    with pytest.raises(DataError, match="too small a step"):
        release.build(made, version="1.0.1", out=tmp_path / "alone")
    assert not (tmp_path / "alone" / "VERSION").exists()


def test_packaging_and_labels(made: Path) -> None:
    assert release.build(made, version="1.0.1").findings == ()
    edit(made / "labels.toml", b'colour = "', b'colour = "#')  # whatever the colours are, they are others now
    assert release.build(made, version="1.0.2").version == "1.0.2"


def test_a_release_that_cannot_be_read_is_replaced_and_named(made: Path) -> None:
    for path in (made / "data" / "documents").glob("*.parquet"):
        path.write_bytes(b"PAR1")
    assert [(f.code, f.severity) for f in release.build(made).findings] == [("RELEASE_MIXED", "warning")]
    assert release.check(made) == []


# ------------------------------------------------------------------------ the command


def run(*arguments: object) -> str:
    return CliRunner().invoke(cli, ["corpus", "diff", *map(str, arguments)], catch_exceptions=False).output


def refused(*arguments: object, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        run(*arguments)


def test_diff_as_text_and_json(made: Path, tmp_path: Path) -> None:
    release.build(made, out=tmp_path / "alone")
    assert run(tmp_path / "alone", made) == "step: none\n"
    relink(made)
    shown = run(tmp_path / "alone", made).splitlines()
    assert shown[0].startswith("~ tessen-bridge entities [")
    assert shown[0].endswith('link "kb-tessen" → "Q37661234"')
    assert shown[1:] == ["entities: 1 changed", "step: major; the next version is at least 2.0.0"]
    value = json.loads(run(tmp_path / "alone", made, "--json"))
    assert (value["step"], value["version"], value["old_version"]) == ("major", "2.0.0", "1.0.0")
    assert value["counts"] == {"entities": {"added": 0, "removed": 0, "changed": 1}}
    assert [c["doc"] for c in value["changes"]] == ["tessen-bridge"]


def test_the_draft_of_CHANGES(made: Path, tmp_path: Path) -> None:
    release.build(made, out=tmp_path / "alone")
    path = made / "CHANGES.md"
    path.write_text("# Changes\n\nWords.\n\n## 1.0.0 - 2031-05-01\n- First.\n")
    refused(tmp_path / "alone", made, "--write", match="nothing changed")
    relink(made)
    refused(tmp_path / "alone", made, "--write", "--version", "1.5.0", match="demand 2.0.0")
    run(tmp_path / "alone", made, "--write", "--date", "2031-05-03")
    section = (
        "## 2.0.0 - 2031-05-03\n- Entities: 1 changed.\n- Documents with changes: `tessen-bridge`.\n"
        "- Changes since 1.0.0: major; they demand 2.0.0 at least.\n"
    )
    assert path.read_text() == f"# Changes\n\nWords.\n\n{section}\n## 1.0.0 - 2031-05-01\n- First.\n"
    refused(tmp_path / "alone", made, "--write", match="has a section")
    path.unlink()
    run(tmp_path / "alone", made, "--write", "--date", "2031-05-03")
    assert path.read_text() == f"# Changes of the corpus\n\n{section}"


@pytest.mark.parametrize("options", [["--version", "2.0.0"], ["--date", "2031-05-03"]])
def test_what_belongs_to_write(made: Path, options: list[str]) -> None:
    refused(made, made, *options, match="belong to --write")
    refused(made, made / GOLD, "--write", match="needs a corpus folder")
