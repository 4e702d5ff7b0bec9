"""Workers say that they are there; the list holds those that still say so."""

import anyio
import pytest

from orchestrator.dispatch import keys, roster
from orchestrator.dispatch.roster import LIFE, Handled, Present, Roster
from orchestrator.errors import QueueUnavailable
from orchestrator.link import Link, connect
from tests.redis_server import RedisServer

BOOK = Handled({"type": "object", "properties": {"day": {"type": "string"}}}, {"type": "string"})
ANA = Present("ana-7", 1000.5, 10, {"booking": {"book": BOOK, "cancel": Handled({})}})
BEN = Present("ben-8", 1001.0, 2, {"sums": {"add": Handled({})}}, limit=5)


async def test_who_has_come_is_listed_by_name_until_it_leaves(link: Link) -> None:
    workers = Roster(link)
    assert await workers.present() == []
    await workers.come(BEN)
    await workers.come(ANA)
    assert await workers.present() == [ANA, BEN]
    await workers.leave(ANA.name)
    assert await workers.present() == [BEN]


async def test_who_gives_no_sign_of_life_is_gone_soon(link: Link) -> None:
    workers = Roster(link)
    await workers.come(ANA)
    [left] = await link.ask(("TTL", keys.worker(ANA.name)))
    assert 0 < left <= LIFE
    await link.ask(("DEL", keys.worker(ANA.name)))  # as its expiry does
    assert await workers.present() == []
    assert await link.ask(("SMEMBERS", keys.workers())) == [[]]


class Coming(Roster):
    """Tells when somebody has come."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.came = anyio.Event()

    async def come(self, worker: Present) -> bool:
        asked = await super().come(worker)
        self.came.set()
        return asked


async def test_who_stays_is_listed_again_after_redis_was_away(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "RENEW", 0.05)
    async with connect(own_redis.url) as link, anyio.create_task_group() as tasks:
        workers = Coming(link)
        tasks.start_soon(workers.stay, ANA)
        await workers.came.wait()
        own_redis.stop()
        with pytest.raises(QueueUnavailable):
            await workers.present()
        own_redis.start()
        await link.ask(("FLUSHALL",))
        workers.came = anyio.Event()
        await workers.came.wait()
        assert await workers.present() == [ANA]
        tasks.cancel_scope.cancel()


async def test_keys_lie_under_one_tag(link: Link) -> None:
    assert "{w}" in keys.worker("a") and "{w}" in keys.workers()


async def test_what_cannot_be_read_is_left_out_and_told(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Roster(link)
    await workers.come(BEN)
    for name, text in (("x", "[]"), ("y", "no JSON"), ("z", '{"name": "z", "queues": 1}')):
        await link.ask(("SADD", keys.workers(), name), ("SET", keys.worker(name), text))
    assert await workers.present() == [BEN]
    assert len(caplog.records) == 3


@pytest.mark.parametrize("field", ['"limit":5', '"slots":2'])
def test_a_number_without_end_is_no_workers(field: str) -> None:
    endless = BEN.to_json().replace(field, field[:-1] + "1e999")
    with pytest.raises(ValueError, match="not a worker: OverflowError"):
        Present.from_json(endless)


def test_what_an_earlier_version_does_not_say_has_its_default() -> None:
    assert Present.from_json('{"name":"x","started":1,"slots":2,"queues":{}}').limit is None


async def test_what_a_later_version_adds_is_left_out(link: Link) -> None:
    text = ANA.to_json().replace('"slots":10', '"slots":10,"mood":"fine"')
    assert Present.from_json(text) == ANA
