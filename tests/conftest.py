"""What several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from newsgold.annotation import local

REPO = Path(__file__).parent.parent
REQUIRE_ALL = os.environ.get("NEWSGOLD_REQUIRE_ALL") == "1"


def pytest_configure(config: pytest.Config) -> None:
    """Let no test reach a hub, none fail because the machine is busy, and CI try the same examples every time."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    settings.register_profile("newsgold", deadline=None, derandomize=REQUIRE_ALL)
    settings.load_profile("newsgold")


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the repository."""
    return REPO


@pytest.fixture(scope="session")
def corpus(repo: Path) -> Path:
    """The corpus of the repository; tests only read it."""
    return repo / "corpus"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference data kept outside the repository: peers' files, real exports, expected numbers."""
    path = Path(os.environ.get("NEWSGOLD_SHARED", REPO.parent / "shared"))
    if not path.is_dir():
        if REQUIRE_ALL:
            pytest.fail(f"no reference data at {path}, and NEWSGOLD_REQUIRE_ALL is set")
        pytest.skip(f"no reference data at {path}; set NEWSGOLD_SHARED")
    return path


@pytest.fixture(scope="session")
def studio(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Local]:
    """A real Label Studio server with two accounts; tests make projects of their own in it."""
    home = repo / ".venv-label-studio"
    if not (home / "template").is_dir():
        pytest.skip("there is no Label Studio here; make label-studio installs it")
    os.environ.setdefault("NEWSGOLD_LABEL_STUDIO", str(home / "bin" / "label-studio"))
    with local.running(tmp_path_factory.mktemp("studio") / "data", template=home / "template") as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Under NEWSGOLD_REQUIRE_ALL a skip is a failure."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under NEWSGOLD_REQUIRE_ALL: {call.excinfo and call.excinfo.value}"
    return report
