"""D12: calls that kill whoever runs them, and entries that are no calls, among good ones."""

from collections import Counter

import anyio

from orchestrator.dispatch import keys
from orchestrator.dispatch.claims import TRIES
from orchestrator.dispatch.dead import StreamDeadLetters
from orchestrator.link import connect
from tests.drills.asker import QUEUE, Plan
from tests.drills.scene import Figures, Scene, scene

__all__ = ["poison"]

GARBAGE = ("{}", "[1]", "no JSON", '{"id": 5}')


async def poison(calls: int = 300, deadly: int = 3) -> Figures:
    """Every so many calls one is deadly, `deadly` of them in all."""
    kinds = ("fatal", *("commit",) * (calls // deadly - 1))
    async with scene() as here, connect(here.url) as link:
        for number, request in enumerate(GARBAGE):
            fields = ("call", f"garbage-{number}", "request", request)
            await link.ask(("XADD", keys.work(QUEUE), "*", *fields))
        async with anyio.create_task_group() as crew:
            for _ in range(2):
                crew.start_soon(_replaced, here)
            await here.answered(await here.asker(Plan(calls, kinds, flight=40)))
            crew.cancel_scope.cancel()
        figures = await here.verdict()
        letters = await StreamDeadLetters(link, QUEUE).list()
        killers = [name for name, kind in here.ledger.wanted().items() if kind == "fatal"]
        dead = Counter(letter.call for letter in letters)
        runs = here.ledger.runs()
        assert all(here.ledger.answers()[name] == ["crashed"] for name in killers)
        assert {name: runs[name] for name in killers} == dict.fromkeys(killers, TRIES)
        assert {f"drill.{name}.1" for name in killers} <= set(dead)
        assert {f"garbage-{number}" for number in range(len(GARBAGE))} <= set(dead)
        assert set(dead.values()) == {1}
        return {**figures, "dead letters": len(letters), "deliveries of a deadly call": TRIES}


async def _replaced(here: Scene) -> None:
    """One worker at a time, for ever."""
    while True:
        worker = await here.worker()
        await worker.wait()
