"""A small corpus of invented news to release, and its release."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import newsgold
from newsgold.corpus import release
from newsgold.corpus.codec import sha256
from newsgold.corpus.verify import SUMS, sums_of

TESTS = Path(__file__).parent
REPO = TESTS.parent


def corpus_at(folder: Path) -> Path:
    """Two documents, one in train and one in test, both ours."""
    shutil.copytree(TESTS / "data" / "valid" / "corpus", folder)
    for name in ("labels.toml", "README.md", "LICENSE", "croissant.toml"):
        shutil.copyfile(REPO / "corpus" / name, folder / name)
    return folder


def release_at(folder: Path, *, version: str = "1.0.0", fixed: bool = False) -> Path:
    """Its release, as it is published; ``fixed``: with another link, as long as the old one."""
    source = corpus_at(folder.with_name(f"{folder.name}-source"))
    if fixed:
        gold = source / "gold" / "tessen-bridge.json"
        gold.write_bytes(gold.read_bytes().replace(b'"link":"kb-tessen"', b'"link":"Q37661234"'))
    release.build(source, version=version, out=folder)
    shutil.rmtree(source)
    return folder


def sum_again(folder: Path) -> None:
    """Write SHA256SUMS anew over the files it names, as one who hides a change would."""
    names = sums_of(folder)
    (folder / SUMS).write_text("".join(f"{sha256((folder / name).read_bytes())}  {name}\n" for name in names))


def clean_env(**more: str) -> dict[str, str]:
    """This process's environment without what would lead the client to another Hub or token."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "ACTIONS_"))}
    # the loopback Hub speaks the LFS protocol, not Xet
    return {**env, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(Path(newsgold.__file__).parents[1]), **more}


def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
