"""The pictures of the annotation room's README, taken of a real server and a real browser: ``make screenshots``.

python screenshots.py FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from browser import Studio, browser
from newsgold.annotation import local
from newsgold.annotation.by_document import annotations_at, articles_at
from newsgold.annotation.push import push
from newsgold.annotation.server import connect
from newsgold.corpus.labels import find_labels

REPO = Path(__file__).parent.parent
DOCUMENT = "damascus-declared-secure"
TITLE = "newsgold round 1"


def main(folder: Path) -> None:
    """Take every picture."""
    home = REPO / ".venv-label-studio"
    corpus = REPO / "corpus"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, local.running(Path(scratch) / "data", template=home / "template") as server:
        link = connect(server.url, server.token)
        articles, gold, labels = articles_at(corpus), annotations_at(corpus / "gold"), find_labels(None, corpus)
        project = push(link, articles, labels, project=TITLE, predictions=gold).projects[TITLE]
        push(link, articles, labels, project="newsgold round 2", annotators=["ann", "ben"])
        with browser() as chromium:
            screen = Studio(server, chromium, width=1360, height=760)
            take(screen, folder, project, task_of(screen, project))


def task_of(screen: Studio, project: int) -> int:
    """The task of the document that is shown."""
    tasks = screen.api.get("/api/tasks", params={"project": project, "page_size": 1000}).json()["tasks"]
    return next(task["id"] for task in tasks if task["data"]["doc_id"] == DOCUMENT)


def take(screen: Studio, folder: Path, project: int, task: int) -> None:
    """The screen with the article, a mention's panel, arrows with their labels, a stance's panel, the projects."""
    page = screen.page
    screen.open(project, task)
    text = screen.api.get(f"/api/tasks/{task}").json()["data"]["text"]

    def shot(name: str, **clip: float) -> None:
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"{name}.png", clip=clip or None, scale="css")

    screen.select(text.index("Damascus", 140))
    shot("labelling")
    page.click(".newsgold-panel [data-testid^=select-trigger]")
    shot("entity", x=725, y=48, width=635, height=560)
    page.keyboard.press("Escape")
    screen.select(text.index("Pro-"))
    shot("stance", x=240, y=90, width=1120, height=610)
    screen.page.keyboard.press("Escape")
    page.click("text=Relations")
    arrow = page.locator(".lsf-relations__item").nth(7)
    arrow.hover()
    arrow.get_by_label("Show Relation Labels").click()
    arrow.locator("[data-testid^=select-trigger]").click()
    shot("relations", x=1000, y=200, width=360, height=550)
    page.goto(f"{screen.url}/projects")
    page.wait_for_selector(f"text={TITLE}")
    shot("projects", x=0, y=0, width=1100, height=320)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
