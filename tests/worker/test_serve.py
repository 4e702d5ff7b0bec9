"""The worker as a process: started, spoken to through Redis, and ended in every way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator import broker
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Outcome, Progress
from orchestrator.dispatch.roster import Roster
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import connect
from orchestrator.settings import Settings
from orchestrator.worker.process import consumer_name
from tests.processes import running, signs
from tests.redis_server import subscribed

HANDLERS = """
import threading, time
from collections.abc import AsyncIterator
from orchestrator import Context, handler, lifespan

class Abacus:
    def add(self, a: int, b: int) -> int:
        return a + b

@lifespan
async def abacus() -> AsyncIterator[Abacus]:
    open("opened", "w").close()
    yield Abacus()
    open("closed", "w").close()

@handler(queue="sums")
def add(ctx: Context, a: int, b: int, abacus: Abacus) -> int:
    ctx.progress("Adding.")
    return abacus.add(a, b)

@handler(queue="waits")
async def wait(seconds: float) -> str:
    import anyio
    open("started", "w").close()
    await anyio.sleep(seconds)
    return "waited"

@handler(queue="waits")
def tell(ctx: Context) -> None:
    ctx.progress("Half of it.")
    threading.Event().wait(20)

@handler(queue="waits")
def hang() -> None:
    open("started", "w").close()
    threading.Event().wait()
"""

SERVE = """
import sys, anyio
from functools import partial
from orchestrator.worker.serve import handlers_of, serve
anyio.run(partial(serve, handlers_of([]), sys.argv[1], ready=True, lifeline=True))
"""

pytestmark = pytest.mark.processes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "tools.py").write_text(HANDLERS)
    return tmp_path


@contextmanager
def worker(project: Path, url: str) -> Generator[subprocess.Popen[str]]:
    environ = os.environ | {"PYTHONPATH": os.getcwd()}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([sys.executable, "-c", SERVE, url], cwd=project, env=environ, **pipes) as process:
        yield process


def ready(process: subprocess.Popen[str]) -> Any:
    assert process.stdout
    return json.loads(process.stdout.readline())


def call(queue: str, tool: str, timeout: float = 30.0, **arguments: Any) -> Call:
    now = time.time()
    name = f"s.{tool}.1"
    return Call(name, queue, tool, arguments, name, 1, timeout, now + 60, "s", "p", now)


async def ask(url: str, call: Call) -> Outcome:
    async with connect(url) as link:
        calls = StreamCalls(link, "p")
        await calls.publish(call)
        async for call_id, outcome in calls.settled():
            if call_id == call.id:
                return outcome
    raise AssertionError


async def outcomes(calls: StreamCalls) -> None:
    async for _ in calls.settled():
        pass


async def test_a_worker_serves_every_queue_of_its_files(project: Path) -> None:
    async with broker.find(Settings(project)) as redis:
        with worker(project, redis.url) as process:
            queues = {"sums": ["add"], "waits": ["hang", "tell", "wait"]}
            assert ready(process) == {"event": "ready", "queues": queues}
            assert await ask(redis.url, call("sums", "add", a=2, b=3)) == Outcome("worker", 5)
            waited = await ask(redis.url, call("waits", "wait", seconds=0))
            assert waited == Outcome("worker", "waited")


async def test_a_worker_is_listed_while_it_serves(project: Path) -> None:
    async with broker.find(Settings(project)) as redis, connect(redis.url) as link:
        with worker(project, redis.url) as process:
            ready(process)
            [listed] = await Roster(link).present()
            assert listed.slots == 10 and str(process.pid) in listed.name
            assert list(listed.queues["sums"]["add"].arguments["properties"]) == ["a", "b"]
            assert listed.queues["sums"]["add"].returns == {"type": "integer"}
            assert sorted(listed.queues["waits"]) == ["hang", "tell", "wait"]
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            assert await Roster(link).present() == []


def test_workers_with_one_host_name_and_one_process_id_are_told_apart() -> None:
    assert consumer_name() != consumer_name()


async def test_what_a_handler_reports_arrives_before_its_outcome_is_needed(project: Path) -> None:
    async with broker.find(Settings(project)) as redis, connect(redis.url) as link:
        calls = StreamCalls(link, "asker")
        with worker(project, redis.url) as process:
            ready(process)
            asked = replace(call("waits", "tell"), reply_to="asker")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(outcomes, calls)
                await subscribed(link, keys.replies("asker"))
                await calls.publish(asked)
                told = await anext(calls.progressed())
                assert told == (asked.id, Progress("Half of it."))
                tasks.cancel_scope.cancel()


async def test_lifespans_close_after_the_last_call(project: Path) -> None:
    async with broker.find(Settings(project)) as redis:
        with worker(project, redis.url) as process:
            ready(process)
            assert (project / "opened").exists() and not (project / "closed").exists()
            assert await ask(redis.url, call("sums", "add", a=2, b=3)) == Outcome("worker", 5)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
    assert (project / "closed").exists()


async def test_a_worker_told_to_stop_finishes_its_call(project: Path) -> None:
    async with broker.find(Settings(project)) as redis:
        with signs(project, "started") as [started], worker(project, redis.url) as process:
            ready(process)
            async with connect(redis.url) as link:
                await StreamCalls(link, "q").publish(call("waits", "wait", seconds=0.5))
            await started.given()
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        answer = await ask(redis.url, call("waits", "wait", seconds=0.5))
        assert answer == Outcome("worker", "waited")


async def test_a_worker_ends_with_its_lifeline(project: Path) -> None:
    async with broker.find(Settings(project)) as redis:
        with worker(project, redis.url) as process:
            ready(process)
            assert process.stdin
            process.stdin.close()
            assert process.wait() == 0


async def test_a_handler_that_never_returns_does_not_hold_the_process(project: Path) -> None:
    async with broker.find(Settings(project)) as redis:
        with worker(project, redis.url) as process:
            ready(process)
            outcome = await ask(redis.url, call("waits", "hang", timeout=0.2))
            assert outcome.error and outcome.error.code == "timeout"
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 1
