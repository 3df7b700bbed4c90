"""Programs as systems: real ones, most of them badly behaved, and nothing left of any."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsgold.benchmark.systems import Opened, Options, SystemFailure, open_system
from newsgold.corpus.labels import find_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are contained by what Linux offers")

ARTICLE = Article(id="a", text="Tessen fell. 🌍")
HEAD = """
import json, os, signal, subprocess, sys, threading, time
def answer(article):
    print(json.dumps({"id": article["id"], "mentions": []}), flush=True)
def articles():
    for line in sys.stdin:
        yield json.loads(line)
"""
Start = Callable[..., Opened]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Opens a program of this text; all are ended with the test."""
    opened: list[Opened] = []

    def make(text: str, *, timeout: float = 20.0, **options: object) -> Opened:
        script = tmp_path / f"my system {len(opened)}.py"
        script.write_text(HEAD + text)
        name = f"cmd:{shlex.quote(sys.executable)} -I {shlex.quote(str(script))} {shlex.quote(str(tmp_path))}"
        opened.append(open_system(name, Options(timeout=timeout, **options), find_labels()))  # type: ignore[arg-type]  # given by name
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def failure(opened: Opened, article: Article = ARTICLE) -> SystemFailure:
    with pytest.raises(SystemFailure) as caught:
        opened.answer(article)
    assert str(caught.value).isprintable()
    return caught.value


def gone(path: Path, *, seconds: float = 10.0) -> bool:
    """Whether the processes whose ids a file holds, at least one, have all ended."""
    pids = [int(line) for line in path.read_text().split()]
    assert pids
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(runs(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_a_program_is_started_once_and_asked_line_by_line(start: Start):
    opened = start(
        "for a in articles():\n    print(json.dumps({'id': a['id'], 'by': f'{os.getpid()} {a[\"text\"]}'}), flush=True)\n"
    )
    said = []
    for n in range(3):
        found = opened.answer(Article(id=f"d{n}", text="🌍\n" * 100_000)).annotation
        assert isinstance(found, Annotation)
        assert found.id == f"d{n}"
        said.append(found.by)
    assert len(set(said)) == 1
    assert opened.version.startswith("sha256-")
    assert opened.configuration["command"][0] == sys.executable


def test_several_are_asked_at_once(start: Start, tmp_path: Path):
    opened = start(
        "for a in articles():\n    time.sleep(0.05)\n    open(sys.argv[1] + f'/{os.getpid()}.pid', 'w')\n    answer(a)\n",
        concurrency=3,
    )
    assert opened.concurrency == 3
    articles = [Article(id=f"d{n}", text="x") for n in range(12)]
    with ThreadPoolExecutor(3) as threads:
        found = [answer.annotation for answer in threads.map(opened.answer, articles)]
    assert found == [Annotation(id=a.id, mentions=()) for a in articles]
    assert 1 < len(list(tmp_path.glob("*.pid"))) <= 3


def test_a_program_may_end_after_each_answer(start: Start):
    opened = start("answer(next(articles()))\n")
    assert [opened.answer(Article(id=name, text="x")).annotation for name in "abc"] == [
        Annotation(id=name, mentions=()) for name in "abc"
    ]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("sys.exit(3)", "crashed", "exit code 3"),
        ("sys.stderr.write('\\x1b[31mno model\\u202e\\n' * 10_000); sys.exit(1)", "crashed", "no model\\u202e"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "signal 11"),
        ("next(articles()); os.close(1); time.sleep(60)", "crashed", "closed its output"),
        ("print('Loading the model ...', flush=True); time.sleep(60)", "not_json", "Loading the model"),
        ('[print(\'{"id": "b"}\', flush=True) for a in articles()]', "mismatched", "'b'"),
        ("[print('[]', flush=True) for a in articles()]", "mismatched", "None"),
        ("os.write(2, b'x' * 9_000_000); time.sleep(60)", "timeout", "no answer within"),
        ("[os.write(1, b'x' * 65536) for _ in iter(int, 1)]", "too_large", "more than"),
        ("[os.write(2, b'x' * 65536) for _ in iter(int, 1)]", "timeout", "no answer within"),
        (
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)\nwhile True: pass",
            "timeout",
            "",
        ),
        ("x = []\nwhile True: x.append(b'x' * 10_000_000)", "memory", "more memory"),
        ("x = b'x' * (1 << 40)", "crashed", "MemoryError"),
        ("x = [subprocess.Popen(['sleep', '60']) for _ in range(300)]; time.sleep(60)", "processes", "too many"),
    ],
)
def test_a_program_that_fails_is_one_documents_failure_with_its_name(start: Start, text: str, kind: str, said: str):
    opened = start(
        f"open(sys.argv[1] + '/pid', 'a').write(f'{{os.getpid()}}\\n')\n"
        f"if os.path.exists(sys.argv[1] + '/well'):\n    sys.exit([answer(a) for a in articles()])\n{text}\n",
        timeout=1.0 if kind == "timeout" else 20.0,
        memory=200_000_000,
        max_bytes=1_000_000,
    )
    folder = Path(opened.configuration["command"][-1])
    failed = failure(opened)
    assert failed.kind == kind
    assert said in str(failed)
    assert gone(folder / "pid")
    (folder / "well").touch()
    assert opened.answer(ARTICLE).annotation == Annotation(id="a", mentions=())


