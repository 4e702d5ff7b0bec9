"""`orchestrator queues`, `calls` and `workers`, with a worker and a Redis that are there."""

import json
import signal
import subprocess
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import anyio
import pytest

from orchestrator import Client, Outcome
from orchestrator.cli.queues import with_rates
from orchestrator.dispatch.call import Call
from orchestrator.dispatch.overview import QueueState, queue_state
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import Link
from tests.cli.served import Served
from tests.interaction.project import ORCHESTRATOR
from tests.processes import Sign, running, signs

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture
def process(project: Served) -> Generator[subprocess.Popen[str]]:
    with project.part("worker", "tools.py", "--drain", "0") as process:
        yield process


@pytest.fixture
def started(project: Served) -> Generator[Sign]:
    """Given when `hang` runs."""
    with signs(project.directory, "started") as [sign]:
        yield sign


def rows(project: Served, *command: str) -> list[dict[str, Any]]:
    told = project.command(*command, "--json")
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def call(name: str, queue: str, tool: str, **arguments: Any) -> Call:
    now = time.time()
    return Call(f"s1.{name}.1", queue, tool, arguments, name, 1, 60, now + 60, "s1", "asker", now)


def test_where_nothing_is_that_is_said(project: Served) -> None:
    told = [project.command(*each).stdout for each in (["queues"], ["calls", "list"])]
    assert [*told, project.command("workers", "list").stdout] == [
        "no queues yet\n",
        "no open calls\n",
        "no workers\n",
    ]


def test_queues_tell_what_runs_and_what_waits(
    project: Served, process: subprocess.Popen[str], started: Sign
) -> None:
    project.publish(call("c1", "waits", "hang"), call("c2", "idle", "x"), call("c3", "idle", "x"))
    started.wait()
    found = {row.pop("queue"): row for row in rows(project, "queues")}
    oldest = {queue: row.pop("oldest") for queue, row in found.items()}
    assert oldest["sums"] is None and oldest["waits"] >= 0 and oldest["idle"] >= 0
    nothing: dict[str, Any] = {"waiting": 0, "running": 0, "parked": 0, "workers": 0, "limits": []}
    nothing |= {"dead": 0, "came": 0, "went": 0}
    served = {**nothing, "workers": 1, "limits": [None]}
    assert found == {
        "idle": {**nothing, "waiting": 2, "came": 2},
        "sums": served,
        "waits": {**served, "running": 1, "came": 1},
    }
    head, *lines = project.command("queues").stdout.splitlines()
    shown = ["waiting", "running", "parked", "oldest", "workers", "limits", "dead", "came", "went"]
    assert head.split() == ["queue", *shown]
    assert [line.split()[0] for line in lines] == ["idle", "sums", "waits"]


def test_a_queue_with_a_limit_is_bounded_over_all_its_workers(project: Served) -> None:
    bounded = ("worker", "tools.py", "--queue=waits", "--limit=1", "--drain=0")
    with project.part(*bounded), project.part(*bounded):
        with signs(project.directory, "started") as [started]:
            project.publish(call("c1", "waits", "hang"), call("c2", "waits", "hang"))
            started.wait()
        busy(project, running=1, parked=1)
        [running] = [row["call"] for row in rows(project, "calls", "list") if row["worker"]]
        with signs(project.directory, "started") as [started]:
            assert project.command("calls", "cancel", running).returncode == 0
            started.wait()
        busy(project, running=1, parked=0)


def busy(project: Served, running: int, parked: int) -> None:
    """The queue `waits` comes into that state."""

    async def look(link: Link) -> None:
        state = await queue_state(link, "waits")
        while (state.running, state.parked) != (running, parked):
            state = await queue_state(link, "waits")

    project.on_redis(look)


def test_workers_of_one_queue_that_were_given_different_limits_are_told(project: Served) -> None:
    worker = ("worker", "tools.py", "--drain=0")
    with project.part(*worker, "--limit=5"), project.part(*worker, "--limit=5"):
        told = project.command("queues")
        assert (told.stdout.splitlines()[1].split()[:7], told.stderr) == (
            ["sums", "0", "0", "0", "-", "2", "5"],
            "",
        )
        assert [row["limit"] for row in rows(project, "workers", "list")] == [5, 5]
        with project.part(*worker, "--queue=sums"):
            told = project.command("queues")
            assert told.stderr == (
                "sums: its workers have different limits: 5, none; give all the same --limit\n"
            )
            assert [row["limits"] for row in rows(project, "queues")] == [[5, None], [5]]


