"""What the operator's page shows is what its commands say, of queues in that state."""

import json
import re
from collections.abc import Generator
from dataclasses import fields
from pathlib import Path

import anyio
import pytest

from orchestrator import Client, Outcome
from orchestrator.desk import BACKLOG
from orchestrator.dispatch import keys
from orchestrator.dispatch.claims import LEASE, TRIES, StreamClaims
from orchestrator.dispatch.overview import QueueState
from orchestrator.dispatch.roster import LIFE
from orchestrator.errors import QueueUnavailable
from orchestrator.link import Link, connect
from orchestrator.worker.serve import GRACE
from tests.interaction.project import Project
from tests.redis_server import RedisServer
from tests.test_docs import rows, words
from tests.test_readme import commands

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

PAGE = (Path(__file__).parents[1] / "docs/operations.md").read_text()
NAME = re.compile(r"\b[a-z]+-\d+-[0-9a-f]{6}\b")
"""A worker's, as the page writes it."""

# What differs from one time to the next.
VARYING = {
    r"\b\d{13}-\d+\b": "LETTER",
    r"\b[\w.-]+-\d+-[0-9a-f]{6}\b": "WORKER",
    r"\b\d+[smh]\b": "AGE",
    r"\b\d+\.\d+\b": "SECONDS",
}


@pytest.fixture
def project(tmp_path: Path, own_redis: RedisServer) -> Generator[Project]:
    """A worker at the booking desk that has answered once, and the queue `prints` without one."""
    made = Project(tmp_path)
    made.environ["REDIS_URL"] = own_redis.url
    with made.part("worker", "workers/booking.py"):
        anyio.run(_happen, own_redis.url)
        yield made
    made.gone(20)


async def _happen(url: str) -> None:
    async with Client.connect(url) as client, connect(url) as link:
        wanted = {"day": "2026-11-28", "at": "19:30", "party_size": 4}
        assert (await client.call("booking", "check_availability", wanted, timeout=30)).ok
        await client.publish("prints", "press", {"what": "poster"}, id="poster", rerun=True)
        await _wear_out(link)
        await client.publish("prints", "press", {"what": "menu"}, id="menu")


async def _wear_out(link: Link) -> None:
    """What waits kills every worker that takes it, and an entry is no call."""
    await link.ask(("XADD", keys.jobs("prints"), "*", "call", "card", "request", "a card, please"))
    for number in range(TRIES):
        claims = StreamClaims(link, "prints", f"press-{number}-0a1b2c", lease=0)
        await claims.claim(10, 0.001)
        await claims.sweep()


def test_every_command_shows_what_the_page_shows(project: Project) -> None:
    for command in commands(PAGE):
        line = NAME.sub(lambda _: _worker(project), command.line)
        program, *arguments = line.split()
        assert program == "orchestrator"
        told = project.command(*arguments)
        assert told.returncode == 0, (line, told.stderr)
        assert alike(told.stdout) == alike(command.shown), line


def _worker(project: Project) -> str:
    [line] = project.command("workers", "list", "--json").stdout.splitlines()
    return str(json.loads(line)["worker"])


def alike(text: str) -> list[list[str]]:
    """Its words: columns are as wide as what stands in them."""
    for pattern, instead in VARYING.items():
        text = re.sub(pattern, instead, text)
    return [line.split() for line in text.splitlines()]


def test_it_explains_every_column_of_the_queues() -> None:
    explained = {word for row in rows(PAGE, "Queues") for word in words(row[0])}
    assert explained == {f.name for f in fields(QueueState)} - {"queue"}


def test_its_numbers_are_those_of_the_code() -> None:
    said = " ".join(PAGE.split())
    assert f"as `busy` when {BACKLOG} lie" in said
    assert f"gone from the list {LIFE} seconds after" in said
    assert f"for {GRACE:.0f} seconds or its `--drain`" in said
    assert (LEASE, TRIES) == (5, 3)  # five seconds, three workers


async def test_a_full_redis_lets_nothing_in_and_still_settles(own_redis: RedisServer) -> None:
    async with Client.connect(own_redis.url) as client, connect(own_redis.url) as link:
        call = await client.publish("prints", "press")
        claims = StreamClaims(link, "prints", "w1")
        [claimed] = await claims.claim(1, 5)
        await link.ask(("CONFIG", "SET", "maxmemory", "1"))
        with pytest.raises(QueueUnavailable):
            await client.publish("prints", "press")
        assert await claims.settle(claimed, Outcome("worker", "flat")) == "settled"
        assert await client.outcome("prints", call) == Outcome("worker", "flat")