ESCAPEES = """
def note(): open(sys.argv[1] + '/pids', 'a').write(f'{os.getpid()}\\n')
note()
for escape in (lambda: None, os.setsid):
    if os.fork() == 0:
        escape()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            note()
            time.sleep(600)
        note()
        if escape is os.setsid: os._exit(0)   # its child is an orphan from now on
        time.sleep(600)
while len(open(sys.argv[1] + '/pids').read().split()) < 5: time.sleep(0.01)
"""


def test_no_descendant_outlives_the_deadline_whatever_session_it_is_in(start: Start, tmp_path: Path):
    opened = start(ESCAPEES + "time.sleep(600)", timeout=1.0)
    assert failure(opened).kind == "timeout"
    assert len((tmp_path / "pids").read_text().split()) == 5
    assert gone(tmp_path / "pids", seconds=2.0)


def test_no_descendant_outlives_the_run(start: Start, tmp_path: Path):
    opened = start(ESCAPEES + "for a in articles(): answer(a)\ntime.sleep(600)")
    opened.answer(ARTICLE)
    before = time.monotonic()
    opened.close()
    assert time.monotonic() - before < 8
    assert gone(tmp_path / "pids", seconds=1.0)
    assert failure(opened).kind == "closed"


def test_no_descendant_outlives_newsgold_killed(tmp_path: Path):
    script = tmp_path / "s.py"
    script.write_text(HEAD + ESCAPEES + "for a in articles(): answer(a)\ntime.sleep(600)")
    run = (
        "import sys, time\nfrom newsgold.benchmark.systems import *\nfrom newsgold.corpus.model import Article\n"
        "opened = open_system(sys.argv[1], Options(), None)\nopened.answer(Article(id='a', text='x'))\n"
        "print('asked', flush=True)\n"
        "time.sleep(600)\n"
    )
    name = f"cmd:{sys.executable} {script} {tmp_path}"
    with subprocess.Popen([sys.executable, "-c", run, name], stdout=subprocess.PIPE, text=True) as newsgold:
        assert newsgold.stdout is not None
        assert newsgold.stdout.readline() == "asked\n"
        newsgold.send_signal(signal.SIGKILL)
    assert gone(tmp_path / "pids")


def test_a_second_line_for_one_article_is_not_taken_for_the_next(start: Start):
    opened = start("for a in articles():\n    answer(a); answer(a)\n    open(sys.argv[1] + '/said', 'w')\n")
    opened.answer(ARTICLE)
    while not (Path(opened.configuration["command"][-1]) / "said").exists():
        time.sleep(0.01)
    assert failure(opened, Article(id="b", text="x")).kind == "protocol"
    assert opened.answer(ARTICLE).annotation == Annotation(id="a", mentions=())


def test_what_is_being_asked_fails_when_the_run_is_ended(start: Start):
    opened = start("time.sleep(600)")
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(opened.answer, ARTICLE)
        time.sleep(0.3)
        opened.close()
        with pytest.raises(SystemFailure, match="ended"):
            asked.result(10)


