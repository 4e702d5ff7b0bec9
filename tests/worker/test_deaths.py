"""Workers that die or are stopped in the middle of a call, as processes; others go on."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import broker
from orchestrator.dispatch.call import Outcome
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import connect
from orchestrator.settings import Settings
from tests.dispatch.samples import CALL
from tests.processes import signs

HANDLERS = """
import anyio
from orchestrator import handler

@handler(queue="ledger")
async def enter(first: float) -> int:
    'Adds a line; who adds the first one takes some time.'
    with open("lines", "a") as file:
        file.write("a line\\n")
    lines = open("lines").read().count("a line")
    open("entered", "w").close()
    await anyio.sleep(first if lines == 1 else 0)
    return lines
"""

SERVE = """
import sys, anyio
from functools import partial
from orchestrator.worker.serve import handlers_of, serve
anyio.run(partial(serve, handlers_of([]), sys.argv[1], ready=True, lease=0.5, grace=0))
"""

UNKNOWN = Outcome.failed("dead", "crashed", "outcome unknown")

pytestmark = pytest.mark.processes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "ledger.py").write_text(HANDLERS)
    return tmp_path


@contextmanager
def worker(project: Path, url: str, crash: str = "") -> Generator[subprocess.Popen[str]]:
    environ = os.environ | {"PYTHONPATH": os.getcwd(), "ORCHESTRATOR_CRASH_AT": crash}
    program = [sys.executable, "-c", SERVE, url]
    process = subprocess.Popen(program, cwd=project, env=environ, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout and process.stdout.readline()
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def asked(
    project: Path, first: float, rerun: bool
) -> AsyncGenerator[tuple[str, StreamCalls]]:
    """A call that waits for a worker: where Redis is, and who asked."""
    call = replace(CALL, queue="ledger", tool="enter", arguments={"first": first})
    async with broker.find(Settings(project)) as redis, connect(redis.url) as link:
        calls = StreamCalls(link, "p", relook=0.1)
        await calls.publish(replace(call, rerun=rerun, reply_to="p", timeout=30.0))
        yield redis.url, calls


async def answer(calls: StreamCalls) -> Outcome:
    async for _, outcome in calls.settled():
        return outcome
    raise AssertionError


def lines(project: Path) -> int:
    return (project / "lines").read_text().count("a line")


@pytest.mark.parametrize(
    ("point", "effects"),
    [
        ("worker.claimed", 1),
        ("worker.after_effect", 2),  # a handler that commits the call's key would have one
        ("worker.settled", 1),
    ],
)
async def test_a_call_that_may_run_twice_is_answered_wherever_its_worker_dies(
    project: Path, point: str, effects: int
) -> None:
    async with asked(project, first=0, rerun=True) as (url, calls):
        with worker(project, url, crash=point) as dying:
            assert dying.wait(20) == -signal.SIGKILL
        with worker(project, url):
            assert await answer(calls) == Outcome("worker", effects)
    assert lines(project) == effects


async def test_a_call_that_may_not_run_twice_is_not(project: Path) -> None:
    async with asked(project, first=0, rerun=False) as (url, calls):
        with worker(project, url, crash="worker.after_effect") as dying:
            assert dying.wait(20) == -signal.SIGKILL
        with worker(project, url):
            assert await answer(calls) == UNKNOWN
    assert lines(project) == 1


async def test_what_a_stopped_worker_could_not_finish_is_another_workers(project: Path) -> None:
    async with asked(project, first=30, rerun=True) as (url, calls):
        with signs(project, "entered") as [entered], worker(project, url) as stopping:
            await entered.given()
            stopping.send_signal(signal.SIGTERM)
            assert stopping.wait(20) == 0
        with worker(project, url):
            assert await answer(calls) == Outcome("worker", 2)


async def test_a_frozen_worker_is_taken_for_dead_and_changes_nothing_when_it_thaws(
    project: Path,
) -> None:
    async with asked(project, first=0.5, rerun=True) as (url, calls):
        with signs(project, "entered") as [entered], worker(project, url) as frozen:
            await entered.given()
            frozen.send_signal(signal.SIGSTOP)
            with worker(project, url):
                assert await answer(calls) == Outcome("worker", 2)
                frozen.send_signal(signal.SIGCONT)
                frozen.send_signal(signal.SIGTERM)
                assert frozen.wait(20) == 0
            again = replace(CALL, queue="ledger", tool="enter")
            assert await calls.withdraw(again, "cancel") == Outcome("worker", 2)
