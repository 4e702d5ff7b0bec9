"""`rediss://` and `rediss+cluster://`, with a certificate authority of our own."""

import ssl
import subprocess
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.errors import ServiceError
from orchestrator.link import connect
from tests.dispatch.samples import CALL
from tests.drills.proxy import proxy
from tests.drills.scene import until
from tests.redis_cluster import RedisCluster, home_of, running_cluster
from tests.redis_server import RedisServer

DONE = Outcome("worker", result="done")
OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed by itself, for 127.0.0.1; its key lies beside it."""
    directory = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "ca.pem")]
    whose = ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*OPENSSL.split(), *files, *whose], check=True, capture_output=True)
    return directory / "ca.pem"


@pytest.fixture
async def port(shared_redis: RedisServer, certificate: Path) -> AsyncGenerator[int]:
    """Of a Redis that speaks TLS: not every engine can, so what does it stands in front."""
    async with proxy(shared_redis.socket, serving(certificate)) as way:
        yield way.port


def serving(certificate: Path) -> ssl.SSLContext:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return tls


async def test_a_call_goes_through_tls(port: int, certificate: Path) -> None:
    async with connect(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}") as link:
        await link.ask(("FLUSHALL",))
        calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
        await calls.publish(CALL)
        with anyio.fail_after(30):
            [claimed] = await claims.claim(1, 5)
            assert await claims.settle(claimed, DONE) == "settled"
            assert await anext(calls.settled()) == (CALL.id, DONE)


async def test_a_certificate_that_nobody_vouches_for_is_refused(port: int) -> None:
    with pytest.raises(ServiceError, match=r"(?i)certificate"):
        async with connect(f"rediss://127.0.0.1:{port}/0"):
            pass


async def test_without_tls_such_a_redis_is_not_there(port: int) -> None:
    with pytest.raises(ServiceError):
        async with connect(f"redis://127.0.0.1:{port}/0"):
            pass


async def test_the_nodes_of_a_cluster_are_reached_through_tls(certificate: Path) -> None:
    """At the ports that they announce: again something else speaks TLS for them."""
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        ports: list[int] = []
        for node in cluster.nodes:
            way = await stack.enter_async_context(proxy(node.socket, serving(certificate)))
            cluster.ask(node, "CONFIG", "SET", "cluster-announce-port", way.port)
            ports.append(way.port)
        url = f"rediss+cluster://127.0.0.1:{ports[0]}?ssl_ca_certs={certificate}"
        await until(lambda: all(str(port) in slots(cluster) for port in ports), within=10)
        async with connect(url) as link:
            names = [f"key:{number}" for number in range(30)]
            assert len({home_of(name) for name in names}) == 3
            await link.ask(*(("SET", name, name) for name in names))
            assert await link.ask(*(("GET", name) for name in names)) == names


def slots(cluster: RedisCluster) -> str:
    """Who has which, as the first node sees it."""
    return cluster.text(cluster.nodes[0], "CLUSTER SLOTS")
