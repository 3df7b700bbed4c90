"""A Label Studio server of one's own: the demonstration, and what goes wrong when a server starts."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import httpx
import pytest

from newsgold.annotation import local
from newsgold.corpus.store import read_articles
from newsgold.errors import FileFault, NewsgoldError


def test_the_demonstration_stays_and_is_made_once(
    studio: local.Local, repo: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind((local.HOST, 0))
        port = str(probe.getsockname()[1])
    folder = tmp_path / "demo"
    arguments = ["demo", str(folder), str(corpus), str(repo / ".venv-label-studio" / "template"), port]
    try:
        assert local.main(arguments) == 0
        said = capsys.readouterr().out
        assert local.main(arguments) == 0
        assert capsys.readouterr().out == said
        accounts = folder / "accounts.json"
        assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
        (first, *_) = local._accounts(folder)
        assert f"http://127.0.0.1:{port}\n" in said
        assert first.username in said
        assert first.password in said
        assert first.token not in said
        headers = {"Authorization": f"Token {first.token}"}
        (project,) = httpx.get(f"http://127.0.0.1:{port}/api/projects/", headers=headers).json()["results"]
        articles = len(read_articles(corpus).records)
        assert (project["title"], project["task_number"]) == (local.DEMO, articles)
        assert project["total_predictions_number"] == len(list((corpus / "gold").glob("*.json")))
    finally:
        assert local.main(["stop", str(folder)]) == 0
    assert capsys.readouterr().out == "stopped\n"
    assert local.main(["stop", str(folder)]) == 0
    assert capsys.readouterr().out == "no demonstration is running\n"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def test_a_taken_port_is_refused(studio: local.Local, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = studio.url.rpartition(":")[2]
    assert local.main(["demo", str(tmp_path / "demo"), "corpus", str(studio.folder), port]) == 3
    assert capsys.readouterr().err == f"port {port} of 127.0.0.1 is taken by something else\n"


def test_a_server_that_ends_by_itself_is_told_of(studio: local.Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "label-studio"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setenv("NEWSGOLD_LABEL_STUDIO", str(broken))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.json").write_bytes((studio.folder / "accounts.json").read_bytes())
    with pytest.raises(NewsgoldError, match="ended by itself"):
        local.start(tmp_path / "data")


def test_without_a_server_it_says_where_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSGOLD_LABEL_STUDIO", str(tmp_path / "nowhere"))
    with pytest.raises(FileFault, match="make label-studio installs it"):
        local.executable()


def test_wrong_arguments_are_told_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert local.main(["demo", "folder"]) == 2
    assert capsys.readouterr().err.startswith("usage: python -m newsgold.annotation.local init FOLDER\n")
