"""The ten commands of annotation/README.md, run in order against a real server, annotators played by the API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec

from newsgold.annotation.label_studio import to_result
from newsgold.annotation.local import Local
from newsgold.benchmark.baselines import SYSTEMS
from newsgold.corpus.labels import load_labels
from newsgold.corpus.model import Annotation, Entity
from newsgold.corpus.store import read_annotations, read_articles

REPO = Path(__file__).parent.parent
BLOCK = re.compile(r"^```sh server\n(.*?)^```", re.DOTALL | re.MULTILINE)


def submit(studio: Local, title: str, makes: dict[str, Annotation], mine: Path, note: str = "") -> None:
    """Play an annotator: one annotation for each task of a project."""
    labels = load_labels(mine / "labels.toml")
    texts = {r.value.id: r.value for r in read_articles(mine).records}
    with httpx.Client(base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60) as web:
        found = web.get("/api/projects/", params={"title": title, "page_size": 1000}).json()["results"]
        (project,) = [p["id"] for p in found if p["title"] == title]
        for task in web.get("/api/tasks/", params={"project": project, "fields": "all"}).json()["tasks"]:
            doc = task["data"]["doc_id"]
            items = to_result(makes[doc], texts[doc], labels).items
            if note:
                value = {"text": note.split("\n")}
                items = [*items, {"id": "note", "from_name": "doc_note", "to_name": "text", "type": "textarea", "value": value}]
            web.post(f"/api/tasks/{task['id']}/annotations/", json={"result": items}).raise_for_status()


def test_the_ten_commands(studio: Local, tmp_path: Path) -> None:
    (tmp_path / "annotation").mkdir()
    for name in ("tests/data/ingest", "corpus"):
        shutil.copytree(REPO / name, tmp_path / name)
    shutil.copy(REPO / "annotation/guidelines.md", tmp_path / "annotation")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "URL": studio.url, "LABEL_STUDIO_API_KEY": studio.token}
    blocks = BLOCK.findall((REPO / "annotation/README.md").read_text(encoding="utf-8"))
    commands = [line for block in blocks for line in block.strip().split("\n")]
    assert len(commands) == 9  # the tenth is to label
    mine = tmp_path / "mine"
    for command in commands:
        if "pull" in command and "adjudication" not in command:
            play_annotators(studio, mine)
        if "mine-decided" in command and "pull" in command:
            play_adjudicator(studio, mine, tmp_path)
        done = subprocess.run(["bash", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert studio.token not in done.stdout + done.stderr
    golds = {r.value.id: r.value for r in read_annotations(mine / "gold").records}
    assert {name: len(gold.mentions or ()) for name, gold in golds.items()} == {
        name: len(one.mentions or ()) for name, one in full(mine).items()
    }
    records = [json.loads(p.read_bytes()) for p in (tmp_path / "mine-records").rglob("*.record.json")]
    assert {r["document"] for r in records} == set(golds)


def full(mine: Path) -> dict[str, Annotation]:
    """A pass over every article."""
    return {r.value.id: identified(SYSTEMS["rules"].function(r.value)) for r in read_articles(mine).records}


def identified(annotation: Annotation) -> Annotation:
    """Only mentions with an entity of its own each: enough to agree and to differ."""
    mentions = tuple(msgspec.structs.replace(m, id=f"m{n}") for n, m in enumerate(annotation.mentions or (), 1))
    entities = tuple(Entity(id=f"e{n}", mentions=(m.id,)) for n, m in enumerate(mentions, 1))
    return msgspec.structs.replace(annotation, by=None, mentions=mentions, entities=entities, relations=(), stances=())


def play_annotators(studio: Local, mine: Path) -> None:
    whole = full(mine)
    less = {
        name: msgspec.structs.replace(a, mentions=(a.mentions or ())[1:], entities=(a.entities or ())[1:])
        for name, a in whole.items()
    }
    submit(studio, "round-1/anna", whole, mine)
    submit(studio, "round-1/ben", less, mine)


def play_adjudicator(studio: Local, mine: Path, folder: Path) -> None:
    disputes = [json.loads(p.read_bytes()) for p in sorted((folder / "mine-disputes" / "disputes").glob("*.json"))]
    assert disputes
    note = "\n".join(f"R2 {d['id']}: a name" for d in disputes[0]["disputes"])
    submit(studio, "round-1/adjudication", full(mine), mine, note)
