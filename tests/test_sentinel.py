"""Links to the primary that Sentinels name. That it moves is drill D9 (`tests/drills`)."""

from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.link import RedisRefused, connect
from tests.drills.scene import until
from tests.redis_sentinels import running_sentinels, sentinel_url, watched
from tests.redis_server import RedisServer, free_port, running_redis

SECRET = "hunter2-swordfish"


@pytest.fixture
def primary() -> Iterator[RedisServer]:
    with running_redis({"port": str(free_port())}) as server:
        yield server


@pytest.fixture
def watchers(primary: RedisServer) -> Iterator[Sequence[int]]:
    with running_sentinels(primary, 1) as ports:
        yield ports


async def test_a_link_goes_where_the_primary_is(
    primary: RedisServer, watchers: Sequence[int]
) -> None:
    await until(partial(watched, watchers[0], "port", str(primary.port)))
    async with connect(sentinel_url(watchers)) as link:
        await link.ask(("SET", "a", "1"))
    async with connect(primary.url) as link:
        assert await link.ask(("GET", "a")) == ["1"]


async def test_one_sentinel_that_answers_is_enough(watchers: Sequence[int]) -> None:
    await until(partial(watched, watchers[0], "flags", "master"))
    async with connect(sentinel_url([1, *watchers])) as link:
        assert await link.ask(("GET", "a")) == [None]


async def test_a_name_that_no_sentinel_knows_is_told(watchers: Sequence[int]) -> None:
    await until(partial(watched, watchers[0], "flags", "master"))
    url = sentinel_url(watchers).replace("drill", "other")
    with pytest.raises(QueueUnavailable, match="no Sentinel knows where other is"):
        await opened(url)


async def test_sentinels_that_do_not_answer_are_told_from_those_that_do_not_know() -> None:
    with pytest.raises(QueueUnavailable, match=r"no Sentinel answers: .*127\.0\.0\.1:1\b"):
        await opened(sentinel_url([1]))


async def test_a_redis_that_is_no_sentinel_is_told_so(primary: RedisServer) -> None:
    with pytest.raises(RedisRefused, match=r"is no Sentinel: write redis://"):
        await opened(sentinel_url([primary.port]))


async def test_sentinels_have_a_password_of_their_own(primary: RedisServer) -> None:
    with running_sentinels(primary, 1, f"requirepass {SECRET}") as watchers:
        url = sentinel_url(watchers)
        await until(partial(reached, f"{url}?sentinel_password={SECRET}"))
        for wrong in (url, f"{url}?sentinel_password=not-{SECRET}"):
            with pytest.raises(ServiceError) as caught:
                await opened(wrong)
            assert SECRET not in str(caught.value)


async def opened(url: str) -> None:
    async with connect(url):
        pass


async def reached(url: str) -> bool:
    try:
        await opened(url)
    except QueueUnavailable:
        return False
    return True
