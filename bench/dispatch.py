"""Dispatch through Redis and worker processes: latency, throughput, CPU time of all processes.

Ours is a `Client` with records, leases, fences, deadlines and idempotency on; the floor is
`redisconn`, the `peers` are other libraries. They take turns, so that all meet the same load.
"""

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.asking import make
from bench.peers.beside import PEERS, peer
from bench.redisconn import RedisConn
from orchestrator import Client, broker
from orchestrator.launch import part
from orchestrator.link import Link, connect
from orchestrator.settings import Settings

__all__ = ["measure"]

ROUNDS = 5
SEQUENTIAL, BUSY = 200, 3000
SCALES = ((1000, 1), (10_000, 1), (10_000, 2), (10_000, 4))
"""Calls and workers of each run of ours that shows whether the cost of a call stays the same."""


@dataclass(frozen=True)
class Side:
    """`make` makes calls: how many, how many of them at a time, and the seconds of each handler.
    It gives the median of what each call took."""

    name: str
    make: Callable[[int, int, float], Awaitable[float]]
    processes: Sequence[int]  # besides this one and Redis
    part: float = 1.0


@dataclass(frozen=True)
class Work:
    title: str
    calls: int
    flight: int
    seconds: float = 0.0


WORKS = (
    Work("one at a time", SEQUENTIAL, 1),
    Work("64 in flight", BUSY, 64),
    Work("handlers of 10 ms, 256 in flight", BUSY, 256, 0.01),
)
OF_PEERS = 1 / 5
"""The part of the calls that a peer makes, so that its rounds take about as long as ours."""


@dataclass(frozen=True)
class Taken:
    """Seconds per call (their median, if one at a time), and of CPU time of all processes."""

    each: float
    cpu: float


async def measure() -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            await _measure(Path(directory), stack)


async def _measure(directory: Path, stack: AsyncExitStack) -> None:
    redis = await stack.enter_async_context(broker.find(Settings(directory)))
    link = await stack.enter_async_context(connect(redis.url))
    print(f"dispatch through {redis.description.partition(' in ')[0]} and a worker process")
    start = partial(_start, directory, stack, redis.url)
    floor = RedisConn(redis.url)
    bare = await start("redisconn", ["bench.redisconn", redis.url])
    await floor.open()
    stack.push_async_callback(floor.close)
    client = await stack.enter_async_context(Client.connect(redis.url))
    worker = ["orchestrator", "worker", "bench/noop.py", "--queue", "busy", "--slots", "256"]
    first = await start("worker", [*worker, "--lifeline", "--ready"])
    ours = Side("ours", partial(make, partial(_call, client)), [first])
    sides = [Side("floor: redisconn", partial(make, floor.call), [bare]), ours]
    sides += [side async for side in _peers(stack, redis.url)]
    for work in WORKS:
        await _compare(link, work, sides)
    print("  what a call costs as calls and workers grow, 64 in flight, µs of CPU time")
    for calls, count in SCALES:
        while len(ours.processes) < count:
            more = await start(f"worker{count}", [*worker, "--lifeline", "--ready"])
            ours = Side("ours", ours.make, [*ours.processes, more])
        taken = await _run(link, ours, Work("", calls, 64))
        print(f"    {calls:>7,} calls, {count} workers {taken.cpu * 1e6:8.0f}")


async def _start(
    directory: Path, stack: AsyncExitStack, url: str, name: str, program: Sequence[str]
) -> int:
    environ: Mapping[str, str] = {**os.environ, "REDIS_URL": url}
    process = await stack.enter_async_context(part(name, program, directory, environ))
    await process.ready()
    return process.pid


async def _peers(stack: AsyncExitStack, url: str) -> AsyncIterator[Side]:
    for name in PEERS:
        found = await stack.enter_async_context(peer(name, url))
        if found:
            yield Side(name, found.make, found.processes, OF_PEERS)
        else:
            print(f"  {name} is not installed: `make bench` installs it")


async def _call(client: Client, seconds: float) -> None:
    outcome = await client.call("busy", "rest", {"seconds": seconds}, timeout=60)
    assert outcome.ok, outcome


async def _compare(link: Link, work: Work, sides: Sequence[Side]) -> None:
    found: dict[str, list[Taken]] = defaultdict(list)
    for turn in range(ROUNDS + 1):
        for side in sides:
            taken = await _run(link, side, work)
            if turn:  # the first one is to warm up
                found[side.name].append(taken)
    print(f"  {work.title}, {work.calls:,} calls, {ROUNDS} rounds")
    base = statistics.median(each.each for each in next(iter(found.values())))
    for name, rounds in found.items():
        each = sorted(taken.each for taken in rounds)
        middle, cpu = statistics.median(each), statistics.median(taken.cpu for taken in rounds)
        print(
            f"    {name:<20} {middle * 1e3:7.3f} ms a call ({each[0] * 1e3:.3f} to "
            f"{each[-1] * 1e3:.3f})  {1 / middle:8,.0f}/s  ratio {middle / base:5.2f}  "
            f"CPU {cpu * 1e6:5.0f} µs"
        )


async def _run(link: Link, side: Side, work: Work) -> Taken:
    calls = int(work.calls * side.part)
    began, cpu = time.perf_counter(), await _cpu(link, side)
    median = await side.make(calls, work.flight, work.seconds)
    took = time.perf_counter() - began
    each = median if work.flight == 1 else took / calls
    return Taken(each, (await _cpu(link, side) - cpu) / calls)


async def _cpu(link: Link, side: Side) -> float:
    """Seconds that this process, the side's and Redis have used; without the side's off Linux."""
    [info] = await link.ask(("INFO", "cpu"))
    lines = dict(line.split(":") for line in str(info).splitlines() if ":" in line)
    redis = float(lines["used_cpu_user"]) + float(lines["used_cpu_sys"])
    return time.process_time() + redis + sum(map(_cpu_of, side.processes))


def _cpu_of(process: int) -> float:
    try:
        stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
