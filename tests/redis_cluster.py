"""A real cluster for tests: nodes on this machine, with all slots shared out among three."""

import contextlib
import re
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from redis import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.redis_server import RedisServer, free_port, running_redis

__all__ = ["RedisCluster", "home_of", "lone_node", "running_cluster"]

PRIMARIES = 3
SHARE = -(-REDIS_CLUSTER_HASH_SLOTS // PRIMARIES)
LIMIT = 30.0
"""Seconds within which the nodes agree."""


class RedisCluster:
    """Three primaries; a fourth node is a replica of the one with the number `replicated`."""

    def __init__(self, nodes: Sequence[RedisServer], replicated: int = 0) -> None:
        self.nodes = nodes
        self._replicated = nodes[replicated]
        self._clients: dict[int, Any] = {}

    @property
    def url(self) -> str:
        """By two of the nodes: the others have to be found."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes[1:3])

    def ask(self, node: RedisServer, *command: str | int) -> Any:
        """The reply as it is on the wire."""
        if node.port not in self._clients:
            client: Any = Redis(port=node.port, decode_responses=True)
            client.response_callbacks.clear()
            self._clients[node.port] = client
        return self._clients[node.port].execute_command(*command)

    def found(self) -> None:
        """Make one cluster of the nodes."""
        for number, node in enumerate(self.nodes[:PRIMARIES]):
            self.ask(node, "CLUSTER", "ADDSLOTSRANGE", *_share(number))
            self.ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        first = self.nodes[0]
        for node in self.nodes[1:]:
            bus = self.ask(first, "CONFIG", "GET", "cluster-port")["cluster-port"]
            self.ask(node, "CLUSTER", "MEET", "127.0.0.1", first.port, bus)
        for node in self.nodes:
            self._until(node, "CLUSTER INFO", f"cluster_known_nodes:{len(self.nodes)}")
        for replica in self.nodes[PRIMARIES:]:
            self.ask(replica, "CLUSTER", "REPLICATE", self.id(self._replicated))
            self._until(replica, "INFO replication", "master_link_status:up")
        for node in self.nodes:
            self._until(node, "CLUSTER INFO", "cluster_state:ok")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def flush(self) -> None:
        for node in self.nodes[:PRIMARIES]:
            self.ask(node, "FLUSHALL")

    def id(self, node: RedisServer) -> str:
        return str(self.ask(node, "CLUSTER", "MYID"))

    def owner(self, key: str) -> RedisServer:
        slot = key_slot(key.encode())
        for first, last, (_, port, *_), *_ in self.ask(self.nodes[1], "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody has {key}")

    @contextlib.contextmanager
    def moving(self, key: str) -> Generator[None]:
        """The slot of a key goes to another node. In the block its keys are there, and its owner
        still is the old one."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target = next(node for node in self.nodes[:PRIMARIES] if node is not source)
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.id(source))
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.id(target))
        while names := self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            there = ("127.0.0.1", target.port, "", 0, 5000, "KEYS")
            self.ask(source, "MIGRATE", *there, *names)
        yield
        for node in (target, source):
            self.ask(node, "CLUSTER", "SETSLOT", slot, "NODE", self.id(target))

    def disown(self, number: int) -> None:
        """The slots of a node have no owner any more, in the eyes of all."""
        for node in self.nodes:
            self.ask(node, "CLUSTER", "DELSLOTSRANGE", *_share(number))

    def own(self, node: RedisServer, number: int) -> None:
        """A node takes the slots that another one has lost."""
        self.ask(node, "CLUSTER", "ADDSLOTSRANGE", *_share(number))
        for each in self.nodes:
            self._until(each, "CLUSTER INFO", f"cluster_slots_assigned:{REDIS_CLUSTER_HASH_SLOTS}")

    def clients(self, node: RedisServer) -> int:
        return len(self.text(node, "CLIENT LIST").splitlines())

    def learnt(self, *nodes: RedisServer) -> int:
        """How often somebody asked these who owns what."""
        told = (self.text(node, "INFO commandstats") for node in nodes)
        return sum(int(n) for text in told for n in re.findall(r"cluster\|slots:calls=(\d+)", text))

    def _until(self, node: RedisServer, question: str, told: str) -> None:
        until = time.monotonic() + LIMIT
        while told not in self.text(node, question):
            assert time.monotonic() < until, self.text(node, question)
            time.sleep(0.01)

    def text(self, node: RedisServer, question: str) -> str:
        return str(self.ask(node, *question.split()))


@contextlib.contextmanager
def running_cluster(
    replicated: int | None = None, options: Mapping[str, str] | None = None
) -> Generator[RedisCluster]:
    """`replicated` is the number of a node that has a replica; `options` are every node's."""
    with contextlib.ExitStack() as stack:
        count = PRIMARIES if replicated is None else PRIMARIES + 1
        each = [{**_options(), **(options or {})} for _ in range(count)]
        nodes = [stack.enter_context(running_redis(node)) for node in each]
        cluster = RedisCluster(nodes, replicated or 0)
        stack.callback(cluster.close)
        cluster.found()
        yield cluster


@contextlib.contextmanager
def lone_node() -> Generator[RedisServer]:
    """A node that has met no other and owns nothing."""
    with running_redis(_options()) as node:
        yield node


def _share(number: int) -> tuple[int, int]:
    """The first and the last slot of a node."""
    return number * SHARE, min(REDIS_CLUSTER_HASH_SLOTS, (number + 1) * SHARE) - 1


def home_of(key: str) -> int:
    """The number of the node that has a key before anything moves."""
    return key_slot(key.encode()) // SHARE


def _options() -> dict[str, str]:
    return {
        "port": str(free_port()),
        "bind": "127.0.0.1",
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "cluster-node-timeout": "1000",
    }
