"""The invented country is consistent: its page, its knowledge base, the calendar of weekdays, and the articles set in it."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from newsgold.corpus.labels import load_labels
from newsgold.corpus.store import read_annotations, read_articles

ID = re.compile(r"`(kb-[a-z0-9-]+)`")
MONTHS = {name: n for n, name in enumerate(("April", "May", "October"), 4)} | {"October": 10}


class Event(NamedTuple):
    number: str
    day: datetime.date
    weekday: str
    name: str
    split: str
    cast: frozenset[str]


@pytest.fixture(scope="module")
def page(corpus: Path) -> str:
    return (corpus / "world.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def kb(corpus: Path) -> dict[str, dict[str, Any]]:
    lines = (corpus / "kb.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["id"]: entry for entry in map(json.loads, lines)}


@pytest.fixture(scope="module")
def events(page: str) -> dict[str, Event]:
    rows = re.findall(r"^\| (EV-\d+) \| (\w{3}) (\S+) \| `([^`]+)` \| (\w+) \| (.+)$", page, re.MULTILINE)
    made = [
        Event(n, datetime.date.fromisoformat(d), w, name, split, frozenset(ID.findall(rest)))
        for n, w, d, name, split, rest in rows
    ]
    return {event.name: event for event in made}


def sections(page: str) -> dict[str, str]:
    """What section 7 says of each pilot event."""
    return dict(re.findall(r"^### EV-\d+ `([^`]+)`\n(.*?)(?=^### |\Z)", page, re.DOTALL | re.MULTILINE))


def test_the_knowledge_base_is_sound(corpus: Path, kb: dict[str, dict[str, Any]]) -> None:
    types = load_labels(corpus / "labels.toml").types
    assert len(kb) >= 150
    assert list(kb) == sorted(kb)
    for name, entry in kb.items():
        assert set(entry) <= {"id", "name", "type", "aliases", "description"}, name
        assert entry["type"] in types, name
        assert entry["description"].endswith("."), name
        assert len({entry["name"], *entry.get("aliases", ())}) == 1 + len(entry.get("aliases", ())), name


def test_every_id_of_the_page_exists(page: str, kb: dict[str, dict[str, Any]]) -> None:
    assert sorted(set(ID.findall(page)) - set(kb)) == []


def test_the_calendar(events: dict[str, Event], page: str) -> None:
    assert len(events) >= 24
    days = [event.day for event in events.values()]
    assert days == sorted(days)
    assert [e.number for e in events.values() if e.day.strftime("%a") != e.weekday] == []
    assert all(e.split in ("train", "validation", "test") and len(e.cast) >= 2 for e in events.values())
    assert {events[name].split for name in sections(page)} == {"train", "validation", "test"}


def test_days_of_the_week_in_the_prose(events: dict[str, Event], page: str) -> None:
    wrong = []
    for name, text in sections(page).items():
        for weekday, day, month in re.findall(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* (\d+) (April|May|October)\b", text):
            date = datetime.date(events[name].day.year, MONTHS[month], int(day))
            if date.strftime("%a") != weekday:
                wrong.append(f"{name}: {weekday} {date}")
    assert wrong == []


def test_offices(page: str) -> None:
    rows = re.findall(r"^\| `(kb-[^`]+)` \| (.+?) \| (\d{4}-\d\d-\d\d) \| (\d{4}-\d\d-\d\d)? ?\|$", page, re.MULTILINE)
    assert len(rows) > 25
    assert [who for who, _, begin, end in rows if end and end <= begin] == []
    assert len({(who, office) for who, office, *_ in rows}) == len(rows)


def test_articles_report_events_of_the_calendar(corpus: Path, events: dict[str, Event]) -> None:
    written = [r.value for r in read_articles(corpus).records if r.value.origin == "written"]
    assert written
    for article in written:
        assert article.event in events, article.id
        event = events[article.event]
        assert article.split == event.split, article.id
        late = datetime.date.fromisoformat(article.published or "") - event.day
        assert datetime.timedelta() <= late <= datetime.timedelta(days=7), article.id


def test_people_appear_where_the_calendar_has_them(
    corpus: Path, page: str, events: dict[str, Event], kb: dict[str, dict[str, Any]]
) -> None:
    """Everybody who is linked in an article belongs to its event: by the calendar's cast, or by name in what is told of it."""
    told = sections(page)
    strangers = []
    for record in read_annotations(corpus).records:
        gold = record.value
        if gold.event not in events:
            continue
        for link in {e.link for e in gold.entities or () if e.link in kb}:
            entry = kb[link]
            names = (entry["name"], *entry.get("aliases", ()))
            if (
                entry["type"] == "PERSON"
                and link not in events[gold.event].cast
                and not any(n in told[gold.event] for n in names)
            ):
                strangers.append(f"{gold.id}: {link}")
    assert sorted(strangers) == []
