"""A whole conversation on a Redis Cluster, and what operators see of all its nodes."""

import json

import anyio
import pytest

from orchestrator import Client
from orchestrator.dispatch import keys
from orchestrator.link import connect
from tests.flow.test_review import FLOW
from tests.interaction import test_approvals, test_signals
from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project
from tests.redis_cluster import RedisCluster, home_of

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"A table for two on {SPOKEN_DAY} at eight in the evening, name of Ana Lopez."
PHONE = "My number is +33 6 12 34 56 78."


@pytest.fixture
def on_cluster(project: Project, shared_cluster: RedisCluster) -> Project:
    shared_cluster.flush()
    project.environ["REDIS_URL"] = shared_cluster.url
    return project


def test_a_table_is_booked_and_the_menu_asked_for(
    on_cluster: Project,
) -> None:
    told = on_cluster.say("Do you have anything vegetarian?", WISH, PHONE, "Yes.")
    assert told.named("call.done", tool="menu.search_dishes")
    assert told.ended == "completed", told.said
    assert on_cluster.booked() == [Booked("Ana Lopez", DAY.isoformat(), 20 * 60, 2)]
    recorded = on_cluster.command("record", told.session)
    assert recorded.returncode == 0, recorded.stderr


def test_a_signal_reaches_a_conversation(on_cluster: Project) -> None:
    test_signals.test_a_signal_reaches_the_session_that_it_names(on_cluster)


def test_a_person_decides(on_cluster: Project) -> None:
    on_cluster.flow.write_text(FLOW)
    (on_cluster.directory / "workers/identity.py").write_text(test_approvals.WORKER)
    test_approvals.test_a_person_decides_once(on_cluster, "approve", "done")


def test_operators_see_the_queues_of_all_nodes(on_cluster: Project) -> None:
    queues = [f"prints-{number}" for number in range(8)]
    assert len({home_of(keys.work(queue)) for queue in queues}) == 3
    anyio.run(fill, on_cluster.environ["REDIS_URL"], queues)
    assert {row["queue"] for row in listed(on_cluster, "queues")} == set(queues)
    assert {row["queue"] for row in listed(on_cluster, "calls", "list")} == set(queues)
    assert {row["queue"] for row in listed(on_cluster, "dead", "list")} == set(queues)
    assert on_cluster.command("dead", "drop", "--all").returncode == 0
    assert listed(on_cluster, "dead", "list") == []
    with on_cluster.part("worker", "workers/booking.py"):
        while not (workers := listed(on_cluster, "workers", "list")):
            pass
        name = str(workers[0]["worker"])
        drained = on_cluster.command("workers", "drain", name, "--wait")
        assert drained.stdout == f"{name}: gone\n"


async def fill(url: str, queues: list[str]) -> None:
    """A call that waits in each, and one that cannot be read."""
    async with Client.connect(url) as client, connect(url) as link:
        for queue in queues:
            await client.publish(queue, "press", {"what": "menu"})
            await link.ask(("XADD", keys.dead(queue), "*", "call", "card", "request", "a card"))


def listed(project: Project, *command: str) -> list[dict[str, object]]:
    ended = project.command(*command, "--json")
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]
