"""Publishing: the real client of the Hub against a Hub on loopback that can be made to fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import hub as loopback
from newsgold.corpus import publish
from newsgold.corpus.store import read_articles
from newsgold.corpus.verify import prove
from newsgold.errors import DataError, UsageError
from released import clean_env, corpus_at, release_at, run

PUBLISH = "from newsgold.corpus.publish import publish; value = publish(__import__('pathlib').Path({path!r}), {repo!r})._asdict()"
PARQUET = "data/documents/test-00000-of-00001.parquet"

Client = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def served() -> Iterator[loopback.Hub]:
    with loopback.running() as hub:
        yield hub


@pytest.fixture
def hub(served: loopback.Hub) -> loopback.Hub:
    """The Hub, sound."""
    for kept in (served.faults, served.requests, served.altered, served.before, served.repos, served.large, served.identities):
        kept.clear()
    return served


@pytest.fixture(scope="module")
def worker(served: loopback.Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    env = clean_env(HF_ENDPOINT=served.url, HF_HOME=str(tmp_path_factory.mktemp("home")), HF_HUB_DISABLE_TELEMETRY="1")
    command = [sys.executable, str(Path(__file__).with_name("hub_worker.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def client(worker: subprocess.Popen[str]) -> Client:
    """Runs code in the process whose client knows the Hub; what it put into ``value``, what it raised and printed."""

    def ask(code: str, **env: str) -> SimpleNamespace:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps({"code": code, "env": {"HF_TOKEN": loopback.TOKEN, **env}}) + "\n")
        worker.stdin.flush()
        return SimpleNamespace(**json.loads(worker.stdout.readline()))

    return ask


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Two versions of a release; tests only read them."""
    place = tmp_path_factory.mktemp("releases")
    old, new = release_at(place / "old"), release_at(place / "new", version="1.1.0", fixed=True)
    return SimpleNamespace(old=old, new=new)


def published(client: Client, path: Path, repo: str = "org/news") -> dict[str, Any]:
    answer = client(PUBLISH.format(path=str(path), repo=repo))
    assert answer.error is None, answer.printed
    return dict(answer.value)


def seeded(hub: loopback.Hub, path: Path) -> loopback.Repo:
    """The dataset org/news with this release, as publishing leaves it."""
    repo = hub.repos["org/news"] = loopback.Repo()
    repo.commit("main", "initial commit", {".gitattributes": b""})
    repo.tags["v" + prove(path).version] = repo.commit("main", "Release", {".gitattributes": b"", **contents(path)}).oid
    return repo


