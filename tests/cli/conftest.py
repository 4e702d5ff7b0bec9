import gc
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.served import Served
from tests.redis_server import RedisServer


@pytest.fixture(autouse=True)
def _goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of tests outlives a command: what the others left is still to be collected."""
    monkeypatch.setattr(gc, "freeze", lambda: None)


@pytest.fixture
def project(tmp_path: Path, own_redis: RedisServer) -> Generator[Served]:
    made = Served(tmp_path, own_redis.url)
    yield made
    made.gone(20)
