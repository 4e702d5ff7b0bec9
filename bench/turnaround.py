"""Tool turnaround: from `response.output_item.done` received to `function_call_output` sent.

The call goes through Redis and a worker process, with record, journal and fencing on; the
emulator is a process of its own, as the Realtime service would be. Turns and round trips of
the floor take turns with each other, so that both meet the same load.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from bench.floor import Floor
from orchestrator import broker
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.flow.compile import compile_flow
from orchestrator.interfaces import Connection
from orchestrator.journal import RedisJournal
from orchestrator.launch import part
from orchestrator.link import Link
from orchestrator.link import connect as connect_redis
from orchestrator.realtime.connection import connect
from orchestrator.realtime.settings import session_object
from orchestrator.realtime.translate import Realtime
from orchestrator.session import Session, Stores
from orchestrator.settings import Settings

__all__ = ["measure"]

MODEL = "gpt-realtime-2.1"

ROUNDS, TURNS = 10, 30
WARM_UP = 20

FLOW = """
dsl: 1
flow: bench
version: "1"
session: {channel: text}
tools:
  noop: {queue: bench, describe: Does nothing., returns: {done: bool}, safe: true}
start: talk
states:
  talk:
    goal: Call noop.
    tools: [noop]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


class Stopwatch:
    """A connection that notes when a call came in and when its output went out."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked = 0.0
        self.seconds: list[float] = []

    @property
    def closed(self) -> str:
        return self._connection.closed

    async def send(self, event: Mapping[str, Json]) -> None:
        await self._connection.send(event)
        if event.get("item", {}).get("type") == "function_call_output":
            self.seconds.append(time.perf_counter() - self._asked)

    async def __aiter__(self) -> AsyncIterator[Mapping[str, Json]]:
        async for event in self._connection:
            if event["type"] == "response.output_item.done":
                self._asked = time.perf_counter()
            yield event

    async def aclose(self) -> None:
        await self._connection.aclose()


async def measure() -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            ours, floor = await _measured(Path(directory), stack)
    base = statistics.median(floor)
    print(f"tool turnaround through Redis and a worker process, {len(ours)} calls")
    _print("floor: two streams, no record", floor, base)
    _print("ours", ours, base)


def _print(name: str, seconds: list[float], base: float) -> None:
    median, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    print(
        f"  {name:<30} p50 {median * 1000:6.2f} ms  p95 {p95 * 1000:6.2f} ms"
        f"  ratio {median / base:5.2f}"
    )


async def _measured(directory: Path, stack: AsyncExitStack) -> tuple[list[float], list[float]]:
    redis = await stack.enter_async_context(broker.find(Settings(directory)))
    script = directory / "script.json"
    turn = [[{"call": "noop"}], [{"say": "Done."}]]
    script.write_text(json.dumps([[], *(turn * (WARM_UP + ROUNDS * TURNS))]))
    worker = ["orchestrator", "worker", "bench/noop.py", "--lifeline", "--ready"]
    parts = {
        "emulator": ["orchestrator.emulator", "--script", str(script)],
        "worker": worker,
        "floor": ["bench.floor", redis.url],
    }
    environ = {**os.environ, "REDIS_URL": redis.url}
    ready = dict[str, Mapping[str, Json]]()
    for name, arguments in parts.items():
        process = await stack.enter_async_context(part(name, arguments, directory, environ))
        ready[name] = await process.ready()
    service = connect(str(ready["emulator"]["url"]), "bench", model=MODEL)
    connection = await stack.enter_async_context(service)
    link = await stack.enter_async_context(connect_redis(redis.url))
    floor = Floor(redis.url)
    await floor.open()
    stack.push_async_callback(floor.close)
    return await _alternate(Stopwatch(connection), link, floor)


async def _alternate(watch: Stopwatch, link: Link, floor: Floor) -> tuple[list[float], list[float]]:
    flow, _ = compile_flow(FLOW, "bench.flow.yaml")
    adapter, journal = Realtime(), RedisJournal("bench", link)
    for frame in adapter.start(session_object(flow.session, "text", model=MODEL)):
        await watch.send(frame)
    calls = StreamCalls(link, "bench")
    session = Session(flow, watch, adapter, Stores(calls, journal), session="bench")
    below: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run)
        tasks.start_soon(session.run)
        await _turns(session, WARM_UP)
        watch.seconds.clear()
        for _ in range(ROUNDS):
            below += [await floor.round_trip() for _ in range(TURNS)]
            await _turns(session, TURNS)
        tasks.cancel_scope.cancel()
    return watch.seconds, below


async def _turns(session: Session, count: int) -> None:
    for _ in range(count):
        await session.quiet()
        await session.caller_says("Go.")
    await session.quiet()
