"""The cache of a run: what is kept stays, what cannot be used is named and left alone."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.run_cache import VERSION, Kept, document_key, open_cache, system_key
from newsgold.corpus.codec import sha256
from newsgold.corpus.model import Article
from newsgold.errors import FileFault

KEY = b"k" * 32
ANSWER = Kept(answer=b'{"id":"a"}', seconds=1.5, attempts=2, ungrounded=3, usage={"cost": 0.25}, raw=b"raw")
FAILURE = Kept(failure="timeout", said="no answer in 2 s", attempts=4)


def test_what_is_kept_is_there_afterwards(tmp_path: Path):
    path = tmp_path / "new" / "c.sqlite"
    with open_cache(path) as cache:
        assert cache.look_up(KEY) is None
        cache.keep(KEY, "a", ANSWER)
        cache.keep(b"f" * 32, "b", FAILURE)
    with open_cache(path) as cache:
        assert cache.look_up(KEY) == msgspec.structs.replace(ANSWER, raw=None)
        assert cache.look_up(b"f" * 32) == FAILURE
    assert [p.name for p in path.parent.iterdir()] == ["c.sqlite"]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT raw FROM documents WHERE id = 'a'").fetchone() == (b"raw",)
    connection.close()


def test_an_answer_replaces_a_failure_and_a_failure_no_answer(tmp_path: Path):
    with open_cache(tmp_path / "c") as cache:
        cache.keep(KEY, "a", FAILURE)
        cache.keep(KEY, "a", ANSWER)
        cache.keep(KEY, "a", FAILURE)
        assert cache.look_up(KEY) == msgspec.structs.replace(ANSWER, raw=None)
        other = msgspec.structs.replace(ANSWER, answer=b"other", raw=None)
        cache.keep(KEY, "a", other)
        assert cache.look_up(KEY) == other


def test_an_answer_and_a_failure_at_once_are_refused(tmp_path: Path):
    with open_cache(tmp_path / "c") as cache:
        for both in (Kept(), Kept(answer=b"x", failure="y")):
            with pytest.raises(FileFault):
                cache.keep(KEY, "a", both)
        assert cache.look_up(KEY) is None


def test_a_second_run_is_told_who_holds_the_cache(tmp_path: Path):
    path = tmp_path / "c"
    code = (
        "import sys; from pathlib import Path; from newsgold.benchmark.run_cache import open_cache\n"
        "with open_cache(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(FileFault, match=rf"another run .*process {holder.pid} since 20\d\d-.*UTC"), open_cache(path):
            pass
        with open_cache(tmp_path / "other"):
            pass
        holder.kill()
    finally:
        holder.kill()
        holder.communicate()
    with open_cache(path) as cache:
        assert cache.look_up(KEY) is None
    assert not (tmp_path / "c.lock").exists()


@pytest.mark.parametrize("data", [b"my notes\n", b"SQLite format 3\0" + b"\7" * 200])
def test_a_file_that_is_no_cache_is_left_as_it_is(tmp_path: Path, data: bytes):
    path = tmp_path / "c"
    path.write_bytes(data)
    with pytest.raises(FileFault, match=r"no cache.*left as it is"), open_cache(path):
        pass
    assert path.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "c"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(FileFault, match="database of something else"), open_cache(path):
        pass
    assert path.read_bytes() == before


def test_a_cache_of_another_version_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "c"
    with open_cache(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(FileFault, match=f"version {VERSION + 1}.* reads version {VERSION}"), open_cache(path):
        pass
    assert path.read_bytes() == before


def test_an_answer_that_has_changed_on_the_disk_is_named(tmp_path: Path):
    path = tmp_path / "c"
    with open_cache(path) as cache:
        cache.keep(KEY, "a", ANSWER)
    data = path.read_bytes()
    assert data.count(b'{"id":"a"}') == 1
    path.write_bytes(data.replace(b'{"id":"a"}', b'{"id":"b"}'))
    with open_cache(path) as cache, pytest.raises(FileFault, match="has changed"):
        cache.look_up(KEY)


def test_pages_that_have_changed_on_the_disk_are_named(tmp_path: Path):
    path = tmp_path / "c"
    with open_cache(path) as cache:
        for i in range(200):
            cache.keep(i.to_bytes(32, "big"), str(i), msgspec.structs.replace(ANSWER, answer=b"x" * 2000))
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with open_cache(path) as cache, pytest.raises(FileFault, match="damaged"):
        cache.look_up((0).to_bytes(32, "big"))


def test_columns_that_are_no_such_thing_are_damage(tmp_path: Path):
    for column, value in (("usage", "{"), ("usage", '{"a": null}'), ("usage", b"\xff"), ("seconds", "x"), ("answer", "text")):
        path = tmp_path / f"{column}{value!r}"[:12]
        with open_cache(path) as cache:
            cache.keep(KEY, "a", ANSWER)
        connection = sqlite3.connect(path)
        connection.execute(f"UPDATE documents SET {column} = ?", (value,))
        connection.commit()
        connection.close()
        with open_cache(path) as cache, pytest.raises(FileFault, match="damaged"):
            cache.look_up(KEY)


def test_a_cache_under_another_name_is_the_same_cache(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "real" / "c")
    with open_cache(tmp_path / "link") as cache:
        cache.keep(KEY, "a", ANSWER)
        with pytest.raises(FileFault, match="another run"), open_cache(tmp_path / "real" / "c"):
            pass
    with open_cache(tmp_path / "real" / "c") as cache:
        assert cache.look_up(KEY) is not None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(FileFault), open_cache(tmp_path / "round"):
        pass


def test_what_an_attempt_in_vain_cost_is_added_and_the_answer_stays(tmp_path: Path):
    with open_cache(tmp_path / "c") as cache:
        cache.keep(KEY, "a", ANSWER)
        cache.spend(KEY, msgspec.structs.replace(FAILURE, usage={"cost": 9.0}))
        assert cache.look_up(KEY) == msgspec.structs.replace(ANSWER, raw=None, attempts=4, usage={"cost": 9.0})


def test_a_place_where_no_file_can_be_is_a_file_fault(tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.lock").mkdir()
    for path in (tmp_path, tmp_path / "file" / "c", Path("/dev/null/c"), tmp_path / "taken"):
        with pytest.raises(FileFault), open_cache(path):
            pass


def test_a_thread_that_comes_late_changes_nothing(tmp_path: Path):
    with open_cache(tmp_path / "c") as cache:
        cache.keep(KEY, "a", ANSWER)
    with pytest.raises(FileFault):
        cache.keep(b"f" * 32, "b", ANSWER)
    with open_cache(tmp_path / "c") as cache:
        assert (cache.answers(), cache.is_empty()) == (1, False)


def test_an_empty_file_becomes_a_cache(tmp_path: Path):
    path = tmp_path / "c"
    path.touch()
    with open_cache(path) as cache:
        cache.keep(KEY, "a", ANSWER)
        assert cache.look_up(KEY) is not None


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path):
    code = (
        "import sys, resource, signal; from pathlib import Path\n"
        "from newsgold.benchmark.run_cache import Kept, open_cache; from newsgold.errors import FileFault\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
        "n = 0\n"
        "with open_cache(Path(sys.argv[1])) as cache:\n"
        "    try:\n"
        "        while True:\n"
        "            cache.keep(n.to_bytes(32, 'big'), str(n), Kept(answer=b'x' * 5000)); n += 1\n"
        "    except FileFault as error:\n"
        "        print(n, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c")], capture_output=True, text=True, check=True)
    kept, _, said = done.stdout.partition(" ")
    assert "cannot use the cache" in said
    assert "what it holds is kept" in said
    assert int(kept) > 10
    with open_cache(tmp_path / "c") as cache:
        assert all(cache.look_up(i.to_bytes(32, "big")) is not None for i in range(int(kept)))


BASE = ("s", "1", {"a": 1, "b": [2]}, "prompt")


def test_everything_that_decides_an_answer_is_part_of_its_key():
    keys = {system_key(*BASE)}
    for i, other in enumerate(("t", "2", {"a": 1, "b": [3]}, "")):
        keys.add(system_key(*BASE[:i], other, *BASE[i + 1 :]))  # type: ignore[arg-type]  # one of four is replaced
    assert len(keys) == 5
    assert system_key("s", "1", {"b": [2], "a": 1}, "prompt") == system_key(*BASE)
    documents = [Article(id="a", text="x"), Article(id="b", text="x"), Article(id="a", text="y")]
    assert len({document_key(system, article) for system in keys for article in documents}) == 15


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.sampled_from([None, "0" * 64]))
def test_the_text_itself_is_in_the_key_and_what_else_is_said_of_it_is_not(text: str, claimed: str | None):
    key = document_key(KEY, Article(id="a", text=text, text_sha256=claimed, split="test"))
    assert key == document_key(KEY, Article(id="a", text=text, text_sha256=sha256(text)))
    assert key != document_key(KEY, Article(id="a", text=f"{text}."))


def test_a_cache_belongs_to_nobody_s_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with open_cache(Path(":memory:")) as cache:
        cache.keep(KEY, "a", ANSWER)
    assert os.listdir() == [":memory:"]
