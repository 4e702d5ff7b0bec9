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
from tests.cli.served import HANDLERS, Served
from tests.interaction.project import ORCHESTRATOR
from tests.processes import running, signs


@contextmanager
def worker(project: Served, *arguments: str) -> Generator[subprocess.Popen[str]]:
    with running(
        [*ORCHESTRATOR, "worker", "tools.py", "--ready", *arguments],
        cwd=project.directory,
        env=project.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        yield process


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
    return process.wait()


@pytest.mark.processes
def test_only_the_queues_that_are_named_are_served(project: Served) -> None:
    with worker(project, "--queue", "sums") as process:
        assert ready(process) == {"sums": ["add"]}
        assert ended(process) == 0


@pytest.mark.processes
def test_a_queue_that_nothing_serves_is_refused(project: Served) -> None:
    told = project.command("worker", "tools.py", "--queue", "nowhere")
    assert told.returncode == 2
    assert told.stderr == "error: no handler here serves nowhere; there is sums, waits\n"


@pytest.mark.processes
async def test_what_outlasts_the_drain_is_cut_short(project: Served) -> None:
    with (
        signs(project.directory, "started", "cancelled") as [started, cancelled],
        worker(project, "--drain", "0.1") as process,
    ):
        ready(process)

        async def stop() -> None:
            await started.given()
            process.send_signal(signal.SIGTERM)

        url = project.environ["REDIS_URL"]
        async with Client.connect(url) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(stop)
            outcome = await client.call("waits", "hang", timeout=30)
            assert outcome.error and outcome.error.code == "crashed"
        assert process.wait() == 0
        await cancelled.given()


@pytest.mark.processes
def test_a_lifespan_that_fails_is_told_in_one_line(project: Served) -> None:
    project.offer(
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
async def test_with_reload_the_worker_starts_again_when_a_file_changes(project: Served) -> None:
    with worker(project, "--reload", "--queue", "sums") as process:
        assert ready(process) == {"sums": ["add"]}
        project.offer(HANDLERS.replace("def add(", "def plus("))
        assert ready(process) == {"sums": ["plus"]}
        async with Client.connect(project.environ["REDIS_URL"]) as client:
            assert (await client.call("sums", "plus", {"a": 2, "b": 3}, timeout=20)).result == 5
        assert ended(process) == 0


@pytest.mark.processes
def test_with_reload_a_file_that_is_broken_can_be_mended(project: Served) -> None:
    project.offer("def add(:\n")
    with worker(project, "--reload") as process:
        told(process, "tools.py:1: ")
        told(process, "exit code 2")
        project.offer(HANDLERS)
        assert sorted(ready(process)) == ["sums", "waits"]
        assert ended(process) == 0


@pytest.mark.processes
def test_with_reload_the_worker_goes_with_its_lifeline(project: Served) -> None:
    with worker(project, "--reload", "--lifeline") as process:
        ready(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0


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