def contents(path: Path) -> dict[str, bytes]:
    return {f.relative_to(path).as_posix(): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def without_attributes(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name != ".gitattributes"}


# ------------------------------------------------------------------------ what succeeds


def test_a_release_is_one_commit_with_its_tag(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    done = published(client, releases.old)
    repo = hub.repos["org/news"]
    assert repo.tags == {"v1.0.0": done["commit"]} == {"v1.0.0": repo.branches["main"]}
    assert [c.message for c in repo.commits] == ["initial commit", "Release 1.0.0"]
    assert without_attributes(repo.commits[-1].files) == contents(releases.old)
    fetched = {r.split("/resolve/")[1].split("/", 1)[1] for r in hub.requests if r.startswith("GET /datasets/org/news/resolve/")}
    assert contents(releases.old).keys() <= fetched  # every byte was compared


def test_the_next_release_replaces_the_last_and_leaves_no_shard_behind(
    hub: loopback.Hub, client: Client, releases: SimpleNamespace
):
    repo = seeded(hub, releases.old)
    first = repo.tags["v1.0.0"]
    stale = {"data/documents/train-00001-of-00002.parquet": b"old", "extra.jsonl": b"{}", "pictures/logo.svg": b"<svg/>"}
    repo.commit("main", "by hand", {**repo.at("main").files, **stale})
    second = published(client, releases.new)
    assert second["removed"] == sorted(stale)[:2]
    files = without_attributes(repo.commits[-1].files)
    assert files.pop("pictures/logo.svg")
    assert files == contents(releases.new)
    assert repo.tags == {"v1.0.0": first, "v1.1.0": second["commit"]}
    assert len(repo.commits) == 4
    assert "LICENSE" not in second["sent"]  # it was there


def test_what_is_published_is_not_published_again(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    first = published(client, releases.old)
    hub.requests.clear()
    assert published(client, releases.old)["commit"] == first["commit"]
    assert hub.writes() == []


def test_a_dry_run_changes_nothing(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    code = "from newsgold.corpus.publish import plan; value = plan(__import__('pathlib').Path({!r}), 'org/news')._asdict()"
    new = client(code.format(str(releases.old)), HF_TOKEN="")
    assert new.error is None, new.printed
    assert (new.value["exists"], new.value["send"]) == (False, sorted(contents(releases.old)))
    seeded(hub, releases.old)
    hub.requests.clear()
    again, other = (client(code.format(str(path)), HF_TOKEN="").value for path in (releases.old, releases.new))
    assert again["tagged"] == hub.repos["org/news"].tags["v1.0.0"]
    assert {PARQUET, "VERSION", "README.md", "SHA256SUMS"} <= {*other["send"]}
    assert "labels.toml" not in other["send"]
    assert other["same"] + len(other["send"]) == len(contents(releases.new))
    assert hub.writes() == []


def test_readers_load_it_at_its_tag(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    published(client, releases.old)
    published(client, releases.new)
    code = """
import newsgold, datasets
datasets.disable_progress_bars()
loaded = {tag: newsgold.load("org/news", revision=tag) for tag in ("v1.0.0", "v1.1.0", "main")}
rows = {tag: datasets.load_dataset("org/news", "documents", revision=tag) for tag in ("v1.0.0", "v1.1.0")}
stream = datasets.load_dataset("org/news", "mentions", revision="v1.0.0", streaming=True)
value = {
    "digests": {tag: it.release.digest for tag, it in loaded.items()},
    "equal": all(loaded[t].to_datasets()[split].to_list() == part.to_list() for t in rows for split, part in rows[t].items()),
    "streamed": sum(len(list(part)) for part in stream.values()),
    "mentions": sum(len(it.mentions) for it in loaded["v1.0.0"].annotations),
    "version": str(rows["v1.1.0"]["train"].version),
}
"""
    answer = client(code)
    assert answer.error is None, answer.printed
    old, new = prove(releases.old), prove(releases.new)
    assert answer.value["digests"] == {"v1.0.0": old.digest, "v1.1.0": new.digest, "main": new.digest}
    assert answer.value["equal"]
    assert answer.value["streamed"] == answer.value["mentions"] > 0
    assert answer.value["version"] == "1.1.0"
    hub.requests.clear()
    hub.fail("", times=10**6)  # from here on only the cache can answer
    offline = client("import newsgold; value = newsgold.load('org/news', revision='v1.0.0').release.digest")
    assert offline.value == old.digest, offline.printed


def test_a_proof_of_identity_is_exchanged_for_a_token(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    hub.identities["the-ci-says-who-it-is"] = "hf_jwt_of_an_hour"
    identity = {"HF_TOKEN": "", "HF_OIDC_RESOURCE": "datasets/org/news", "HF_OIDC_ID_TOKEN": "the-ci-says-who-it-is"}
    answer = client(PUBLISH.format(path=str(releases.old), repo="org/news"), **identity)
    assert answer.error is None, answer.printed
    assert hub.repos["org/news"].tags
    stranger = client(
        PUBLISH.format(path=str(releases.old), repo="org/other"),
        **{**identity, "HF_OIDC_RESOURCE": "datasets/org/other", "HF_OIDC_ID_TOKEN": "x"},
    )
    assert "identity could not be exchanged" in stranger.error
    assert "org/other" not in hub.repos


# --------------------------------------------------------------------------- what fails

WHERE = {
    "refs": "GET /api/datasets/org/news/refs",
    "head": "GET /api/datasets/org/news/revision/main",
    "tree": "GET /api/datasets/org/news/tree",
    "preupload": "POST /api/datasets/org/news/preupload",
    "batch": "POST .*/info/lfs/objects/batch",
    "upload": "PUT /large",
    "commit": "POST /api/datasets/org/news/commit",
    "fetch": f"GET /datasets/org/news/resolve/.*/{PARQUET}",
    "tag": "POST /api/datasets/org/news/tag",
}
SAYS = {
    412: "moved on since it was looked at (412)",
    429: "Wait 7 seconds, then run it again",
    500: "the Hub failed (500). Run it again",
    403: "refuses the token (403)",
}


@pytest.mark.parametrize(
    ("where", "status"),
    [
        *((where, 500) for where in WHERE),
        ("commit", 412),
        ("refs", 429),
        ("upload", 429),
        ("commit", 429),
        ("commit", 403),
        ("tag", 403),
    ],
)
def test_a_hub_that_refuses_for_ever_leaves_the_old_release_whole(
    hub: loopback.Hub, client: Client, releases: SimpleNamespace, where: str, status: int
):
    repo = seeded(hub, releases.old)
    first = repo.tags["v1.0.0"]
    hub.fail(WHERE[where], status=status, headers={"Retry-After": "7"}, times=10**6)
    answer = client(PUBLISH.format(path=str(releases.new), repo="org/news"))
    assert answer.error.startswith("FileFault: "), answer.printed
    assert SAYS[status] in answer.error
    assert loopback.TOKEN not in answer.error + answer.printed
    assert repo.tags == {"v1.0.0": first}
    committed = where in ("fetch", "tag")
    head = repo.at("main")
    assert head is not None
    assert without_attributes(head.files) == contents(releases.new if committed else releases.old)
    hub.faults.clear()
    second = published(client, releases.new)
    assert repo.tags == {"v1.0.0": first, "v1.1.0": second["commit"]}
    assert len(repo.commits) == 3  # the second run did not commit what the first had committed


@pytest.mark.parametrize("how", ["status", "cut", "lost"])
@pytest.mark.parametrize("where", WHERE)
def test_a_hub_that_fails_once(hub: loopback.Hub, client: Client, releases: SimpleNamespace, where: str, how: str):
    """The client tries again by itself where that is safe; where it does not, the second run finishes."""
    repo = seeded(hub, releases.old)
    first = repo.tags["v1.0.0"]
    hub.fail(WHERE[where], how)
    answer = client(PUBLISH.format(path=str(releases.new), repo="org/news"))
    if answer.error is not None:
        assert "un it again" in answer.error, answer.error
        assert repo.tags == {"v1.0.0": first} or where == "tag"
    done = published(client, releases.new)
    assert repo.tags == {"v1.0.0": first, "v1.1.0": done["commit"]}
    assert len(repo.commits) == 3
    assert without_attributes(repo.commits[-1].files) == contents(releases.new)


@pytest.mark.parametrize("where", ["upload", "commit", "fetch", "tag"])
def test_a_publisher_that_is_killed(hub: loopback.Hub, client: Client, releases: SimpleNamespace, tmp_path: Path, where: str):
    """SIGKILL in the middle of a request, which the Hub then carries out."""
    repo = seeded(hub, releases.old)
    env = clean_env(HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path), HF_TOKEN=loopback.TOKEN)
    command = (sys.executable, "-m", "newsgold.cli", "corpus", "publish", "--repo", "org/news", "--path", str(releases.new))
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        hub.before[WHERE[where]] = process.kill
        assert process.wait(60) == -9
    for files in (repo.at("main").files, repo.at("v1.0.0").files):
        assert without_attributes(files) in (contents(releases.old), contents(releases.new))
    done = published(client, releases.new)
    assert repo.tags["v1.1.0"] == done["commit"]
    assert [c.message for c in repo.commits] == ["initial commit", "Release", "Release 1.1.0"]
    assert without_attributes(repo.commits[-1].files) == contents(releases.new)


def test_a_commit_of_somebody_else_in_between_is_not_overwritten(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    repo = seeded(hub, releases.old)
    hub.before[WHERE["commit"]] = lambda: repo.commit("main", "theirs", {**repo.at("main").files, "notes.md": b"x"})
    answer = client(PUBLISH.format(path=str(releases.new), repo="org/news"))
    assert "moved on since it was looked at (412)" in answer.error
    assert repo.commits[-1].message == "theirs"
    assert published(client, releases.new)
    assert repo.commits[-1].files["notes.md"] == b"x"


def test_a_tag_that_somebody_else_sets_in_between(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    repo = seeded(hub, releases.old)
    hub.before[WHERE["tag"]] = lambda: repo.tags.setdefault("v1.1.0", repo.commits[1].oid)
    answer = client(PUBLISH.format(path=str(releases.new), repo="org/news"))
    assert "there already (409)" in answer.error
    answer = client(PUBLISH.format(path=str(releases.new), repo="org/news"))
    assert "v1.1.0 of org/news is published with other contents" in answer.error


def test_a_published_version_never_changes(hub: loopback.Hub, client: Client, releases: SimpleNamespace, tmp_path: Path):
    first = seeded(hub, releases.old).tags["v1.0.0"]
    other = release_at(tmp_path / "other", version="1.0.0", fixed=True)
    hub.requests.clear()
    answer = client(PUBLISH.format(path=str(other), repo="org/news"))
    assert answer.error.startswith("UsageError: v1.0.0 of org/news is published with other contents")
    assert hub.writes() == []
    assert hub.repos["org/news"].tags == {"v1.0.0": first}


def test_an_older_version_is_not_put_over_a_newer_one(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    seeded(hub, releases.new)
    answer = client(PUBLISH.format(path=str(releases.old), repo="org/news"))
    assert answer.error == "UsageError: org/news holds version 1.1.0, which is newer than 1.0.0"
    assert len(hub.repos["org/news"].commits) == 2


@pytest.mark.parametrize("name", [PARQUET, "VERSION", "README.md"])
def test_one_altered_byte_is_caught(hub: loopback.Hub, client: Client, releases: SimpleNamespace, name: str):
    hub.altered[name] = lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]
    answer = client(PUBLISH.format(path=str(releases.old), repo="org/news"))
    assert answer.error.startswith("DataError: org/news gives back other bytes than were sent")
    assert [(code, path.split("/", 2)[2]) for code, path in answer.findings] == [("CHECKSUM", name)]
    assert hub.repos["org/news"].tags == {}
    hub.altered.clear()
    assert published(client, releases.old)["sent"] == []
    assert len(hub.repos["org/news"].commits) == 2


def test_a_reader_catches_an_altered_byte(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    published(client, releases.old, "org/altered")
    hub.altered[PARQUET] = lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:]
    answer = client("import newsgold; value = newsgold.load('org/altered', revision='v1.0.0').annotations")
    assert [(code, Path(path).name) for code, path in answer.findings] == [("CHECKSUM", Path(PARQUET).name)]
    assert answer.value is None


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("newsgold.load('org/nowhere')", "the Hub has no dataset of this name"),
        ("newsgold.load('org/news', revision='v9.9.9')", "there is no such revision"),
        ("newsgold.load('org/plain')", "is no release of newsgold"),
    ],
)
def test_what_the_hub_does_not_have(hub: loopback.Hub, client: Client, releases: SimpleNamespace, code: str, says: str):
    seeded(hub, releases.old)
    plain = hub.repos["org/plain"] = loopback.Repo()
    plain.commit("main", "data", {"data.csv": b"a\n1\n"})
    answer = client(f"import newsgold; value = {code}")
    assert answer.error.startswith("FileFault: ")
    assert says in answer.error


def test_a_download_that_stops_is_said_and_the_next_one_finishes(hub: loopback.Hub, client: Client, releases: SimpleNamespace):
    published(client, releases.old, "org/cut")
    hub.fail(f"GET /datasets/org/cut/resolve/.*/{PARQUET}", "cut", times=10**6)
    answer = client("import newsgold; value = newsgold.load('org/cut').release.version")
    assert answer.error.startswith(("FileFault: ", "DataError: ")), answer.printed
    hub.faults.clear()
    assert client("import newsgold; value = newsgold.load('org/cut').release.version").value == "1.0.0"


# ------------------------------------------------------------------- what is not published


def test_words_that_may_not_be_passed_on(corpus: Path, tmp_path: Path):
    from newsgold.corpus import release

    release.build(corpus, out=tmp_path / "whole")
    found = publish.held_back(prove(tmp_path / "whole"))
    assert [(f.code, f.doc) for f in found] == [("TEXT_HELD_BACK", "damascus-declared-secure")]
    with pytest.raises(DataError, match="nothing was sent"):
        publish.plan(tmp_path / "whole", "org/news")
    seed = [record.value for record in read_articles(corpus).records]
    assert [f.code for f in publish.texts_held_back(seed, "a.jsonl")] == ["TEXT_HELD_BACK"]


def test_ours_may_be_passed_on(releases: SimpleNamespace):
    assert publish.held_back(prove(releases.old)) == []


def test_sources_are_not_published(tmp_path: Path):
    from newsgold.corpus import release

    made = corpus_at(tmp_path / "corpus")
    release.build(made)
    with pytest.raises(UsageError, match="holds sources"):
        publish.plan(made, "org/news")


@pytest.mark.parametrize("repo", ["news", "org/", "/news", "org/news/x", "org/ne ws", "../x", "org/\x1b"])
def test_names_that_are_no_dataset(releases: SimpleNamespace, repo: str):
    with pytest.raises(UsageError, match="named org/name"):
        publish.plan(releases.old, repo)


def test_a_release_that_was_tampered_with_is_not_published(releases: SimpleNamespace, tmp_path: Path):
    copy = shutil.copytree(releases.old, tmp_path / "copy")
    (copy / "labels.toml").write_bytes((copy / "labels.toml").read_bytes() + b"\n")
    with pytest.raises(DataError, match="CHECKSUM the file is not the one"):
        publish.plan(copy, "org/news")


# ------------------------------------------------------------------------------ the command


def test_the_command(hub: loopback.Hub, releases: SimpleNamespace, tmp_path: Path):
    command = (sys.executable, "-m", "newsgold.cli", "corpus", "publish", "--repo", "org/news", "--path", str(releases.old))
    env = clean_env(HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path))
    (tmp_path / "token").write_text("hf_a_login_that_is_no_leave_to_publish")
    without = run(*command, env=env)
    assert (without.returncode, without.stdout) == (2, "")
    assert "HF_TOKEN" in without.stderr
    done = run(*command, env={**env, "HF_TOKEN": loopback.TOKEN})
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, "creating org/news")
    commit = hub.repos["org/news"].tags["v1.0.0"]
    assert f"org/news v1.0.0 is commit {commit}" in done.stdout
    dry = run(*command, "--dry-run", env=env)
    assert dry.stdout.startswith("v1.0.0 is published")
    wrong = run(*command[:-1], str(tmp_path), env={**env, "HF_TOKEN": loopback.TOKEN})
    assert (wrong.returncode, "is no release" in wrong.stderr) == (3, True)
    hub.requests.clear()
    stolen = "hf_" + "s" * 34 + "\r\nX-Injected: 1"
    refused = run(*command[:-3], "org/other", *command[-2:], env={**env, "HF_TOKEN": stolen})
    assert refused.returncode == 2
    for out in (without, done, dry, wrong, refused):
        assert loopback.TOKEN not in out.stdout + out.stderr
        assert "sssss" not in out.stdout + out.stderr
        assert "Traceback" not in out.stderr


def test_the_oldest_client_publishes_and_reads_too(hub: loopback.Hub, releases: SimpleNamespace, repo: Path, tmp_path: Path):
    python = repo / ".venv-oldest" / "bin" / "python"
    if not python.exists():
        pytest.skip("no oldest client here; make oldest installs it")
    env = clean_env(HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path), HF_TOKEN=loopback.TOKEN)
    sent = run(str(python), "-m", "newsgold.cli", "corpus", "publish", "--repo", "org/news", "--path", str(releases.old), env=env)
    assert sent.returncode == 0, sent.stderr
    assert hub.repos["org/news"].tags["v1.0.0"] in sent.stdout
    read = run(str(python), "-m", "newsgold.cli", "corpus", "verify", "org/news", "--revision", "v1.0.0", env=env)
    assert read.stdout.startswith("corpus 1.0.0, sha256:"), read.stderr
