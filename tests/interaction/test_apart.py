"""The parts as processes of their own, which meet in Redis."""

import pytest

from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_parts_that_were_started_apart_carry_a_booking(
    project: Project, own_redis: RedisServer
) -> None:
    redis = {"REDIS_URL": own_redis.url}
    with project.part("worker", **redis) as worker, project.part("mcp-host", **redis) as host:
        told = project.say(
            "Do you have anything vegetarian?",
            f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin.",
            "My number is +33 6 12 34 56 78.",
            "Yes, please.",
            options=("--no-worker", "--no-mcp-host"),
            **redis,
        )
    assert (told.ended, told.status) == ("completed", 0), told.said
    done = [event["tool"] for event in told.named("call.done")]
    assert done == ["menu.search_dishes", "check_availability", "create_booking"]
    assert project.booked() == [Booked("Martin", DAY.isoformat(), 19 * 60 + 30, 4)]
    assert (worker.returncode, host.returncode) == (0, 0)
    assert "Redis: Valkey" in told.errors
