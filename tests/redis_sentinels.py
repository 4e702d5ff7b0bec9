"""Real Sentinels for tests, which watch a primary under the name `drill`."""

import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis, RedisError

from tests.redis_server import BINARY, RedisServer, free_port

__all__ = ["running_sentinels", "sentinel_url", "watched"]

CONFIGURATION = """\
port {port}
dir {directory}
sentinel monitor drill 127.0.0.1 {primary} {quorum}
sentinel down-after-milliseconds drill 1000
sentinel failover-timeout drill 5000
"""


@contextmanager
def running_sentinels(
    primary: RedisServer, count: int = 3, more: str = ""
) -> Generator[Sequence[int]]:
    """The ports of some Sentinels, most of which must agree. `more` is configuration."""
    directory = Path(tempfile.mkdtemp(prefix="drill-", dir="/tmp"))
    ports = [free_port() for _ in range(count)]
    watchers: list[subprocess.Popen[bytes]] = []
    try:
        for port in ports:
            about = {"port": port, "primary": primary.port, "quorum": count // 2 + 1}
            conf = directory / f"{port}.conf"
            conf.write_text(CONFIGURATION.format(directory=directory, **about) + more)
            command = [BINARY, str(conf), "--sentinel"]
            watchers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        yield ports
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.wait()
        shutil.rmtree(directory)


def sentinel_url(ports: Sequence[int]) -> str:
    return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in ports)}/drill/0"


def watched(port: int, key: str, wanted: str) -> bool:
    """Whether this Sentinel gives `wanted` for `key` of its primary."""
    client: Any = Redis(port=port, socket_timeout=2)
    with closing(client), suppress(RedisError):
        return str(client.sentinel_master("drill")[key]) == wanted
    return False
