"""Links to a Redis Cluster, while its slots move and its nodes die."""

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from redis.crc import key_slot

from orchestrator import cluster as cluster_module
from orchestrator import server as server_module
from orchestrator.addresses import ClusterAddress, address
from orchestrator.backoff import Backoff
from orchestrator.cluster import ClusterLink
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Outcome
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.streams import OpenCalls, StreamCalls
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.link import Command, Link, RedisRefused, Reply, connect
from tests.dispatch.samples import other
from tests.redis_cluster import RedisCluster, home_of, lone_node, running_cluster
from tests.redis_server import RedisServer, free_port, running_redis

KEYS = [f"key:{number}" for number in range(30)]


@pytest.fixture
async def link(shared_cluster: RedisCluster) -> AsyncGenerator[Link]:
    shared_cluster.flush()
    async with connect(shared_cluster.url) as link:
        yield link


async def opened(url: str) -> None:
    async with connect(url):
        pass


async def patiently(link: Link, *commands: Command) -> list[Reply]:
    """As everybody does who must have an answer."""
    backoff = Backoff(most=0.2)
    with anyio.fail_after(30):
        while True:
            try:
                return await link.ask(*commands)
            except QueueUnavailable:
                await anyio.sleep(backoff.next())


async def test_what_lies_on_several_nodes_is_answered_in_order(
    link: Link, shared_cluster: RedisCluster
) -> None:
    assert len({shared_cluster.owner(key).port for key in KEYS}) == 3
    await link.ask(*(("SET", key, key) for key in KEYS))
    assert await link.ask(*(("GET", key) for key in KEYS)) == KEYS


async def test_names_are_found_on_every_node(link: Link) -> None:
    await link.ask(*(("SET", key, "") for key in KEYS), ("SET", "other", ""))
    assert await link.names("key:*") == set(KEYS)


async def test_what_was_said_at_one_node_is_heard_at_every_other(
    link: Link, shared_cluster: RedisCluster
) -> None:
    listening = link.listen("news")
    with anyio.fail_after(30):
        assert await anext(listening) is None
        for node in shared_cluster.nodes:
            shared_cluster.ask(node, "PUBLISH", "news", node.port)
        heard = {await anext(listening) for _ in shared_cluster.nodes}
    assert heard == {str(node.port) for node in shared_cluster.nodes}


async def test_commands_follow_a_slot_that_moves(link: Link, shared_cluster: RedisCluster) -> None:
    await link.ask(("SET", "{a}1", "1"))
    with shared_cluster.moving("{a}"):
        assert await link.ask(("GET", "{a}1"), ("SET", "{a}2", "2")) == ["1", "OK"]
    assert await link.ask(("GET", "{a}1"), ("GET", "{a}2")) == ["1", "2"]


async def test_keys_on_both_sides_of_a_move_are_not_available(
    link: Link, shared_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "LIMIT", 0.05)
    await link.ask(("SET", "{b}1", "1"))
    with shared_cluster.moving("{b}"), pytest.raises(QueueUnavailable):
        await link.ask(("MGET", "{b}1", "{b}2"))
    assert await link.ask(("MGET", "{b}1", "{b}2")) == [["1", None]]


async def test_a_read_that_waits_follows_its_slot(link: Link, shared_cluster: RedisCluster) -> None:
    line, found = link.line(), list[Reply]()

    async def read() -> None:
        command = ("XREAD", "BLOCK", 10_000, "STREAMS", "{c}stream", "0")
        found.append(await line.ask(command, 10.0))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await until_somebody_waits(shared_cluster, "{c}stream")
        with shared_cluster.moving("{c}stream"):
            pass
        await link.ask(("XADD", "{c}stream", "1-0", "a", "b"))
    assert found == [{"{c}stream": [["1-0", ["a", "b"]]]}]


async def until_somebody_waits(cluster: RedisCluster, key: str) -> None:
    """In a node's eyes."""
    node = cluster.owner(key)
    with anyio.fail_after(30):
        while "blocked_clients:0" in cluster.text(node, "INFO clients"):
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("harm", [RedisServer.kill, RedisServer.freeze], ids=["kill", "freeze"])
async def test_a_replica_takes_the_place_of_a_node(harm: Callable[[RedisServer], None]) -> None:
    with running_cluster(replicated=0) as cluster:
        async with connect(cluster.url) as link:
            lost = next(key for key in KEYS if home_of(key) == 0)
            kept = next(key for key in KEYS if home_of(key) == 1)
            await link.ask(("SET", lost, "1"), ("SET", kept, "2"))
            line = link.line()
            harm(cluster.nodes[0])
            assert await link.ask(("GET", kept)) == ["2"]
            assert await patiently(link, ("GET", lost), ("GET", kept)) == ["1", "2"]
            assert await line.ask(("GET", lost)) == "1"


