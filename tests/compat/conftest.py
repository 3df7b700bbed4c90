"""The peers' goldens as parameters: one test a case of every file that a module's GOLDENS name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(os.environ.get("NEWSGOLD_SHARED", Path(__file__).parents[3] / "shared")) / "goldens"


class Golden(NamedTuple):
    """A case: the file of expected numbers, its key there, and the numbers."""

    path: Path
    key: str
    expected: Any


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for a golden the cases of its module; one that skips if there is no reference data."""
    if "golden" in metafunc.fixturenames:
        metafunc.parametrize("golden", _cases(metafunc.module.GOLDENS))


def _cases(patterns: tuple[str, ...]) -> list[Any]:
    if not ROOT.is_dir():
        return [None]
    cases = []
    for pattern in patterns:
        paths = sorted(ROOT.glob(pattern))
        assert paths, f"no reference data match {pattern}"
        for path in paths:
            value = json.loads(path.read_text())
            results = value.get("results", value)
            cases += [pytest.param(Golden(path, k, v), id=f"{path.parent.name}-{k}") for k, v in results.items()]
    return cases


@pytest.fixture(autouse=True)
def _reference_data(request: pytest.FixtureRequest) -> None:
    """Skip, or fail where nothing may skip, a test of goldens without reference data."""
    if "golden" in request.fixturenames:
        request.getfixturevalue("shared")


def _differences(expected: Any, got: Any, tolerance: float, where: str = "") -> list[str]:
    if isinstance(expected, dict):
        return [line for k, v in expected.items() for line in _differences(v, got[k], tolerance, f"{where}/{k}")]
    if isinstance(expected, list):
        assert len(expected) == len(got), where
        return [line for i, v in enumerate(expected) for line in _differences(v, got[i], tolerance, f"{where}/{i}")]
    return [] if abs(expected - got) <= tolerance else [f"{where}: wanted {expected}, got {got}"]


@pytest.fixture
def same() -> Callable[..., None]:
    """Assert that every expected number is there, to 1e-9 unless the peer prints fewer digits."""

    def check(expected: Any, got: Any, tolerance: float = 1e-9) -> None:
        assert _differences(expected, got, tolerance) == []

    return check


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a file: text as it is, anything else as JSON."""

    def put(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return put
