"""What each user of docs/redis.acl must not do. What they can do is in test_contract.py."""

import time

import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.overview import queue_names, queue_state, record
from orchestrator.dispatch.roster import Present, Roster
from orchestrator.dispatch.streams import OpenCalls, StreamCalls
from orchestrator.link import Command, RedisRefused, connect
from tests.dispatch.guarded import as_user, links_by_role
from tests.dispatch.samples import other
from tests.redis_server import RedisServer

ROLES = ("session", "worker", "operator")
NOBODYS: tuple[Command, ...] = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("KEYS", "*"),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("MONITOR",),
    ("REPLICAOF", "NO", "ONE"),
    ("GET", "somebody:elses"),
)
OTHERS: tuple[tuple[str, Command], ...] = (
    ("worker", ("XRANGE", keys.journal("s1"), "-", "+")),
    ("worker", ("XADD", keys.inbox("s1"), "*", "signal", "x")),
    ("worker", ("GET", keys.remembered("+1", "name"))),
    ("session", ("SET", keys.drain("w1"), "1")),
    ("session", ("XREADGROUP", "GROUP", "g", "c", "STREAMS", keys.work("q"), ">")),
    ("session", ("SUBSCRIBE", keys.control("q"))),
    ("worker", ("SUBSCRIBE", keys.replies("p"))),
    ("operator", ("SUBSCRIBE", keys.replies("p"))),
    ("operator", ("XREADGROUP", "GROUP", "g", "c", "STREAMS", keys.work("q"), ">")),
    ("worker", ("SUBSCRIBE", "somebody:elses")),
)


async def refused(server: RedisServer, role: str, command: Command) -> str:
    async with connect(as_user(server.url, role)) as link:
        with pytest.raises(RedisRefused) as caught:
            await link.ask(command)
    return caught.value.code


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", NOBODYS, ids=lambda command: str(command[0]))
async def test_no_role_may_harm_the_server_or_read_what_is_not_ours(
    guarded: RedisServer, role: str, command: Command
) -> None:
    assert await refused(guarded, role, command) == "NOPERM"


@pytest.mark.parametrize(("role", "command"), OTHERS)
async def test_no_role_does_what_is_another_ones(
    guarded: RedisServer, role: str, command: Command
) -> None:
    assert await refused(guarded, role, command) == "NOPERM"


@pytest.mark.parametrize("role", ROLES)
async def test_an_act_of_a_script_is_held_to_the_role_as_well(
    guarded: RedisServer, role: str
) -> None:
    async with connect(as_user(guarded.url, role)) as link:
        with pytest.raises(RedisRefused, match=r"(?i)permission|NOPERM|ACL"):
            await link.ask(("EVAL", "return redis.call('FLUSHALL')", 0))


async def test_a_worker_lists_itself_and_an_operator_sees_it_and_its_queue(
    guarded: RedisServer,
) -> None:
    present = Present("w1", 0.0, 1, {"bookings": {}})
    call = other(1, deadline=time.time() + 60)
    async with (
        connect(guarded.url) as admin,
        links_by_role(guarded.url) as (session, worker, operator),
    ):
        await admin.ask(("FLUSHALL",))
        await StreamCalls(session, "asker").publish(call)
        assert await Roster(worker).come(present) is False
        await Roster(operator).drain("w1")
        assert await Roster(worker).come(present) is True
        assert await Roster(operator).present() == [present]
        assert call.queue in await queue_names(operator)
        await queue_state(operator, call.queue)
        assert await record(operator, call.queue, call.id)
        assert call in await OpenCalls(operator, call.queue).list()
