"""What each user of docs/redis.acl must not do. What they can do is in test_contract.py."""

import pytest

from orchestrator.dispatch import keys
from orchestrator.link import Command, RedisRefused, connect
from tests.dispatch.guarded import as_user
from tests.redis_server import RedisServer

ROLES = ("session", "worker", "operator")
NOBODYS: tuple[Command, ...] = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("KEYS", "*"),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("DEBUG", "SLEEP", "0"),
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
    ("operator", ("XREADGROUP", "GROUP", "g", "c", "STREAMS", keys.work("q"), ">")),
    ("worker", ("SUBSCRIBE", "somebody:elses")),
)


async def refused(server: RedisServer, role: str, command: Command) -> str:
    async with connect(as_user(server, role)) as link:
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
    async with connect(as_user(guarded, role)) as link:
        with pytest.raises(RedisRefused, match=r"(?i)permission|NOPERM|ACL"):
            await link.ask(("EVAL", "return redis.call('FLUSHALL')", 0))
