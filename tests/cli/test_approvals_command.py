"""`orchestrator approvals` where nobody waits any more: who asked has died, or was answered."""

import json
import time
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path

import anyio
import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import APPROVALS, Call, Outcome
from orchestrator.dispatch.overview import record
from orchestrator.dispatch.roster import Present
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import Link, connect
from orchestrator.worker.listing import listed
from tests.interaction.project import Project
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture
def project(tmp_path: Path, own_redis: RedisServer) -> Generator[Project]:
    made = Project(tmp_path)
    made.environ["REDIS_URL"] = own_redis.url
    yield made
    made.gone(20)


def review(name: str, left: float) -> Call:
    """One that a session waits for, unless it has died, for so many seconds more."""
    asked = {"tool": "reset", "arguments": {"user": "ana"}, "reason": "", "channel": ""}
    now = time.time()
    key, deadline = f"s1.{name}.0", now + left
    return Call(key, APPROVALS, "review", asked, key, 0, 60, deadline, "s1", "asker", now - 60)


async def publish(link: Link, *calls: Call) -> None:
    for each in calls:
        await StreamCalls(link, "asker").publish(each)


def on_redis(project: Project, act: Callable[[Link], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with connect(project.environ["REDIS_URL"]) as link:
            await act(link)

    anyio.run(run)


async def outcome(link: Link, call: Call) -> Outcome:
    return Outcome.from_json((await record(link, APPROVALS, call.id))["outcome"])


@pytest.mark.parametrize("decision", ["approve", "deny"])
@pytest.mark.parametrize("name", ["c1", "s1.c1.0"])
def test_who_decides_too_late_is_told_so(project: Project, decision: str, name: str) -> None:
    on_redis(project, lambda link: publish(link, review("c1", left=-1)))
    told = project.command("approvals", decision, name)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"error: {name} does not wait any more: no answer in time; ")


def test_a_list_leaves_nothing_behind_of_those_who_died(project: Project) -> None:
    late, early = review("c1", left=-1), review("c2", left=600)
    on_redis(project, lambda link: publish(link, late, early))
    lines = project.command("approvals", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["call"] for line in lines] == [early.id]

    async def look(link: Link) -> None:
        assert await outcome(link, late) == Outcome.withdrawn("deadline")
        assert await link.ask(("XLEN", keys.work(APPROVALS))) == [1]

    on_redis(project, look)


def test_that_nothing_waits_is_said_to_people(project: Project) -> None:
    assert project.command("approvals", "list").stdout == "nothing waits for a person\n"
    assert project.command("approvals", "list", "--json").stdout == ""


def test_what_was_decided_is_told_to_who_decides_again(project: Project) -> None:
    on_redis(project, lambda link: publish(link, review("c1", left=600)))
    assert project.command("approvals", "deny", "c1", "--by", "kim").returncode == 0
    again = project.command("approvals", "approve", "s1.c1.0")
    assert again.stderr.startswith("error: s1.c1.0 does not wait any more: denied by kim; ")


def test_what_nobody_ever_asked_for_does_not_wait(project: Project) -> None:
    told = project.command("approvals", "approve", "c9")
    assert told.returncode == 2
    assert told.stderr.startswith("error: c9 does not wait; ")


async def test_any_worker_settles_what_is_overdue(own_redis: RedisServer) -> None:
    late, early = review("c1", left=-1), review("c2", left=600)
    async with connect(own_redis.url) as link:
        await publish(link, late, early)
        async with listed(link, Present("w1", 0.0, 1), []):
            with anyio.fail_after(20):
                while (await link.ask(("XLEN", keys.work(APPROVALS))))[0] > 1:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
        assert await outcome(link, late) == Outcome.withdrawn("deadline")
        assert (await record(link, APPROVALS, early.id))["status"] == "open"
