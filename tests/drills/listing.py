"""The drills: their long form has the defaults, the short form runs in the test suite."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from orchestrator.crashpoints import POINTS
from tests.drills.bad_network import Side, bad_network
from tests.drills.cluster import lost_node, moving_slot
from tests.drills.crash_points import crash_points
from tests.drills.disk_full import disk_full
from tests.drills.failover import failover, sentinel
from tests.drills.kill_redis import kill_redis
from tests.drills.kill_workers import kill_workers
from tests.drills.pause_worker import pause_worker
from tests.drills.poison import poison
from tests.drills.proxy import Manner
from tests.drills.scene import Figures

__all__ = ["DRILLS", "SHORT", "Drill"]

Run: TypeAlias = Callable[[], Awaitable[Figures]]


@dataclass(frozen=True)
class Drill:
    """`runs` by name, each a scene of its own."""

    title: str
    runs: Mapping[str, Run]


MANNERS: Sequence[Manner] = ("cut", "half-open", "slow", "drip")
SIDES: Sequence[Side] = ("asker", "worker")

DRILLS: Mapping[str, Drill] = {
    "D1": Drill("each worker is killed", {"": kill_workers}),
    "D2": Drill(
        "a process dies at every named point",
        {point: partial(crash_points, [point]) for point in POINTS},
    ),
    "D3": Drill("a worker is stopped and goes on", {"": pause_worker}),
    "D8": Drill("Redis is killed", {"": kill_redis}),
    "D9": Drill(
        "a replica takes the place of Redis",
        {
            "waiting for replicas": partial(failover, waits=True),
            "not waiting": partial(failover, waits=False),
            "by Sentinel": sentinel,
            "in a cluster": lost_node,
        },
    ),
    "D10": Drill("the disk is full", {"": disk_full}),
    "D11": Drill(
        "the network is bad",
        {
            f"{manner}, {side}'s way": partial(bad_network, manner, side)
            for manner in MANNERS
            for side in SIDES
        },
    ),
    "D12": Drill("poison", {"": poison}),
    "D18": Drill("the queue moves to another node of a cluster", {"": moving_slot}),
}


_BY_PROCESS = {
    process: tuple(point for point in POINTS if point.split(".")[0] in process)
    for process in ("asker", "worker", "sweep drain")
}

SHORT: Mapping[str, Run] = {
    "D1": partial(kill_workers, calls=60, seconds=2.0, lease=1.0),
    **{
        f"D2 {process}": partial(crash_points, points, hits=1, calls=12)
        for process, points in _BY_PROCESS.items()
    },
    "D3": partial(pause_worker, calls=60, lease=0.7),
    "D8": partial(kill_redis, kills=2, between=30),
    "D9 waiting": partial(failover, waits=True, calls=40, lag=1.0),
    "D9 not waiting": partial(failover, waits=False, calls=40, lag=1.0),
    "D9 by Sentinel": partial(sentinel, calls=40),
    "D9 in a cluster": partial(lost_node, calls=40),
    "D11 asker": partial(bad_network, "half-open", "asker", calls=40, deadline=1.0),
    "D11 worker": partial(bad_network, "cut", "worker", calls=40, deadline=1.0),
    "D12": partial(poison, calls=30, deadly=1),
    "D18": partial(moving_slot, moves=3, between=30),
}
