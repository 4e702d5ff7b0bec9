"""`orchestrator worker`: what it serves, how it starts again, and how it ends."""

import importlib.machinery
import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from orchestrator import Client
from orchestrator.cli.reload import python_files
from orchestrator.cli.worker import loop_options
from tests.interaction.project import ORCHESTRATOR, PATIENCE, Project
from tests.redis_server import RedisServer

HANDLERS = """
import asyncio
from orchestrator import handler

@handler(queue="sums")
def add(a: int, b: int) -> int:
    return a + b

@handler(queue="waits")
async def hang() -> None:
    open("started", "w").close()
    try:
        await asyncio.sleep(1000)
    finally:
        open("cancelled", "w").close()
"""


@pytest.fixture
def project(tmp_path: Path, own_redis: RedisServer) -> Generator[Project]:
    made = Project(tmp_path)
    made.environ["REDIS_URL"] = own_redis.url
    (tmp_path / "tools.py").write_text(HANDLERS)
    yield made
    made.gone(20)


@contextmanager
def worker(project: Project, *arguments: str) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*ORCHESTRATOR, "worker", "tools.py", "--ready", *arguments],
        cwd=project.directory,
        env=project.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str]) -> Any:
    assert process.stdout
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return json.loads(line)["queues"]


def told(process: subprocess.Popen[str], words: str) -> None:
    """Read its log until it says this."""
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(words)


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


@pytest.mark.processes
def test_only_the_queues_that_are_named_are_served(project: Project) -> None:
    with worker(project, "--queue", "sums") as process:
        assert ready(process) == {"sums": ["add"]}
        assert ended(process) == 0


@pytest.mark.processes
def test_a_queue_that_nothing_serves_is_refused(project: Project) -> None:
    told = project.command("worker", "tools.py", "--queue", "nowhere")
    assert told.returncode == 2
    assert told.stderr == "error: no handler here serves nowhere; there is sums, waits\n"


@pytest.mark.processes
async def test_what_outlasts_the_drain_is_cut_short(project: Project) -> None:
    with worker(project, "--drain", "0.1") as process:
        ready(process)

        async def stop() -> None:
            while not (project.directory / "started").exists():  # noqa: ASYNC110 - it makes it
                await anyio.sleep(0.01)
            process.send_signal(signal.SIGTERM)

        url = project.environ["REDIS_URL"]
        async with Client.connect(url) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(stop)
            outcome = await client.call("waits", "hang", timeout=30)
            assert outcome.error and outcome.error.code == "crashed"
        assert process.wait(PATIENCE) == 0
    assert (project.directory / "cancelled").exists()


@pytest.mark.processes
def test_a_lifespan_that_fails_is_told_in_one_line(project: Project) -> None:
    (project.directory / "tools.py").write_text(
        HANDLERS
        + "\nfrom collections.abc import Iterator\nfrom orchestrator import lifespan\n\n"
        + "@lifespan\ndef database() -> Iterator[None]:\n    raise ConnectionError('no way')\n"
        + "    yield\n"
    )
    told = project.command("worker", "tools.py")
    assert told.returncode == 2
    assert told.stderr.splitlines()[-1].startswith("error: ")
    assert told.stderr.endswith("lifespan database: ConnectionError: no way\n")
    assert "Traceback" not in told.stderr


@pytest.mark.processes
async def test_with_reload_the_worker_starts_again_when_a_file_changes(project: Project) -> None:
    tools = project.directory / "tools.py"
    with worker(project, "--reload", "--queue", "sums") as process:
        assert ready(process) == {"sums": ["add"]}
        tools.write_text(HANDLERS.replace("def add(", "def plus("))
        assert ready(process) == {"sums": ["plus"]}
        async with Client.connect(project.environ["REDIS_URL"]) as client:
            assert (await client.call("sums", "plus", {"a": 2, "b": 3}, timeout=20)).result == 5
        assert ended(process) == 0


@pytest.mark.processes
def test_with_reload_a_file_that_is_broken_can_be_mended(project: Project) -> None:
    tools = project.directory / "tools.py"
    tools.write_text("def add(:\n")
    with worker(project, "--reload") as process:
        told(process, "tools.py:1: ")
        told(process, "exit code 2")
        tools.write_text(HANDLERS)
        assert sorted(ready(process)) == ["sums", "waits"]
        assert ended(process) == 0


@pytest.mark.processes
def test_with_reload_the_worker_goes_with_its_lifeline(project: Project) -> None:
    with worker(project, "--reload", "--lifeline") as process:
        ready(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_files_of_environments_and_hidden_ones_are_not_watched(tmp_path: Path) -> None:
    for name in ("a.py", "pkg/b.py", ".hidden/c.py", "env/lib/d.py", "node_modules/e.py", "f.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "env/pyvenv.cfg").write_text("")
    outside = "../elsewhere.py"
    found = [str(file) for file in python_files([outside, "dotted.name"], tmp_path)]
    assert found == [str(tmp_path / "a.py"), str(tmp_path / "pkg/b.py"), outside]


def test_uvloop_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("uvloop")
    module.__spec__ = importlib.machinery.ModuleSpec("uvloop", None)
    monkeypatch.setitem(sys.modules, "uvloop", module)
    assert loop_options() == {"use_uvloop": True}
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_options() == {"use_uvloop": False}
