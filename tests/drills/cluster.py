"""D9 and D18 in a cluster: the node that has the queue dies, or the queue goes to another node."""

from functools import partial

from orchestrator.dispatch import keys
from tests.drills.asker import QUEUE, Plan
from tests.drills.scene import Figures, Scene, scene, until
from tests.redis_cluster import home_of, running_cluster

__all__ = ["lost_node", "moving_slot"]

PLACE = keys.work(QUEUE)


async def lost_node(calls: int = 200) -> Figures:
    """The node dies for good, and its replica takes its place. `calls` are answered before, and
    again after."""
    with running_cluster(replicated=home_of(PLACE)) as cluster:
        async with scene(cluster.nodes[home_of(PLACE)], cluster.url) as here:
            for _ in range(2):
                await here.worker()
            asker = await here.asker(Plan(2 * calls, enough=str(here.enough)))
            await until(partial(_answered, here, calls))
            here.redis.kill()
            answered = len(here.ledger.answers())
            await until(partial(_answered, here, answered + calls))
            here.enough.touch()
            await here.answered(asker)
            # What was answered by a node that is gone need not be on record.
            return await here.verdict(recorded=False)


async def moving_slot(moves: int = 10, between: int = 100) -> Figures:
    """`between` is how many calls are answered from one move to the next."""
    with running_cluster() as cluster:
        async with scene(cluster.nodes[0], cluster.url) as here:
            for _ in range(2):
                await here.worker()
            asker = await here.asker(Plan(2 * between, enough=str(here.enough)))
            for move in range(1, moves + 1):
                await until(partial(_answered, here, move * between))
                with cluster.moving(PLACE):
                    pass
            here.enough.touch()
            await here.answered(asker)
            figures = await here.verdict()
            return {**figures, "moves": moves, "acknowledged": len(here.ledger.ids())}


def _answered(here: Scene, calls: int) -> bool:
    return len(here.ledger.answers()) >= calls
