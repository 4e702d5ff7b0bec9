"""`orchestrator dead`, with calls that really died: one kills its workers, one is no call."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Outcome
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import Link
from tests.cli.served import Served
from tests.processes import running

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

HANDLERS = """
import os, signal
from orchestrator import handler

@handler(queue="press")
def crush(what: str) -> str:
    if not os.path.exists("repaired"):
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{what}, flat"
"""

# A worker whose death is noticed soon.
SERVE = """
import sys, anyio
from functools import partial
from orchestrator.worker.serve import handlers_of, serve
anyio.run(partial(serve, handlers_of(["tools.py"]), sys.argv[1], ready=True, lease=0.5))
"""


@pytest.fixture(autouse=True)
def offered(project: Served) -> None:
    project.offer(HANDLERS)


def call(name: str, queue: str = "press", **arguments: Any) -> Call:
    now = time.time()
    key, deadline = f"s1.{name}", now + 60
    return Call(
        *(f"s1.{name}.1", queue, "crush", arguments, key, 1, 60, deadline, "s1", "asker", now),
        rerun=True,
    )


def die(project: Served, *calls: Call) -> None:
    """As if the only worker had died of them."""

    async def act(link: Link) -> None:
        for each in calls:
            claims = StreamClaims(link, each.queue, "w1", lease=0, tries=1)
            await StreamCalls(link, "asker").publish(each)
            assert len(await claims.claim(1, 5)) == 1
            await claims.sweep()

    project.on_redis(act)


def poison(project: Served, queue: str = "press") -> None:
    async def act(link: Link) -> None:
        await link.ask(("XADD", keys.work(queue), "*", "call", "c9", "request", "not JSON"))
        await StreamClaims(link, queue, "w1").claim(1, 0.001)

    project.on_redis(act)


def rows(project: Served, *queue: str) -> list[dict[str, Any]]:
    told = project.command("dead", "list", *queue, "--json")
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def shown(project: Served, *name: str) -> dict[str, Any]:
    told = project.command("dead", "show", *name)
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@contextmanager
def worker(project: Served) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVE, project.environ["REDIS_URL"]]
    with running(command, cwd=project.directory, env=project.environ) as process:
        yield process


def until_it_dies(project: Served) -> int:
    with worker(project) as dying:
        assert dying.wait() == -signal.SIGKILL
    return dying.pid


def test_a_call_that_kills_its_workers_is_understood_repaired_and_redriven(
    project: Served,
) -> None:
    project.publish(call("c1", what="a can"))
    before = time.time()
    died = [until_it_dies(project) for _ in range(3)]
    with worker(project) as survivor:
        project.outcome("press", "s1.c1.1")
        [row] = rows(project)
        assert (row["call"], row["tool"], row["queue"]) == ("s1.c1.1", "crush", "press")
        assert (row["deliveries"], str(died[-1]) in row["worker"]) == (3, True)
        assert row["reason"] == "no worker lived to answer it in 3 deliveries"
        letter = shown(project, "c1")
        assert letter["request"]["arguments"] == {"what": "a can"}
        assert letter["outcome"] == json.loads(Outcome.given_up(3).to_json())
        assert before <= letter["at"] <= time.time()

        (project.directory / "repaired").touch()
        redriven = f"s1.c1.1:{letter['letter']}"
        told = project.command("dead", "redrive", "c1")
        assert told.stdout == f"s1.c1.1: runs once more, as {redriven} in queue press\n"
        assert project.outcome("press", redriven) == Outcome("worker", "a can, flat")
        survivor.terminate()
        assert survivor.wait() == 0
    assert rows(project) == []


def test_where_nobody_has_died_that_is_said(project: Served) -> None:
    for words in (["list"], ["redrive", "--all"], ["drop", "--all"]):
        told = project.command("dead", *words)
        assert (told.returncode, told.stdout) == (0, "no dead letters\n")


def test_letters_are_listed_by_queue_without_arguments(project: Served) -> None:
    die(project, call("c1", what="Ana's can"), call("c2", "desk", what="Bob's can"))
    assert [row["call"] for row in rows(project)] == ["s1.c2.1", "s1.c1.1"]
    assert [row["call"] for row in rows(project, "press")] == ["s1.c1.1"]
    head, *lines = project.command("dead", "list").stdout.splitlines()
    columns = ["letter", "queue", "call", "tool", "deliveries", "age", "worker", "reason"]
    assert head.split() == columns
    assert len(lines) == 2 and "can" not in str(lines)


def test_what_is_no_call_is_shown_as_it_lay_there_and_is_never_redriven(project: Served) -> None:
    poison(project)
    die(project, call("c1", what="a can"))
    [letter] = [row["letter"] for row in rows(project) if row["call"] == "c9"]
    found = shown(project, letter)
    assert (found["request"], found["tool"], found["outcome"]) == ("not JSON", None, None)
    assert found["reason"].startswith("not a call: JSONDecodeError")
    told = project.command("dead", "redrive", "--all")
    assert told.returncode == 2
    assert told.stdout.startswith("s1.c1.1: runs once more, as s1.c1.1:")
    assert told.stderr.startswith(f"error: {letter} cannot be redriven, it is no call: ")
    assert [row["letter"] for row in rows(project)] == [letter]


def test_a_letter_whose_key_has_an_outcome_is_redriven_without_running(project: Served) -> None:
    dead = call("c1", what="a can")
    die(project, dead)

    async def succeed(link: Link) -> None:
        await StreamCalls(link, "asker").publish(replace(dead, id="s1.c1.2", attempt=2))
        claims = StreamClaims(link, "press", "w2")
        [claimed] = await claims.claim(1, 5)
        await claims.settle(claimed, Outcome("worker", "flat"))

    project.on_redis(succeed)
    told = project.command("dead", "redrive", "s1.c1.1")
    assert told.stdout == "s1.c1.1: nothing runs, its key has an outcome: ok\n"


def test_what_is_dropped_is_said_and_gone(project: Served) -> None:
    poison(project)
    die(project, call("c1", what="a can"))
    first, second = (row["letter"] for row in rows(project))
    told = project.command("dead", "drop", first)
    assert told.stdout.startswith(f"{first}: dropped c9 of queue press (not a call: ")
    told = project.command("dead", "drop", "--all", "--queue", "press")
    reason = "no worker lived to answer it in 1 deliveries"
    assert told.stdout == f"{second}: dropped s1.c1.1 of queue press ({reason})\n"
    assert rows(project) == []


def test_a_call_that_died_in_two_queues_must_be_named_more_exactly(project: Served) -> None:
    die(project, call("c1", what="a can"), call("c1", "desk", what="a can"))
    told = project.command("dead", "drop", "c1")
    assert told.returncode == 2
    assert told.stderr.startswith("error: several are of c1: ")
    told = project.command("dead", "drop", "c1", "--queue", "desk")
    assert "dropped s1.c1.1 of queue desk" in told.stdout
    assert [row["queue"] for row in rows(project)] == ["press"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["show", "c1"], "there is no dead letter of c1; see `orchestrator dead list`"),
        (["redrive", "c1"], "there is no dead letter of c1; see `orchestrator dead list`"),
        (["drop", "c1"], "there is no dead letter of c1; see `orchestrator dead list`"),
        (["redrive"], "name one CALL, or say --all"),
        (["drop", "c1", "--all"], "name one CALL, or say --all"),
    ],
)
def test_what_is_not_there_is_the_users_mistake(
    project: Served, words: list[str], error: str
) -> None:
    told = project.command("dead", *words)
    assert (told.returncode, told.stdout, told.stderr) == (2, "", f"error: {error}\n")
