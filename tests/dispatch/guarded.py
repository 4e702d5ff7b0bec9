"""A Redis, and a cluster, that let each role do what docs/redis.acl says, and tests in."""

import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from orchestrator.link import Link, connect
from tests.redis_cluster import RedisCluster, running_cluster
from tests.redis_server import RedisServer, running_redis

__all__ = ["as_user", "guarded_cluster", "guarded_redis", "links_by_role", "version"]

RULES = Path(__file__).parents[2] / "docs/redis.acl"
TESTS = "user default on nopass ~* &* +@all"


@contextmanager
def guarded_redis() -> Generator[RedisServer]:
    with _rules() as rules, running_redis(rules) as server:
        yield server


@contextmanager
def guarded_cluster() -> Generator[RedisCluster]:
    with _rules() as rules, running_cluster(options=rules) as cluster:
        yield cluster


def as_user(url: str, role: str) -> str:
    """The URL with a role's user in it."""
    return url.replace("://", f"://{role}:{role.upper()}-PASSWORD@")


@asynccontextmanager
async def links_by_role(url: str) -> AsyncGenerator[tuple[Link, Link, Link]]:
    """Links of who asks, who works and who operates, each as its user."""
    async with (
        connect(as_user(url, "session")) as session,
        connect(as_user(url, "worker")) as worker,
        connect(as_user(url, "operator")) as operator,
    ):
        yield session, worker, operator


@contextmanager
def _rules() -> Generator[Mapping[str, str]]:
    with tempfile.NamedTemporaryFile("w", suffix=".acl") as rules:
        rules.write(RULES.read_text().replace("user default off", TESTS))
        rules.flush()
        yield {"aclfile": rules.name}


def version(binary: str) -> str:
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
