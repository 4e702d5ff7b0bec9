"""A whole conversation where Redis lets each role do no more than docs/redis.acl says."""

import json
from collections.abc import Generator

import pytest

from tests.dispatch.guarded import as_user, guarded_redis
from tests.interaction.project import SPOKEN_DAY, Project
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin."
LOOKS = (
    ("queues",),
    ("calls", "list"),
    ("workers", "list"),
    ("approvals", "list"),
    ("dead", "list"),
    ("check", "flows/restaurant.flow.yaml", "--online"),
)


@pytest.fixture
def redis() -> Generator[RedisServer]:
    with guarded_redis() as server:
        yield server


def test_a_table_is_booked_and_looked_at_with_least_rights(
    project: Project, redis: RedisServer
) -> None:
    url = {role: as_user(redis.url, role) for role in ("session", "worker", "operator")}
    with (
        project.part("worker", REDIS_URL=url["worker"]),
        project.part("mcp-host", REDIS_URL=url["worker"]),
    ):
        told = project.say(
            WISH,
            "Do you have anything vegetarian?",
            "My number is +33 6 12 34 56 78.",
            "Yes, please.",
            options=("--no-worker", "--no-mcp-host"),
            REDIS_URL=url["session"],
        )
        assert (told.ended, told.status) == ("completed", 0), told.errors
        assert told.named("call.done", tool="menu.search_dishes")
        assert len(project.booked()) == 1
        for look in (*LOOKS, ("record", told.session)):
            seen = project.command(*look, REDIS_URL=url["operator"])
            assert (seen.returncode, seen.stderr) == (0, ""), look
        listed = project.command("workers", "list", "--json", REDIS_URL=url["operator"])
        names = [json.loads(line)["worker"] for line in listed.stdout.splitlines()]
        for name in names:
            drained = project.command("workers", "drain", name, "--wait", REDIS_URL=url["operator"])
            assert drained.stdout == f"{name}: gone\n", drained.stderr
    assert len(names) == 2