async def test_what_is_written_must_be_on_replicas_of_its_own_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost, kept = (next(key for key in KEYS if home_of(key) == node) for node in (0, 1))
    with running_cluster(replicated=0) as cluster:
        async with connect(f"{cluster.url}?replicas=1") as link:
            assert await link.ask(("SET", lost, "1")) == ["OK"]
            monkeypatch.setattr(server_module, "PATIENCE", 10)
            with pytest.raises(QueueUnavailable, match="0 of 1 replicas"):
                await link.ask(("SET", kept, "1"))


async def test_nobody_waits_for_an_answer_from_a_node_that_is_away() -> None:
    away, there = queue_on(0), queue_on(1)
    asker = next(f"asker-{n}" for n in range(99) if home_of(keys.replies(f"asker-{n}")) == 2)
    with running_cluster() as cluster:
        async with connect(cluster.url) as link:
            calls = StreamCalls(link, asker, relook=0.05)
            for number, queue in enumerate((away, there)):
                await calls.publish(other(number, queue=queue, reply_to=asker))
            cluster.nodes[0].kill()
            claims = StreamClaims(link, there, "w1")
            with anyio.fail_after(20):
                [claimed] = await claims.claim(1, 10)
                await claims.settle(claimed, Outcome("worker", 1))
                assert await anext(calls.settled()) == (other(1).id, Outcome("worker", 1))


async def test_an_asker_at_a_node_that_has_left_soon_listens_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_cluster(options=HOLES) as cluster:
        old, *others = cluster.nodes
        monkeypatch.setattr(cluster_module.random, "choice", partial(min, key=_unless(old.port)))
        channel, queue = keys.replies("asker"), queue_on(1)
        async with connect(cluster.url) as link, anyio.create_task_group() as tasks:
            calls = StreamCalls(link, "asker", relook=0.05)
            tasks.start_soon(_hear, calls)
            with anyio.fail_after(30):
                await _listened(cluster, [old], channel)
                leave(cluster, old)
                await calls.publish(other(1, queue=queue))
                await OpenCalls(link, queue).settle(other(1, queue=queue), Outcome("worker"))
                await _listened(cluster, others, channel)
            tasks.cancel_scope.cancel()


def _unless(port: int) -> Callable[[tuple[str, int]], bool]:
    return lambda node: node[1] != port


async def _hear(calls: StreamCalls) -> None:
    async for _ in calls.settled():
        pass


async def _listened(cluster: RedisCluster, nodes: Sequence[RedisServer], channel: str) -> None:
    """Wait until somebody listens at one of these."""
    while not any(cluster.ask(node, "PUBSUB", "NUMSUB", channel)[1] for node in nodes):
        await anyio.lowlevel.checkpoint()


def leave(cluster: RedisCluster, node: RedisServer) -> None:
    """It lives on and answers, but is no part of the cluster: what is said there nobody hears."""
    name, others = cluster.id(node), [each for each in cluster.nodes if each is not node]
    cluster.disown(0)
    cluster.own(others[0], 0)
    cluster.ask(node, "CLUSTER", "RESET")
    for each in others:
        cluster.ask(each, "CLUSTER", "FORGET", name)


async def test_what_can_be_said_of_each_is_said() -> None:
    lost, kept = (next(key for key in KEYS if home_of(key) == node) for node in (0, 1))
    with running_cluster() as cluster:
        async with connect(cluster.url) as link:
            cluster.nodes[0].kill()
            failure, value = await link.ask_each(("GET", lost), ("GET", kept))
            assert isinstance(failure, QueueUnavailable) and value is None
            with pytest.raises(QueueUnavailable):
                await link.ask_each(("GET", lost))


def queue_on(node: int) -> str:
    names = (f"queue-{number}" for number in range(99))
    return next(name for name in names if home_of(keys.work(name)) == node)


LOST, KEPT = (next(key for key in KEYS if home_of(key) == node) for node in (0, 1))
HOLES = {"cluster-require-full-coverage": "no"}


def doubt(link: Link) -> None:
    assert isinstance(link, ClusterLink)
    link.doubt()


async def test_a_slot_without_an_owner_is_away_alone_until_it_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_cluster(options=HOLES) as cluster:
        async with connect(cluster.url) as link:
            cluster.disown(0)
            doubt(link)
            monkeypatch.setattr(cluster_module, "RELEARN", math.inf)
            before = cluster.learnt(*cluster.nodes)
            for _ in range(5):
                failure, value = await link.ask_each(("GET", LOST), ("GET", KEPT))
                assert isinstance(failure, QueueUnavailable) and value is None
            assert cluster.learnt(*cluster.nodes) - before <= 3  # once, of up to three nodes
            cluster.own(cluster.nodes[1], 0)
            monkeypatch.setattr(cluster_module, "RELEARN", 0)
            assert await patiently(link, ("GET", LOST)) == [None]


