"""Redis goes away in the middle of a conversation, and comes back."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.cli.flows import load
from orchestrator.dispatch import keys
from orchestrator.flow.engine import step
from orchestrator.flow.events import from_json
from orchestrator.flow.snapshot import Snapshot
from orchestrator.link import connect
from orchestrator.projection import Record, record
from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin."
PHONE = "My number is +33 6 12 34 56 78."


async def journal_of(redis: RedisServer, session: str) -> Sequence[dict[str, Any]]:
    async with connect(redis.url) as link:
        [rows] = await link.ask(("XRANGE", keys.journal(session), "-", "+"))
    assert [number for number, _ in rows] == [f"{n}-0" for n in range(1, len(rows) + 1)]
    return [json.loads(text) for _, (_, text) in rows]


def printed_again(project: Project, journal: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What following the journal anew would print."""
    flow, _ = load(project.flow)
    header, *events = journal
    assert header["sha256"] == flow.sha256
    snapshot, shown = Snapshot(), list[Record | None]()
    for event in map(from_json, events):
        snapshot, commands = step(flow, snapshot, event)
        shown += [record(flow, snapshot, item) for item in (event, *commands)]
    return [each for each in shown if each]


async def test_nothing_is_lost_when_redis_is_away_in_the_middle(
    project: Project, own_redis: RedisServer
) -> None:
    """Away first while the caller talks, then while the booking is being written."""
    gate = project.gate("create_booking")
    with project.talk("--no-mcp-host", REDIS_URL=own_redis.url) as talk:
        talk.take_turns("I'd like to book a table.")
        talk.until("agent.said")
        own_redis.kill()
        talk.type(f"For four, on {SPOKEN_DAY} at half past seven, for Martin.")
        assert "phone" in talk.until("agent.said")["text"]
        own_redis.start()
        talk.type(PHONE)
        talk.take_turns("Yes.")
        with gate.held():
            own_redis.kill()
        own_redis.start()
        talk.until("call.done", tool="create_booking")
        assert talk.finish() == 0, talk.errors
    assert talk.ended == "completed"
    assert project.booked() == [Booked("Martin", DAY.isoformat(), 19 * 60 + 30, 4)]
    journal = await journal_of(own_redis, talk.session)
    assert printed_again(project, journal) == talk.events


def test_without_redis_a_tool_is_refused_and_the_conversation_goes_on(
    project: Project, own_redis: RedisServer
) -> None:
    with project.talk("--no-mcp-host", "--no-worker", REDIS_URL=own_redis.url) as talk:
        talk.until("agent.said")
        own_redis.kill()
        talk.type("Do you have anything vegetarian?")
        assert talk.until("call.failed")["code"] == "unavailable"
        assert talk.until("agent.said")["text"].startswith("Sorry")
        talk.type("Then I'd like to book a table for two.")
        talk.until("state.entered", state="details")
        talk.until("agent.said")
        talk.hang_up()
        assert talk.finish() == 3
    assert (talk.ended, talk.path) == ("hangup", ["welcome", "details"])
