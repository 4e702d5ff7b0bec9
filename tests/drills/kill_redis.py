"""D8: Redis is killed in the middle of the work, and comes back with its append-only file."""

from tests.drills.asker import Plan
from tests.drills.scene import Figures, scene, until

__all__ = ["kill_redis"]


async def kill_redis(kills: int = 10, between: int = 100) -> Figures:
    """`between` is how many calls are answered from one kill to the next."""
    async with scene() as here:
        for _ in range(2):
            await here.worker()
        asker = await here.asker(Plan(2 * between, enough=str(here.enough)))
        for kill in range(1, kills + 1):
            await until(lambda kill=kill: len(here.ledger.answers()) >= kill * between)
            here.redis.kill()
            here.redis.start()
        here.enough.touch()
        await here.answered(asker)
        figures = await here.verdict()
        return {**figures, "kills": kills, "acknowledged": len(here.ledger.ids())}
