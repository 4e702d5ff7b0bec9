"""A Redis that lets each role do what docs/redis.acl says, and tests in."""

import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.redis_server import RedisServer, running_redis

__all__ = ["as_user", "guarded_redis", "version"]

RULES = Path(__file__).parents[2] / "docs/redis.acl"
TESTS = "user default on nopass ~* &* +@all"


@contextmanager
def guarded_redis() -> Generator[RedisServer]:
    with tempfile.NamedTemporaryFile("w", suffix=".acl") as rules:
        rules.write(RULES.read_text().replace("user default off", TESTS))
        rules.flush()
        with running_redis({"aclfile": rules.name}) as server:
            yield server


def as_user(server: RedisServer, role: str) -> str:
    return f"unix://{role}:{role.upper()}-PASSWORD@{server.socket}"


def version(binary: str) -> str:
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