async def test_a_node_that_refuses_us_is_away_alone() -> None:
    with running_cluster() as cluster:
        async with connect(cluster.url) as link:
            cluster.ask(cluster.nodes[0], "CONFIG", "SET", "requirepass", "secret")
            failure, value = await link.ask_each(("GET", LOST), ("GET", KEPT))
            assert isinstance(failure, RedisRefused) and value is None


async def test_a_slot_that_is_on_its_way_to_a_node_that_is_away_is_away_alone() -> None:
    with running_cluster(options=HOLES) as cluster:
        async with connect(cluster.url) as link:
            source, target = cluster.nodes[0], cluster.nodes[2]
            slot = key_slot(LOST.encode())
            cluster.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(target))
            target.kill()
            failure, value = await link.ask_each(("GET", LOST), ("GET", KEPT))
            assert isinstance(failure, QueueUnavailable) and value is None


async def test_a_node_that_owns_nothing_does_not_say_who_owns_what() -> None:
    with running_cluster() as cluster, lone_node() as lone:
        url = f"redis+cluster://127.0.0.1:{lone.port},127.0.0.1:{cluster.nodes[0].port}"

        async def ask() -> None:
            async with connect(url) as link:
                assert await link.ask(("GET", LOST), ("GET", KEPT)) == [None, None]

        cluster.nodes[0].freeze()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while not cluster.learnt(lone):
                await anyio.lowlevel.checkpoint()
            cluster.nodes[0].thaw()


async def test_a_cluster_without_slots_is_not_available() -> None:
    with lone_node() as lone, pytest.raises(QueueUnavailable, match="no node has any slots"):
        await opened(f"redis+cluster://127.0.0.1:{lone.port}")


async def test_a_connection_to_what_is_no_node_any_more_is_closed() -> None:
    with running_cluster(options=HOLES) as cluster:
        old = cluster.nodes[0]
        before = cluster.clients(old)
        async with connect(cluster.url) as link:
            line = link.line()
            await line.ask(("GET", LOST))
            await link.ask(("GET", LOST))
            await clients(cluster, old, before + 2)
            cluster.disown(0)
            cluster.own(cluster.nodes[1], 0)
            doubt(link)
            assert await line.ask(("GET", LOST)) is None
            await clients(cluster, old, before)


async def clients(cluster: RedisCluster, node: RedisServer, count: int) -> None:
    """Wait until a node has so many: it notices a little later who has gone."""
    with anyio.fail_after(30):
        while cluster.clients(node) != count:
            await anyio.lowlevel.checkpoint()


async def test_who_asks_a_node_that_is_left_before_anything_was_sent_hears_of_it() -> None:
    there = address("redis+cluster://127.0.0.1:1")
    assert isinstance(there, ClusterAddress)
    link, node = ClusterLink(there), there.nodes[0]

    async def ask() -> None:
        with pytest.raises(QueueUnavailable, match="closed"):
            await link._at(node).submit([("PING",)])  # pyright: ignore[reportPrivateUsage]

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            link._leave(node)  # pyright: ignore[reportPrivateUsage]


async def test_a_link_that_was_idle_does_not_notice_that_a_node_was_replaced() -> None:
    with running_cluster(replicated=0) as cluster:
        async with connect(cluster.url) as link, connect(cluster.url) as idle:
            lost = next(key for key in KEYS if home_of(key) == 0)
            await idle.ask(("SET", lost, "1"))
            cluster.nodes[0].kill()
            await patiently(link, ("GET", lost))
            assert await idle.ask(("GET", lost)) == ["1"]


async def test_a_node_alone_is_refused_with_the_right_url(shared_cluster: RedisCluster) -> None:
    with pytest.raises(ServiceError, match=r"begin its URL with redis\+cluster://"):
        await opened(f"redis://127.0.0.1:{shared_cluster.nodes[0].port}")


async def test_a_server_that_is_no_cluster_is_refused() -> None:
    with (
        running_redis({"port": str(free_port())}) as server,
        pytest.raises(RedisRefused, match="is no cluster: begin its URL with redis://"),
    ):
        await opened(f"redis+cluster://127.0.0.1:{server.port}")


async def test_a_cluster_of_which_no_node_answers_is_not_available() -> None:
    with pytest.raises(QueueUnavailable, match=r"127\.0\.0\.1:[12] is not available"):
        await opened("redis+cluster://127.0.0.1:1,127.0.0.1:2")


async def test_one_node_that_answers_is_enough(shared_cluster: RedisCluster) -> None:
    port = shared_cluster.nodes[2].port
    async with connect(f"redis+cluster://127.0.0.1:1,127.0.0.1:{port}") as link:
        assert await link.ask(*(("GET", key) for key in KEYS)) == [None] * len(KEYS)


async def test_a_closed_link_says_so(shared_cluster: RedisCluster) -> None:
    async with connect(shared_cluster.url) as link:
        pass
    with pytest.raises(QueueUnavailable, match="closed"):
        await link.ask(("GET", "a"))