def works() -> bool:
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not works(), reason="bubblewrap is not installed, or may not make namespaces here")
def test_in_the_sandbox_a_program_has_no_network_no_secrets_and_nothing_to_write(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    text = """
import socket
def can(what):
    try: what()
    except OSError: return False
    return True
can_do = {
    'write here': can(lambda: open(sys.argv[1] + '/made', 'w')),
    'write home': can(lambda: open('/made', 'w')),
    'reach the network': can(lambda: socket.create_connection(('127.0.0.1', int(os.environ.get('PORT', 9))), 1)),
    'see processes': len([n for n in os.listdir('/proc') if n.isdecimal()]) > 5,
    'see the key': 'OPENAI_API_KEY' in os.environ,
    'write in /tmp': can(lambda: open('/tmp/made', 'w')),
}
os.setsid() if os.fork() == 0 else None
for a in articles(): print(json.dumps({'id': a['id'], 'by': ', '.join(k for k, v in can_do.items() if v)}), flush=True)
"""
    opened = start(text, sandbox=True)
    found = opened.answer(ARTICLE).annotation
    assert isinstance(found, Annotation)
    assert found.by == "write in /tmp"
    assert not (tmp_path / "made").exists()
    assert (opened.configuration["sandbox"], opened.notes) == (True, ())


def test_where_there_is_no_sandbox_it_is_said(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for installed in (False, True):
        if installed:
            (tmp_path / "bin" / "bwrap").write_text("#!/bin/sh\nexit 1\n")
            os.chmod(tmp_path / "bin" / "bwrap", 0o755)
        opened = start("[answer(a) for a in articles()]", sandbox=True)
        assert "no sandbox" in opened.notes[0]
        assert opened.configuration["sandbox"] is False
        assert opened.answer(ARTICLE).annotation == Annotation(id="a", mentions=())


def test_a_changed_script_is_another_version(start: Start):
    first, second = start("1"), start("2")
    assert first.version != second.version


@pytest.mark.parametrize("command", ["no-such-program x", "'unclosed", " ", "/dev/null", "no\x1bway"])
def test_what_is_no_program_is_a_usage_error(command: str):
    with pytest.raises(UsageError) as caught:
        open_system(f"cmd:{command}", Options(), find_labels())
    assert str(caught.value).isprintable()


SECRET = "s3cr3t-of-mine"


@pytest.mark.parametrize(
    "arguments",
    [
        f"--api-key {SECRET}",
        f"--api-key={SECRET}",
        f"--no-auth --token {SECRET}",
        f"API_KEY={SECRET}",
        f"http://a/?key={SECRET}",
        f"'run --token {SECRET}'",
    ],
)
def test_arguments_that_are_secrets_are_recorded_by_their_digest(arguments: str):
    command = f"{shlex.quote(sys.executable)} -V {arguments}"
    known = [open_system(f"cmd:{c}", Options(), find_labels()) for c in (command, command.replace(SECRET, "other"))]
    assert SECRET not in repr(known[0][:3])
    assert known[0].configuration["command"][:2] == [sys.executable, "-V"]
    assert known[0].configuration != known[1].configuration


def test_arguments_that_are_no_secrets_are_recorded_as_they_are():
    opened = open_system(f"cmd:{shlex.quote(sys.executable)} --max-tokens 5 --author=me x", Options(), find_labels())
    assert opened.configuration["command"] == [sys.executable, "--max-tokens", "5", "--author=me", "x"]


def test_only_regular_files_make_the_version(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    program, pipe = shlex.quote(sys.executable), shlex.quote(str(tmp_path / "pipe"))
    with_others = open_system(f"cmd:{program} {pipe} /dev/zero {shlex.quote(str(tmp_path))}", Options(), find_labels())
    assert with_others.version == open_system(f"cmd:{program}", Options(), find_labels()).version != "unknown"


def test_in_the_sandbox_a_program_beside_its_interpreter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In a folder under /tmp, as a clone may lie there, with the interpreter as a link in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "python").symlink_to(Path(sys.executable).resolve())  # which need not lie under /tmp, unlike a link to it
    (tmp_path / "said.py").write_text('import sys\nfor _ in sys.stdin: print(\'{"id": "a"}\', flush=True)\n')
    opened = open_system(f"cmd:{tmp_path}/python {tmp_path}/said.py", Options(sandbox=True), find_labels())
    try:
        assert (opened.configuration["sandbox"], opened.notes) == (True, ())
        assert opened.answer(ARTICLE).annotation == Annotation(id="a")
    finally:
        opened.close()
