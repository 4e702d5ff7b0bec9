"""`orchestrator approvals` where nobody waits any more: who asked has died, or was answered."""

import json
import time

import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import APPROVALS, Call, Outcome
from orchestrator.dispatch.overview import record
from orchestrator.dispatch.roster import Present
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import Link, connect
from orchestrator.worker.listing import listed
from tests.cli.served import Served
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def review(name: str, left: float) -> Call:
    """One that a session waits for, unless it has died, for so many seconds more."""
    asked = {"tool": "reset", "arguments": {"user": "ana"}, "reason": "", "channel": ""}
    now = time.time()
    key, deadline = f"s1.{name}.0", now + left
    return Call(key, APPROVALS, "review", asked, key, 0, 60, deadline, "s1", "asker", now - 60)


async def outcome(link: Link, call: Call) -> Outcome:
    return Outcome.from_json((await record(link, APPROVALS, call.id))["outcome"])


@pytest.mark.parametrize("decision", ["approve", "deny"])
@pytest.mark.parametrize("name", ["c1", "s1.c1.0"])
def test_who_decides_too_late_is_told_so(project: Served, decision: str, name: str) -> None:
    project.publish(review("c1", left=-1))
    told = project.command("approvals", decision, name)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"error: {name} does not wait any more: no answer in time; ")


def test_a_list_leaves_nothing_behind_of_those_who_died(project: Served) -> None:
    late, early = review("c1", left=-1), review("c2", left=600)
    project.publish(late, early)
    lines = project.command("approvals", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["call"] for line in lines] == [early.id]

    async def look(link: Link) -> None:
        assert await outcome(link, late) == Outcome.withdrawn("deadline")
        assert await link.ask(("XLEN", keys.work(APPROVALS))) == [1]

    project.on_redis(look)


def test_that_nothing_waits_is_said_to_people(project: Served) -> None:
    assert project.command("approvals", "list").stdout == "nothing waits for a person\n"
    assert project.command("approvals", "list", "--json").stdout == ""


def test_what_was_decided_is_told_to_who_decides_again(project: Served) -> None:
    project.publish(review("c1", left=600))
    assert project.command("approvals", "deny", "c1", "--by", "kim").returncode == 0
    for name in ("c1", "s1.c1.0"):
        again = project.command("approvals", "approve", name)
        assert again.stderr.startswith(f"error: {name} does not wait any more: denied by kim; ")


def test_what_nobody_ever_asked_for_does_not_wait(project: Served) -> None:
    told = project.command("approvals", "approve", "c9")
    assert told.returncode == 2
    assert told.stderr.startswith("error: c9 does not wait; ")


async def test_any_worker_settles_what_is_overdue(own_redis: RedisServer) -> None:
    late, early = review("c1", left=-1), review("c2", left=600)
    async with connect(own_redis.url) as link:
        calls = StreamCalls(link, "asker")
        for each in (late, early):
            await calls.publish(each)
        async with listed(link, Present("w1", 0.0, 1), []):
            assert await anext(calls.settled()) == (late.id, Outcome.withdrawn("deadline"))
        assert await outcome(link, late) == Outcome.withdrawn("deadline")
        assert (await record(link, APPROVALS, early.id))["status"] == "open"
