"""Language models as systems: a real server that speaks chat completions, with answers from a script."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from chat_server import Reply, Scripted, completion, error
from newsgold.benchmark.systems import Opened, Options, SystemFailure, open_system, server
from newsgold.benchmark.systems.grounding import Said
from newsgold.benchmark.systems.language_model import answer_schema, instructions
from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.validate import check_annotation
from newsgold.errors import UsageError, has_errors

pytest.importorskip("openai", reason="the extra llm is not installed")

ARTICLE = Article(id="a", text='Ada Tessen left Tessen. "Tessen is doomed," she said. 🌍', text_sha256="ab" * 32)
GOOD: dict[str, Any] = {
    "mentions": [
        {"text": "Ada Tessen", "occurrence": 1, "type": "PERSON", "kind": "NAM", "cluster": "ada"},
        {"text": "she", "occurrence": 1, "type": "PERSON", "kind": "PRO", "cluster": "ada"},
        {"text": "Tessen", "occurrence": 3, "type": "GPE", "kind": "NAM", "cluster": "town"},
        {"text": "Tessen", "occurrence": 2, "type": "GPE", "kind": "NAM", "cluster": "town"},
    ],
    "relations": [{"type": "present_in", "head": "ada", "tail": "town", "factuality": "denied"}],
    "stances": [
        {
            "holder": "ada",
            "target": "town",
            "polarity": "against",
            "basis": "explicit",
            "text": "Tessen is doomed",
            "occurrence": 1,
        }
    ],
}


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr(server, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    made = Scripted()
    made.replies = [completion(json.dumps(GOOD))]
    yield made
    made.close()


@pytest.fixture(scope="module")
def labels() -> Labels:
    return find_labels()


def opened(scripted: Scripted, labels: Labels, *, configuration: dict[str, str] | None = None, **options: Any) -> Opened:
    given = {"base_url": scripted.url, **(configuration or {})}
    return open_system("llm:Big/Model-9", Options(**{"timeout": 5.0, "retries": 2, **options}, configuration=given), labels)


def failure(system: Opened) -> SystemFailure:
    with pytest.raises(SystemFailure) as caught:
        system.answer(ARTICLE)
    system.close()
    assert str(caught.value).isprintable()
    assert "sk-secret" not in str(caught.value)
    return caught.value


def test_strings_become_an_annotation_that_holds(scripted: Scripted, labels: Labels):
    system = opened(scripted, labels)
    answer = system.answer(ARTICLE)
    found = answer.annotation
    assert isinstance(found, Annotation)
    text = ARTICLE.text
    assert [(m.start, text[m.start : m.end], m.kind) for m in found.mentions or ()] == [
        (0, "Ada Tessen", "NAM"),
        (16, "Tessen", "NAM"),
        (25, "Tessen", "NAM"),
        (44, "she", "PRO"),
    ]
    assert [e.mentions for e in found.entities or ()] == [("m1", "m4"), ("m2", "m3")]
    assert [(r.type, r.head, r.tail, r.factuality) for r in found.relations or ()] == [("present_in", "e1", "e2", "denied")]
    assert [(s.holder, s.target, text[s.start : s.end]) for s in found.stances or ()] == [("e1", "e2", "Tessen is doomed")]
    assert (answer.ungrounded, answer.attempts) == (0, 1)
    assert answer.usage == {"input_tokens": 1_000, "output_tokens": 100}
    assert not has_errors(check_annotation(Record(found, "", 1), labels, "prediction", article=ARTICLE))
    system.close()


def test_what_is_asked_and_what_is_recorded(scripted: Scripted, labels: Labels):
    system = opened(scripted, labels, configuration={"temperature": "0", "max_output_tokens": "500"})
    system.answer(ARTICLE)
    (asked,), (head,) = scripted.asked, scripted.heads
    assert (head["path"], head["authorization"]) == ("/v1/chat/completions", "Bearer sk-secret")
    assert (asked["model"], asked["temperature"], asked["max_completion_tokens"]) == ("Big/Model-9", 0, 500)
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["response_format"]["json_schema"]["schema"] == answer_schema(labels)
    assert [m["content"] for m in asked["messages"]] == [instructions(labels), ARTICLE.text]
    assert system.name == "big-model-9"
    assert system.configuration == {
        "model": "Big/Model-9",
        "base_url": scripted.url,
        "temperature": 0.0,
        "max_completion_tokens": 500,
    }
    assert instructions(labels) in system.prompt
    assert "sk-secret" not in repr(system)
    system.close()


def test_what_stands_nowhere_is_counted(scripted: Scripted, labels: Labels):
    said = json.loads(json.dumps(GOOD))
    said["mentions"][0]["text"] = "Ada  Tessen"
    said["mentions"][2]["occurrence"] = 9
    said["stances"][0]["text"] = "Tessen is lost"
    scripted.replies = [completion(json.dumps(said))]
    system = opened(scripted, labels)
    answer = system.answer(ARTICLE)
    assert isinstance(answer.annotation, Annotation)
    assert [m.text for m in answer.annotation.mentions or ()] == ["Tessen", "she"]
    assert len(answer.annotation.relations or ()) == len(answer.annotation.stances or ()) == 1
    assert answer.ungrounded == 3
    system.close()


def test_tokens_have_the_price_of_the_list(scripted: Scripted, labels: Labels):
    system = opened(scripted, labels, configuration={"input_price": "2.5", "output_price": "10"})
    assert system.answer(ARTICLE).usage["cost"] == pytest.approx(1_000 * 2.5e-6 + 100 * 10e-6)
    system.close()


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (completion(None, refusal="I will not\x1b[31m"), "refused", r"I will not\x1b"),
        (completion(None, finish="content_filter"), "refused", "filter"),
        (completion('{"mentions": [', finish="length"), "truncated", "max_output_tokens"),
        (completion("Sure! Here is the JSON: {}"), "not_json", "Sure!"),
        (completion(""), "not_json", ""),
        (completion(None), "not_json", ""),
        (completion("{}"), "not_json", "mentions"),
        (completion('{"mentions": [{"text": 1}]}'), "not_json", ""),
        (completion("[" * 100_000), "not_json", ""),
        ((200, {"content-type": "text/html"}, b"<html>Log in</html>"), "not_json", "Log in"),
        ((200, {"content-type": "application/json"}, b'{"choices": []}'), "not_json", ""),
        ((200, {"content-type": "application/json"}, b'{"choices": null}'), "not_json", ""),
        ((200, {"content-type": "application/json", "content-encoding": "gzip"}, b"\x1f\x8b"), "encoded", "gzip"),
        ((200, {"content-type": "application/json"}, b" " * 2_000_000), "too_large", "1,000,000"),
        (error(401, "Incorrect API key provided: sk-secret."), "status", "401"),
        (error(400, "no such model"), "status", "no such model"),
        ((307, {"location": "http://elsewhere.invalid/"}, b""), "redirect", "elsewhere"),
    ],
)
def test_what_will_not_pass_is_a_failure_with_its_name(scripted: Scripted, labels: Labels, reply: Reply, kind: str, said: str):
    scripted.replies = [reply]
    failed = failure(opened(scripted, labels, max_bytes=1_000_000))
    assert (failed.kind, failed.retryable, failed.attempts, len(scripted.asked)) == (kind, False, 1, 1)
    assert said in str(failed)
    if b"completion_tokens" in reply[2]:
        assert failed.usage["output_tokens"] == 100


def counted(usage: str) -> Reply:
    """A completion that holds, and says this of what it used."""
    said = json.loads(completion(json.dumps(GOOD))[2])
    del said["usage"]
    return 200, {"content-type": "application/json"}, json.dumps(said).encode()[:-1] + b', "usage": ' + usage.encode() + b"}"


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ('{"prompt_tokens": 3, "completion_tokens": 2.5}', {"input_tokens": 3, "output_tokens": 2.5, "cost": 5.5e-6}),
        ('{"prompt_tokens": 3}', {"input_tokens": 3}),
        ('{"prompt_tokens": "3", "completion_tokens": null}', {}),
        ('{"prompt_tokens": true, "completion_tokens": -1}', {}),
        ('{"prompt_tokens": 1e999, "completion_tokens": 2}', {}),
        (f'{{"prompt_tokens": {10**400}, "completion_tokens": {2**63}}}', {}),
        ("null", {}),
        ("[1]", {}),
        ('"many"', {}),
    ],
)
def test_what_a_server_counts_never_costs_the_answer(scripted: Scripted, labels: Labels, usage: str, found: dict[str, float]):
    scripted.replies = [counted(usage)]
    system = opened(scripted, labels, configuration={"input_price": "1", "output_price": "1"})
    answer = system.answer(ARTICLE)
    assert isinstance(answer.annotation, Annotation)
    assert answer.usage == pytest.approx(found)
    system.close()


@pytest.mark.parametrize(
    "reply",
    [
        completion("sk-secret is the key"),
        completion(None, refusal="not for sk-secret"),
        (200, {"content-type": "text/html"}, b"<p>sk-secret</p>"),
        error(400, "x" * 170 + "sk-secret"),
    ],
)
def test_a_key_that_a_server_repeats_is_in_no_message(scripted: Scripted, labels: Labels, reply: Reply):
    scripted.replies = [reply]
    assert "sk-s" not in str(failure(opened(scripted, labels)))


def test_a_key_that_a_server_repeats_is_in_no_answer(scripted: Scripted, labels: Labels):
    said = json.loads(json.dumps(GOOD))
    said["mentions"][0]["cluster"] = said["relations"][0]["head"] = "sk-secret"
    scripted.replies = [completion(json.dumps(said))]
    system = opened(scripted, labels, configuration={"base_url": f"{scripted.url}?code=in-the-query"})
    answer = system.answer(ARTICLE)
    assert "sk-secret" not in repr(answer)
    assert "in-the-query" not in repr(system)
    system.close()


@pytest.mark.parametrize("reply", [error(429, "slow down", **{"retry-after": "0"}), error(500, "oh"), error(503, "busy")])
def test_what_may_pass_is_followed_by_another_attempt(scripted: Scripted, labels: Labels, reply: Reply):
    scripted.replies = [reply, reply, completion(json.dumps(GOOD))]
    system = opened(scripted, labels)
    assert system.answer(ARTICLE).attempts == 3
    scripted.asked.clear()
    scripted.replies = [reply]
    failed = failure(system)
    assert (failed.kind, failed.attempts, len(scripted.asked)) == ("status", 3, 3)


def test_the_deadline_is_one_of_wall_clock(scripted: Scripted, labels: Labels):
    scripted.drip = 0.05
    assert failure(opened(scripted, labels, timeout=0.5)).kind == "timeout"


def test_nobody_listens(scripted: Scripted, labels: Labels):
    assert failure(opened(scripted, labels, configuration={"base_url": "http://127.0.0.1:9/v1"})).kind == "unreachable"


def test_several_are_asked_at_once(scripted: Scripted, labels: Labels):
    system = opened(scripted, labels)
    assert system.concurrency == 4
    with ThreadPoolExecutor(4) as threads:
        assert len({a.raw for a in threads.map(system.answer, [ARTICLE] * 12)}) == 1
    system.close()
    system.close()
    assert failure(system).kind == "closed"


def test_the_key_comes_from_the_environment_and_a_server_of_ones_own_needs_none(
    scripted: Scripted, labels: Labels, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_BASE_URL", scripted.url)
    system = open_system("llm:m", Options(), labels)
    system.answer(ARTICLE)
    assert scripted.heads[0]["path"] == "/v1/chat/completions"
    system.close()
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        open_system("llm:m", Options(), labels)
    monkeypatch.setenv("OPENAI_API_KEY", "line\nbreak")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        open_system("llm:m", Options(), labels)


@pytest.mark.parametrize(
    "given",
    [{"input_price": "much"}, {"output_price": "-1"}, {"temperature": "nan"}, {"base_url": "http://me:secret@a/"}, {"zap": "1"}],
)
def test_an_option_that_cannot_be_is_a_usage_error(scripted: Scripted, labels: Labels, given: dict[str, str]):
    with pytest.raises(UsageError) as caught:
        opened(scripted, labels, configuration=given)
    assert "secret" not in str(caught.value)


def test_the_schema_holds_answers_to_the_inventory_and_every_field_is_required(labels: Labels):
    schema = answer_schema(labels)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(GOOD, schema)
    msgspec.convert(GOOD, Said)
    for place, value in ((("mentions", "type"), "CITY"), (("relations", "type"), "near"), (("stances", "polarity"), "meh")):
        bad = json.loads(json.dumps(GOOD))
        bad[place[0]][0][place[1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)

    def strict(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("type") == "object":
                assert part["additionalProperties"] is False
                assert part["required"] == list(part["properties"])
            for each in part.values():
                strict(each)

    strict(schema)


def test_layers_that_an_inventory_lacks_are_not_asked_for(labels: Labels):
    plain = msgspec.structs.replace(labels, relations={}, polarities={})
    assert list(answer_schema(plain)["properties"]) == ["mentions"]
    assert "stance" not in instructions(plain)
    assert "relation" not in instructions(plain)
    bare = msgspec.structs.replace(labels, factualities={}, bases={})
    assert answer_schema(bare)["properties"]["relations"]["items"]["properties"]["factuality"]["enum"] == ["asserted"]


def test_the_prompt_defines_every_label(labels: Labels):
    prompt = instructions(labels)
    for section in (labels.types, labels.kinds, labels.relations, labels.factualities, labels.polarities, labels.bases):
        for name, label in section.items():
            assert f"- {name}" in prompt
            assert label.definition in prompt


def test_without_the_extra_its_name_is_told(labels: Labels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "openai.py").write_text("raise ImportError('not here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n == "openai" or n.startswith("openai.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match=r"newsgold\[llm\]"):
        open_system("llm:m", Options(), labels)
