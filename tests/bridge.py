"""Small articles and passes to push and pull, and what a server really holds, read without our own code."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx

from newsgold.annotation.local import Local
from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention
from newsgold.corpus.store import fill

LABELS = default_labels()
_numbers = itertools.count()


def title(name: str = "round") -> str:
    """A title that no other test uses."""
    return f"{name} {next(_numbers)}"


def article(number: int, text: str = "Ana Dorvik met Petr Halm in Tessen.") -> Article:
    """An article of one sentence."""
    text = f"Report {number}. {text}"
    return Article(id=f"doc-{number}", text=text, title=f"Report {number}", text_sha256=sha256(text))


def marked(article: Article, by: str, names: Iterable[str] = ("Ana Dorvik", "Tessen")) -> Annotation:
    """A finished pass that marks each name's first occurrence."""
    spans = [(article.text.index(name), name) for name in names]
    mentions = tuple(
        Mention(id=f"m{i}", start=start, end=start + len(name), type="PERSON", text=name) for i, (start, name) in enumerate(spans)
    )
    entities = tuple(Entity(id=f"e{m.id}", mentions=(m.id or "",)) for m in mentions)
    bare = Annotation(
        id=article.id, by=by, text_sha256=article.text_sha256, mentions=mentions, entities=entities, relations=(), stances=()
    )
    return canonical(fill(bare, article), LABELS)


class Held(NamedTuple):
    """What a project holds."""

    tasks: Counter[str]
    """How many tasks each document has."""
    annotations: Counter[tuple[str, str]]
    """How many annotations each document has, by ``unique_id``."""
    predictions: Counter[tuple[str, str]]
    """How many predictions each document has, by model version."""


class Web:
    """Plain requests to a server, as its first or its second account."""

    def __init__(self, studio: Local, account: int = 0) -> None:
        self.url = studio.url
        self.headers = {"Authorization": f"Token {studio.accounts[account].token}"}

    def call(self, method: str, path: str, **options: Any) -> Any:
        # reading certificates would take longer than most answers
        answer = httpx.request(method, f"{self.url}{path}", headers=self.headers, timeout=120, verify=False, **options)
        assert answer.status_code < 300, answer.text[:500]
        return answer.json() if answer.content else None

    def project(self, title: str) -> int:
        """The id of the one project with a title."""
        rows = self.call("GET", "/api/projects", params={"title": title, "page_size": 100})["results"]
        (number,) = [row["id"] for row in rows if row["title"] == title]
        return number

    def export(self, title: str, project: int = 0) -> list[dict[str, Any]]:
        """All tasks of a project, with everything."""
        path = f"/api/projects/{project or self.project(title)}/export"
        return self.call("GET", path, params={"exportType": "JSON", "download_all_tasks": "true"})

    def held(self, title: str) -> Held:
        project = self.project(title)
        tasks = self.export(title, project)
        doc = {task["id"]: task["data"]["doc_id"] for task in tasks}
        predictions = self.call("GET", "/api/predictions", params={"project": project})
        return Held(
            Counter(doc.values()),
            Counter((task["data"]["doc_id"], row["unique_id"]) for task in tasks for row in task["annotations"]),
            Counter((doc[row["task"]], row["model_version"]) for row in predictions),
        )