def test_queues_are_looked_at_again_until_somebody_has_seen_enough(project: Served) -> None:
    project.publish(call("c1", "idle", "x"))
    with running(
        [*ORCHESTRATOR, "queues", "--watch", "--json"],
        cwd=project.directory,
        env=project.environ,
        stdout=subprocess.PIPE,
    ) as watching:
        assert watching.stdout
        seen = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
    assert [row["waiting"] for row in seen] == [1, 1]
    assert "came_per_min" not in seen[0]
    assert (seen[1]["came_per_min"], seen[1]["went_per_min"]) == (0, 0)


def test_rates_are_of_the_time_between_two_looks() -> None:
    before = QueueState("sums", 0, 0, 0, None, 1, [], 0, came=100, went=90)
    row = with_rates(replace(before, came=130, went=110), before, minutes=0.5)
    assert (row["came_per_min"], row["went_per_min"]) == (60, 40)
    row = with_rates(before, None, minutes=0.5)
    assert (row["came_per_min"], row["went_per_min"]) == (None, None)


def test_an_open_call_is_listed_with_who_has_it_and_without_its_arguments(
    project: Served, process: subprocess.Popen[str], started: Sign
) -> None:
    project.publish(call("c1", "waits", "hang", whom="Ana"), call("c2", "idle", "x"))
    started.wait()
    listed = {row["call"]: row for row in rows(project, "calls", "list")}
    assert str(process.pid) in listed["s1.c1.1"]["worker"]
    assert listed["s1.c2.1"]["worker"] is None
    assert "Ana" not in str(listed)
    assert [row["call"] for row in rows(project, "calls", "list", "idle")] == ["s1.c2.1"]


def test_a_call_is_shown_with_its_outcome(project: Served, process: subprocess.Popen[str]) -> None:
    async def ask() -> None:
        async with Client.connect(project.environ["REDIS_URL"]) as client:
            await client.call("sums", "add", {"a": 2, "b": 3}, id="s1.c1.1", timeout=20)

    anyio.run(ask)
    shown = json.loads(project.command("calls", "show", "s1.c1.1").stdout)
    assert shown["status"] == "settled"
    assert shown["request"]["arguments"] == {"a": 2, "b": 3}
    assert shown["outcome"] == {"by": "worker", "result": 5, "error": None}
    assert str(process.pid) in shown["worker"]
    assert json.loads(project.command("calls", "show", "c1").stdout) == shown
    late = project.command("calls", "cancel", "s1.c1.1")
    assert (late.returncode, late.stderr) == (
        2,
        "error: s1.c1.1 was settled before, by worker\n",
    )


def test_a_cancelled_call_stops_its_handler_and_is_told(
    project: Served, process: subprocess.Popen[str], started: Sign
) -> None:
    with signs(project.directory, "cancelled") as [cancelled]:
        project.publish(call("c1", "waits", "hang"))
        started.wait()
        assert project.command("calls", "cancel", "c1").stdout == "c1: cancelled\n"
        cancelled.wait()

    async def heard(link: Link) -> None:
        calls = StreamCalls(link, "asker")
        await calls.publish(call("c1", "waits", "hang"))
        with anyio.fail_after(30):
            assert await anext(calls.settled()) == ("s1.c1.1", Outcome.withdrawn("cancel"))

    project.on_redis(heard)


def test_a_call_that_there_is_not_is_the_users_mistake(project: Served) -> None:
    for command in ("show", "cancel"):
        told = project.command("calls", command, "c9")
        assert (told.returncode, told.stdout) == (2, "")
        assert "there is no record of a call c9" in told.stderr


def test_workers_are_listed_with_what_they_take(
    project: Served, process: subprocess.Popen[str]
) -> None:
    [worker] = rows(project, "workers", "list")
    assert str(process.pid) in worker["worker"]
    assert (worker["slots"], worker["limit"], worker["state"]) == (10, None, "serving")
    assert list(worker["queues"]["sums"]["add"]["arguments"]["properties"]) == ["a", "b"]
    head, line = project.command("workers", "list").stdout.splitlines()
    assert head.split() == ["worker", "up", "slots", "limit", "state", "queues"]
    assert line.endswith("serving  sums: add; waits: hang")


def test_a_worker_that_is_drained_ends_by_itself(
    project: Served, process: subprocess.Popen[str]
) -> None:
    [worker] = rows(project, "workers", "list")
    drained = project.command("workers", "drain", worker["worker"], "--wait")
    assert drained.stdout == f"{worker['worker']}: gone\n"
    assert process.wait() == 0
    again = project.command("workers", "drain", worker["worker"])
    assert again.returncode == 2
    assert again.stderr.startswith(f"error: not there: {worker['worker']}; ")
