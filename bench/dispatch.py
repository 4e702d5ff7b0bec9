"""Dispatch through Redis and worker processes: latency, throughput, CPU time of all processes.

Ours is a `Client` with records, leases, fences, deadlines and idempotency on; the floor is
`redisconn`, the `peers` are other libraries. They take turns, so that all meet the same load.
`--long` makes 1,100,000 calls more, and has up to 16 workers.
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
CALLS, LONG_CALLS = (1000, 10_000), (100_000, 1_000_000)
WORKERS, LONG_WORKERS = (2, 4), (8, 16)
"""These runs show whether the cost of a call stays the same."""


@dataclass(frozen=True)
class Side:
    """`make` makes calls: how many, how many of them at a time, and the seconds of each handler.
    It gives the median of what each call took."""

    name: str
    make: Callable[[int, int, float], Awaitable[float]]
    processes: list[int]  # besides this one and Redis
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


async def measure(*, long: bool = False) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            await _measure(Path(directory), stack, long)


async def _measure(directory: Path, stack: AsyncExitStack, long: bool) -> None:
    redis = await stack.enter_async_context(broker.find(Settings(directory)))
    link = await stack.enter_async_context(connect(redis.url))
    print(f"dispatch through {redis.description.partition(' in ')[0]} and a worker process")
    start = partial(_start, directory, stack, redis.url)
    floor = RedisConn(redis.url)
    bare = ["bench.redisconn", redis.url]
    theirs = [await start("redisconn", bare)]
    await floor.open()
    stack.push_async_callback(floor.close)
    client = await stack.enter_async_context(Client.connect(redis.url))
    worker = ["orchestrator", "worker", "bench/noop.py", "--queue", "busy", "--slots", "256"]
    worker += ["--lifeline", "--ready"]
    sides = [
        Side("floor: redisconn", partial(make, floor.call), theirs),
        Side("ours", partial(make, partial(_call, client)), [await start("worker", worker)]),
    ]
    peers = [side async for side in _peers(stack, redis.url)]
    for work in WORKS:
        await _compare(link, work, [*sides, *peers])
    print("  what a call costs as calls and workers grow, 64 in flight, µs of CPU time")
    for calls in CALLS + LONG_CALLS * long:
        before = await _memory(link, sides[1])
        await _scale(link, calls, sides)
        after = await _memory(link, sides[1])
        print("      MB: " + ", ".join(f"{n} {before[n]:.1f} to {after[n]:.1f}" for n in after))
    for count in WORKERS + LONG_WORKERS * long:
        for side, program in zip(sides, (bare, worker), strict=True):
            while len(side.processes) < count:
                side.processes.append(await start(f"worker {count}", program))
        await _scale(link, CALLS[-1], sides)


async def _scale(link: Link, calls: int, sides: Sequence[Side]) -> None:
    floor, ours = [await _run(link, side, Work("", calls, 64)) for side in sides]
    print(
        f"    {calls:>7,} calls, {len(sides[1].processes)} workers {ours.cpu * 1e6:8.0f}, "
        f"{ours.cpu / floor.cpu:.1f} times the floor's"
    )


async def _memory(link: Link, side: Side) -> Mapping[str, float]:
    """Megabytes: what processes have resident, and what Redis says that it uses."""
    [info] = await link.ask(("INFO", "memory"))
    used = next(line for line in str(info).splitlines() if line.startswith("used_memory:"))
    processes = {"asker": os.getpid(), "worker": side.processes[0]}
    resident = {name: _resident(process) for name, process in processes.items()}
    return {**resident, "Redis": int(used.partition(":")[2]) / 1e6}


def _resident(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


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
            yield Side(name, found.make, list(found.processes), OF_PEERS)
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
