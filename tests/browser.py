"""A real browser on the real labelling screen: open, label by mouse, submit.

Offsets are code points of the task's text, as everywhere. The page shows each
line break as an element of its own, so a carriage return with a line feed is two.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from newsgold.annotation.local import Local

Point = tuple[float, float]

# The page's own text nodes and line breaks, and where a code point stands among them.
_PAGE = """
window.newsgold = {
  text() { return document.querySelector('.lsf-htx-richtext'); },
  // The screen is drawn more than once: it is ready when the same text with the same regions has stood for a moment.
  ready(task) {
    const text = this.text(), shown = window.Htx?.annotationStore?.selected;
    const drawn = text && shown && Htx.task?.id == task && document.querySelector('button[name=submit], button[name=update]');
    const state = drawn ? [text, shown, shown.regions.length, text.innerHTML.length] : [];
    const same = drawn && this.state?.every((value, place) => value === state[place]);
    if (!same) { this.state = drawn ? state : null; this.since = performance.now(); }
    return Boolean(same) && performance.now() - this.since > 400;
  },
  parts() {
    const walk = document.createTreeWalker(this.text(), NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    const parts = [];
    let at = 0;
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      if (node.nodeType !== Node.TEXT_NODE && node.tagName !== 'BR') continue;
      const size = node.nodeType === Node.TEXT_NODE ? [...node.data].length : 1;
      parts.push({node, at, size});
      at += size;
    }
    return parts;
  },
  place(point, ending) {
    for (const {node, at, size} of this.parts()) {
      if (node.tagName === 'BR' || point < at || point > at + size || point === (ending ? at : at + size)) continue;
      return {node, offset: [...node.data].slice(0, point - at).join('').length};
    }
    return null;
  },
  range(start, end) {
    const a = this.place(start, false), z = this.place(end, true);
    if (!a || !z) return null;
    const range = document.createRange();
    range.setStart(a.node, a.offset);
    range.setEnd(z.node, z.offset);
    return range;
  },
  scroll(start, end) {
    this.range(start, end).startContainer.parentElement.scrollIntoView({block: 'center'});
  },
  // Points of the screen beside one end of a span, those on its own character first.
  points(where, ending) {
    const {node, offset} = this.place(where, ending);
    const range = document.createRange();
    const points = [];
    for (const from of ending ? [offset - 1, offset, offset - 2] : [offset, offset - 1, offset + 1]) {
      if (from < 0 || from >= node.data.length) continue;
      range.setStart(node, from);
      range.setEnd(node, from + 1);
      for (const box of range.getClientRects()) {
        const edges = [box.left + 0.5, box.right - 0.5];
        if (ending) edges.reverse();
        for (const x of [...edges, box.left + box.width / 4, box.right - box.width / 4]) {
          points.push([x, box.top + box.height / 2]);
        }
      }
    }
    return points;
  },
  // The span of the newest region, as it would be saved.
  newest() {
    const {start, end} = Htx.annotationStore.selected.regions.at(-1).serialize().value;
    return [start, end];
  },
  middle(where) {
    const box = this.range(where, where + 1).getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  },
};
"""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium, or the reason to skip."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine; Debian's package chromium has it")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield chromium
        finally:
            chromium.close()


class Studio:
    """The labelling screen of a server, signed in to with one of its accounts."""

    def __init__(self, server: Local, chromium: Browser, *, account: int = 0, width: int = 1500, height: int = 900) -> None:
        self.url = server.url
        who = server.accounts[account]
        self.api = httpx.Client(base_url=server.url, headers={"Authorization": f"Token {who.token}"}, timeout=60)
        self.page: Page = chromium.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
        self.page.set_default_timeout(60_000)
        self.page.add_init_script(_PAGE)
        self.page.goto(f"{self.url}/user/login/")
        self.page.fill("input[name=email]", who.username)
        self.page.fill("input[name=password]", who.password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "/user/login" not in url)

    def close(self) -> None:
        """Sign off."""
        self.page.close()
        self.api.close()

    def project(self, title: str, config: bytes, tasks: list[Any]) -> tuple[int, list[int]]:
        """A new project with tasks: its id and theirs."""
        made = self.api.post("/api/projects/", json={"title": title, "label_config": config.decode()})
        assert made.status_code == 201, made.text
        project = made.json()["id"]
        loaded = self.api.post(f"/api/projects/{project}/import?return_task_ids=true", json=tasks)
        assert loaded.status_code == 201, loaded.text
        return project, loaded.json()["task_ids"]

    def export(self, project: int) -> bytes:
        """The project's export of type JSON."""
        answer = self.api.get(f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true")
        assert answer.status_code == 200, answer.text
        return answer.content

    def open(self, project: int, task: int) -> None:
        """Show a task, ready to be labelled."""
        self.page.goto(f"{self.url}/projects/{project}/data?task={task}")
        self.page.wait_for_function("task => newsgold.ready(task)", arg=str(task), polling=50)

    def mark(self, start: int, end: int, hotkey: str) -> None:
        """Label a span: its key, then a drag over it; as people do, undone and tried a bit beside if it took something else."""
        self.page.keyboard.press("Escape")
        self.page.wait_for_function("() => newsgold.text()", polling=50)  # gone for a moment while it is drawn anew
        self.page.evaluate("([start, end]) => newsgold.scroll(start, end)", [start, end])
        firsts, lasts = (
            self.page.evaluate("([where, ending]) => newsgold.points(where, ending)", [where, ending])
            for where, ending in ((start, False), (end, True))
        )
        before = self.regions()
        # The likely ends first; from right to left it is the other edge of both.
        for (_, first), (_, last) in sorted(
            product(enumerate(firsts), enumerate(lasts)), key=lambda pair: pair[0][0] + pair[1][0]
        ):
            if not self.page.locator(".lsf-label_selected").count():
                self.page.keyboard.press(hotkey)
            self._drag(first, last)
            try:
                self.page.wait_for_function(f"() => Htx.annotationStore.selected.regions.length > {before}", timeout=500)
            except TimeoutError:
                continue
            if self.page.evaluate("() => newsgold.newest()") == [start, end]:
                return
            self.page.keyboard.press("Control+z")
            self.page.wait_for_function(f"() => Htx.annotationStore.selected.regions.length === {before}", timeout=3000)
        raise AssertionError(f"no drag labels {start}–{end}")

    def _drag(self, first: Point, last: Point) -> None:
        mouse = self.page.mouse
        mouse.move(*first)
        mouse.down()
        mouse.move((first[0] + last[0]) / 2, (first[1] + last[1]) / 2)
        mouse.move(*last)
        mouse.up()

    def regions(self) -> int:
        """How many regions there are."""
        count: int = self.page.evaluate("() => Htx.annotationStore.selected.regions.length")
        return count

    def select(self, where: int) -> None:
        """Click the region over a code point, and no other stays selected."""
        self.page.keyboard.press("Escape")
        self.page.evaluate("where => newsgold.scroll(where, where + 1)", where)
        point = self.page.evaluate("where => newsgold.middle(where)", where)
        panel = self.page.locator(".newsgold-panel input:visible").first
        for _ in range(5):
            # The screen swallows the first click after some drags.
            self.page.mouse.click(*point)
            with contextlib.suppress(TimeoutError):
                return panel.wait_for(timeout=500)
        raise AssertionError(f"no region can be selected at {where}")

    def select_newest(self) -> None:
        """Click the last region of the list, which is the only way to the upper one of two on the same span."""
        self.page.keyboard.press("Escape")
        self.page.click("text=Regions")
        self.page.locator(".lsf-outliner-item__title").last.click()
        self.page.wait_for_selector(".newsgold-panel input:visible")

    def write(self, control: str, text: str) -> None:
        """Write into a field of the selected region."""
        field = self.page.locator(f"input[name={control}]")
        field.fill(text)
        field.press("Enter")

    def choose(self, value: str) -> None:
        """Tick a choice of the selected region."""
        self.page.locator(f"input[name='{value}']").check()

    def pick(self, shown: str) -> None:
        """Pick an entity among the candidates of the task."""
        self.page.click(".newsgold-panel [data-testid^=select-trigger]")
        self.page.click(f"[data-testid='select-option-{shown}']")

    def relate(self, head: int, tail: int, *names: str) -> None:
        """Draw an arrow between the regions over two code points, and give it labels."""
        self.select(head)
        self.page.keyboard.press("Alt+r")
        self.page.mouse.click(*self.page.evaluate("where => newsgold.middle(where)", tail))
        self.page.click("text=Relations")
        arrow = self.page.locator(".lsf-relations__item").last
        arrow.hover()
        arrow.get_by_label("Show Relation Labels").click()
        arrow.locator("[data-testid^=select-trigger]").click()
        for name in names:
            self.page.get_by_test_id(f"select-option-{name}").click()
        self.page.keyboard.press("Escape")

    def tick_and_untick(self, value: str) -> None:
        """Change the annotation and change it back."""
        box = self.page.locator(f"input[name='{value}']")
        box.check()
        box.uncheck()

    def submit(self) -> None:
        """Submit, or update what was submitted, and wait until the server has it."""
        saved = (201, 200)
        with self.page.expect_response(
            lambda r: "/annotations" in r.url and r.request.method in ("POST", "PATCH") and r.status in saved
        ):
            self.page.click("button[name=submit], button[name=update]")
