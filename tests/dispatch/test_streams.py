"""What only Redis can show: acts, fences and outages. The rest is in test_contract.py."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from orchestrator.dispatch import acts, keys, sweep
from orchestrator.dispatch.acts import Ended, Held
from orchestrator.dispatch.call import Call, Outcome
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.streams import StreamCalls, pairs
from orchestrator.errors import QueueUnavailable
from orchestrator.interfaces import Claimed
from orchestrator.link import Link, RedisRefused, Reply, Script, connect
from tests.dispatch.samples import CALL, other
from tests.redis_server import RedisServer

DONE = Outcome("worker", result="done")
HELD = Held(CALL.queue, "live", "1-0", "w1")
FOLDER = Path(acts.__file__).parent


async def hash_at(link: Link, key: str) -> dict[str, str]:
    [found] = await link.ask(("HGETALL", key))
    return dict(found)


async def number(link: Link, *command: str) -> int:
    [found] = await link.ask(command)
    return int(found)


async def one(claims: StreamClaims) -> Claimed:
    with anyio.fail_after(30):
        while True:
            for claimed in await claims.claim(1, 1):
                return claimed


async def answers(calls: StreamCalls, count: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    settled = calls.settled()
    with anyio.fail_after(30):
        while len(found) < count:
            call_id, outcome = await anext(settled)
            found[call_id] = outcome
    return found


def ended(number: int, *, bounded: bool) -> Ended:
    return Ended("live", f"{number}-0", other(number), DONE.to_json(), True, 0.0, bounded)


def slot(key: str) -> int:
    """The slot of a key on a cluster: CRC16 of its hash tag."""
    tag = re.search(r"\{([^}]+)\}", key)
    text = (tag[1] if tag else key).encode()
    crc = 0
    for byte in text:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % 16384


def test_the_slot_is_computed_as_a_cluster_does() -> None:
    assert (slot("123456789"), slot("a{123456789}b")) == (0x31C3 % 16384, 0x31C3 % 16384)


@pytest.mark.parametrize(
    "acted",
    [
        acts.publish(CALL),
        acts.withdraw(CALL, DONE),
        acts.admit(HELD, CALL),
        acts.settle(CALL.queue, "w1", [ended(1, bounded=False), ended(2, bounded=True)]),
        acts.go_round(HELD, CALL, 1),
        acts.give_up(HELD, CALL, DONE),
        acts.bury(HELD, CALL.id, DONE, acts.Letter("", "not a call", 1)),
        acts.wake(CALL.queue),
    ],
)
def test_the_keys_of_an_act_lie_in_one_slot(acted: acts.Act) -> None:
    assert len({slot(key) for key in acted.keys}) == 1


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.lua")), ids=lambda path: path.stem)
def test_a_script_touches_only_the_keys_it_is_given(path: Path) -> None:
    text = path.read_text()
    touched = set(re.findall(r"call\('(?!PUBLISH|TIME)\w+', (\w+)", text))
    given = re.search(r"local ([\w, ]+) = (?:KEYS\[1\]|unpack\(KEYS\))", text)
    taken = re.findall(r"^local function \w+\(([\w, ]*)\)", text, re.M)  # by a function, of them
    assert touched <= {
        "stream",  # one of the two that are given
        *(given[1].split(", ") if given else ()),
        *(name for names in taken for name in names.split(", ")),
    }


async def test_the_record_of_an_open_call_is_as_documented(link: Link) -> None:
    await StreamCalls(link, "asker").publish(CALL)
    record = await hash_at(link, keys.call_record(CALL.queue, CALL.id))
    [[[entry, fields]]] = await link.ask(("XRANGE", keys.work(CALL.queue), "-", "+"))
    told = {"request": CALL.to_json(), "entry": entry, "status": "open"}
    assert record == {**told, "fingerprint": CALL.fingerprint()}
    assert fields == ["call", CALL.id, "request", CALL.to_json()]


async def test_the_record_of_a_settled_call_is_as_documented(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    await claims.settle(await one(claims), DONE)
    record = await hash_at(link, keys.call_record(CALL.queue, CALL.id))
    written = {"request", "fingerprint", "entry", "status", "outcome", "worker", "started"}
    assert set(record) == written
    assert (record["status"], record["worker"]) == ("settled", "w1")
    assert Outcome.from_json(record["outcome"]) == DONE
    [known] = await link.ask(("GET", keys.key_record(CALL.queue, CALL.tool, CALL.key)))
    assert known == f"{CALL.fingerprint()} {DONE.to_json()}"


async def test_a_late_outcome_is_kept_in_the_record(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    claimed = await one(claims)
    withdrawn = await calls.withdraw(CALL, "deadline")
    await claims.settle(claimed, DONE)
    record = await hash_at(link, keys.call_record(CALL.queue, CALL.id))
    assert Outcome.from_json(record["outcome"]) == withdrawn
    assert Outcome.from_json(record["late"]) == DONE


async def test_nothing_of_a_settled_call_stays_in_the_stream(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    for n in range(3):
        await calls.publish(other(n))
    for claimed in await claims.claim(3, 1):
        await claims.settle(claimed, DONE)
    assert await number(link, "XLEN", keys.work(CALL.queue)) == 0
    [[pending, *_]] = await link.ask(("XPENDING", keys.work(CALL.queue), keys.GROUP))
    assert pending == 0


async def test_everything_but_work_and_dead_letters_expires(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    for n in range(4):
        await calls.publish(other(n))
    first, second = await claims.claim(2, 1)
    await claims.settle(first, DONE)
    await calls.withdraw(second.call, "deadline")
    await calls.withdraw(other(9), "cancel")
    [names] = await link.ask(("KEYS", "*"))
    lasting = {name for name in names if await number(link, "TTL", name) < 0}
    assert lasting == {keys.work(CALL.queue), keys.jobs(CALL.queue)}


async def test_an_outcome_that_cannot_be_read_is_one_that_never_came(link: Link) -> None:
    calls = StreamCalls(link, "asker", relook=0.01)
    for number in (1, 2):
        await calls.publish(other(number))
    spoilt = keys.call_record(CALL.queue, other(1).id)
    await link.ask(("HSET", spoilt, "outcome", "not JSON"))
    settled = await StreamClaims(link, CALL.queue, "w1").claim(2, 1)
    await StreamClaims(link, CALL.queue, "w1").settle(settled[1], DONE)
    assert await answers(calls, 1) == {other(2).id: DONE}
    assert (await calls.withdraw(other(1), "deadline")).by == "deadline"


class Interrupted:
    """A link over which a publish fails after its answer has come another way."""

    def __init__(self) -> None:
        self.calls: StreamCalls | None = None

    def line(self) -> None:
        return

    async def act(self, script: Script, *_: object) -> str:
        if script is acts.PUBLISH:
            assert self.calls
            await self.calls.withdraw(CALL, "cancel")
            raise QueueUnavailable("cut off")
        return DONE.to_json()


async def test_a_publish_that_fails_after_its_answer_came_says_only_that() -> None:
    link = Interrupted()
    link.calls = StreamCalls(link, "asker")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(QueueUnavailable):
        await link.calls.publish(CALL)


async def test_a_worker_goes_on_after_its_redis_was_emptied(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    assert list(await claims.claim(1, 0.001)) == []
    await link.ask(("FLUSHALL",))
    await calls.publish(CALL)
    assert (await one(claims)).call == CALL


async def test_scripts_are_sent_again_when_redis_has_forgotten_them(link: Link) -> None:
    calls = StreamCalls(link, "asker")
    await calls.publish(other(1))
    await link.ask(("SCRIPT", "FLUSH"))
    await calls.publish(other(2))
    assert await number(link, "XLEN", keys.work(CALL.queue)) == 2


async def test_nothing_acknowledged_is_lost_when_redis_is_killed(
    own_redis: RedisServer, own_link: Link
) -> None:
    calls, claims = StreamCalls(own_link, "asker"), StreamClaims(own_link, CALL.queue, "w1")
    for n in range(30):
        await calls.publish(other(n))
    batch = list(await claims.claim(20, 1))
    for claimed in batch[:10]:
        assert await claims.settle(claimed, DONE) == "settled"
    own_redis.kill()
    own_redis.start()
    for claimed in batch[10:]:
        assert await claims.settle(claimed, DONE) == "settled"
    for _ in range(10):
        assert await claims.settle(await one(claims), DONE) == "settled"
    assert await answers(calls, 30) == {other(n).id: DONE for n in range(30)}
    assert await number(own_link, "XLEN", keys.work(CALL.queue)) == 0


async def test_acts_are_whole_when_redis_is_killed_among_them(
    own_redis: RedisServer, own_link: Link
) -> None:
    calls, accepted = StreamCalls(own_link, "asker"), set[str]()

    async def publish(call: Call) -> None:
        try:
            await calls.publish(call)
        except QueueUnavailable:
            return
        accepted.add(call.id)
        if len(accepted) == 50:
            own_redis.kill()

    async with anyio.create_task_group() as tasks:
        for n in range(200):
            tasks.start_soon(publish, other(n))
            await anyio.lowlevel.checkpoint()
    own_redis.start()
    [entries] = await own_link.ask(("XRANGE", keys.work(CALL.queue), "-", "+"))
    signalled = {fields[1]: entry for entry, fields in entries}
    [names] = await own_link.ask(("KEYS", keys.call_record(CALL.queue, "*")))
    records = [await hash_at(own_link, name) for name in names]
    assert len(accepted) >= 50
    assert accepted <= set(signalled)
    assert sorted(record["entry"] for record in records) == sorted(signalled.values())


async def test_without_redis_a_publish_and_a_withdrawal_fail_soon(
    own_redis: RedisServer, own_link: Link
) -> None:
    calls = StreamCalls(own_link, "asker")
    own_redis.kill()
    for act in (calls.publish(CALL), calls.withdraw(CALL, "cancel")):
        with anyio.fail_after(30), pytest.raises(QueueUnavailable):
            await act


async def test_a_frozen_redis_fails_a_publish_soon_and_runs_it_at_most_once(
    own_redis: RedisServer, own_link: Link
) -> None:
    calls = StreamCalls(own_link, "asker")
    own_redis.freeze()
    with anyio.fail_after(30), pytest.raises(QueueUnavailable):
        await calls.publish(CALL)
    own_redis.thaw()
    await calls.publish(CALL)
    assert await number(own_link, "XLEN", keys.work(CALL.queue)) == 1


async def test_a_claim_without_redis_is_empty(own_redis: RedisServer, own_link: Link) -> None:
    claims = StreamClaims(own_link, CALL.queue, "w1")
    own_redis.kill()
    with anyio.fail_after(30):
        assert list(await claims.claim(1, 1)) == []


async def test_both_sides_go_on_when_redis_returns(own_redis: RedisServer, own_link: Link) -> None:
    calls, claims = StreamCalls(own_link, "asker"), StreamClaims(own_link, CALL.queue, "w1")
    await calls.publish(CALL)

    async def work() -> None:
        while True:
            for claimed in await claims.claim(4, 1):
                await claims.settle(claimed, DONE)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        assert await answers(calls, 1) == {CALL.id: DONE}
        own_redis.kill()
        own_redis.start()
        await calls.publish(other(2))
        assert await answers(calls, 1) == {other(2).id: DONE}
        tasks.cancel_scope.cancel()


async def test_withdrawals_are_heard_over_a_new_connection(
    own_redis: RedisServer, own_link: Link
) -> None:
    calls, claims = StreamCalls(own_link, "asker"), StreamClaims(own_link, CALL.queue, "w1")
    for n in (1, 2):
        await calls.publish(other(n))
    await claims.claim(2, 1)
    await calls.withdraw(other(1), "cancel")
    listening = claims.withdrawn()
    with anyio.fail_after(30):
        assert await anext(listening) == other(1).id
        own_redis.kill()
        own_redis.start()
        await calls.withdraw(other(2), "cancel")
        while await anext(listening) != other(2).id:
            pass  # told again, as it still is ours


def ids(claimed: Sequence[Claimed]) -> list[str]:
    return [each.call.id for each in claimed]


async def test_a_claim_whose_reply_was_lost_is_made_again(
    own_redis: RedisServer, own_link: Link
) -> None:
    """The read is delivered by Redis and cut before it reaches us, as by a dropped connection."""
    calls, claims = StreamCalls(own_link, "asker"), StreamClaims(own_link, CALL.queue, "w1")
    await calls.publish(other(1))
    held = await claims.claim(1, 1)
    await calls.publish(other(2))
    read = ("XREADGROUP", "GROUP", keys.GROUP, "w1", "STREAMS", keys.work(CALL.queue), ">")
    await own_link.ask(read)
    own_redis.kill()
    own_redis.start()
    again = await one(claims)
    assert (ids(held), again.call.id, again.deliveries) == ([other(1).id], other(2).id, 2)


async def test_a_call_that_redis_has_lost_is_asked_for_again_if_it_may_run_twice(
    link: Link,
) -> None:
    calls, claims = StreamCalls(link, "asker", relook=0.01), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(other(1, rerun=True))
    await link.ask(("FLUSHALL",))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answers, calls, 1)
        claimed = await one(claims)
        assert await claims.settle(claimed, DONE) == "settled"


async def test_of_a_call_that_redis_has_lost_and_that_may_not_run_twice_the_outcome_is_unknown(
    link: Link,
) -> None:
    calls = StreamCalls(link, "asker", relook=0.01)
    await calls.publish(CALL)
    await link.ask(("FLUSHALL",))
    assert await answers(calls, 1) == {CALL.id: Outcome.withdrawn("dead")}


async def spoil(link: Link, call: Call) -> None:
    """Its record has another type: whatever asks for that is refused."""
    record = keys.call_record(call.queue, call.id)
    await link.ask(("DEL", record), ("SET", record, "x"))


async def test_a_call_that_redis_refuses_costs_no_other_its_outcome(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker", relook=60), StreamClaims(link, CALL.queue, "w1")
    for each in range(3):
        await calls.publish(other(each))
    held = await claims.claim(3, 1)
    await spoil(link, other(1))
    settled = await claims.settle_all([(claimed, DONE) for claimed in held])
    assert settled == ["settled", "refused", "settled"]
    [[count, *_]] = await link.ask(("XPENDING", keys.work(CALL.queue), keys.GROUP))
    assert (count, await number(link, "XLEN", keys.work(CALL.queue))) == (1, 1)
    assert await answers(calls, 2) == {other(0).id: DONE, other(2).id: DONE}


async def test_a_call_that_redis_refuses_is_given_up_by_who_sweeps(
    link: Link,
) -> None:
    again = other(1, rerun=True)
    claims = StreamClaims(link, CALL.queue, "w1", lease=0, tries=2)
    await StreamCalls(link, "asker").publish(again)
    await StreamCalls(link, "asker").publish(other(2))
    await claims.claim(1, 1)
    await spoil(link, again)
    await claims.sweep()  # goes round again
    assert [each.call.id for each in await claims.claim(2, 1)] == [other(2).id]
    await claims.sweep()
    assert await number(link, "XLEN", keys.dead(CALL.queue)) == 1
    assert await number(link, "XLEN", keys.work(CALL.queue)) == 0


@pytest.mark.parametrize(
    "poison",
    [
        {"timeout": math.nan},
        {"deadline": math.inf},
        {"limit": -1},
        *({name: "\ud83d"} for name in ("id", "tool", "key", "queue", "reply_to")),
        {"arguments": json.loads('{"a": ' + "[" * 400 + "]" * 400 + "}")},
    ],
    ids=lambda poison: next(iter(poison)),
)
async def test_what_would_harm_a_worker_is_a_dead_letter(
    link: Link, poison: dict[str, object]
) -> None:
    request = json.dumps(json.loads(CALL.to_json()) | poison)
    await link.ask(("XADD", keys.work(CALL.queue), "*", "call", "x", "request", request))
    await StreamCalls(link, "asker").publish(other(2))
    claims = StreamClaims(link, CALL.queue, "w1")
    assert [each.call.id for each in await claims.claim(2, 1)] == [other(2).id]
    [[[_, flat]]] = await link.ask(("XRANGE", keys.dead(CALL.queue), "-", "+"))
    assert pairs(flat)["request"] == request


async def test_a_limit_below_one_bounds_nothing(link: Link) -> None:
    """An earlier version's call, say: the act itself must not fail."""
    await StreamCalls(link, "asker").publish(CALL)
    await link.ask(("XGROUP", "CREATE", keys.work(CALL.queue), keys.GROUP, "0"))
    read = ("XREADGROUP", "GROUP", keys.GROUP, "w1", "STREAMS", keys.work(CALL.queue), ">")
    [found] = await link.ask(read)
    [[entry, _]] = found[keys.work(CALL.queue)]
    held = Held(CALL.queue, "live", entry, "w1")
    assert await link.act(*acts.admit(held, replace(CALL, limit=-1))) == ["run", 0]


async def test_an_outcome_that_cannot_be_written_is_a_failure(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    await claims.settle(await one(claims), Outcome("worker", object()))
    [outcome] = (await answers(calls, 1)).values()
    assert outcome == Outcome.failed("worker", "error", "book gave no JSON.")


async def test_nothing_is_kept_of_a_call_that_nobody_waits_for(own_redis: RedisServer) -> None:
    async with connect(own_redis.url) as link:
        calls = StreamCalls(link, "asker")
        for each in (other(1), other(2)):
            await calls.publish(each)
        assert await calls.ask_to_stop(other(1)) == Outcome.withdrawn("cancel")
        own_redis.kill()
        with pytest.raises(QueueUnavailable):
            await calls.withdraw(other(2), "deadline")
        kept = (calls._unanswered, calls._published)  # pyright: ignore[reportPrivateUsage]
    assert not any(kept)


async def test_asking_again_in_vain_forgets_no_call_that_was_asked_for(
    own_redis: RedisServer,
) -> None:
    async with connect(own_redis.url) as link:
        calls = StreamCalls(link, "asker")
        await calls.publish(CALL)
        own_redis.kill()
        with pytest.raises(QueueUnavailable):
            await calls.publish(CALL)
        own_redis.start()
        await StreamCalls(link, "other").withdraw(CALL, "cancel")
        assert await answers(calls, 1) == {CALL.id: Outcome.withdrawn("cancel")}


async def test_what_a_queue_keeps_of_parked_calls_outlives_the_longest_of_them(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1", limit=1)
    long = other(1, deadline=CALL.created + 10 * acts.DAY, limit=1)
    short = other(2, deadline=CALL.created + 10, limit=1)
    for call in (long, replace(long, id="waits"), short):
        await calls.publish(call)
    assert [each.call for each in await claims.claim(3, 1)] == [long]
    for key in (keys.due(CALL.queue), keys.waiting(CALL.queue, CALL.tool)):
        assert await number(link, "TTL", key) > 10 * acts.DAY


async def test_a_key_that_had_no_end_yet_gets_one(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    await link.ask(("ZADD", keys.slots(CALL.queue, CALL.tool), CALL.deadline, "another"))
    await calls.publish(replace(CALL, limit=2))
    await one(claims)
    assert await number(link, "TTL", keys.slots(CALL.queue, CALL.tool)) > 0


async def test_a_sweep_ends_though_its_verdicts_are_refused(
    link: Link, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(judged: Sequence[acts.Act]) -> list[Reply]:
        return [RedisRefused("NOPERM", "not for us")] * len(judged)

    claims = StreamClaims(link, CALL.queue, "w1", lease=0)
    await StreamCalls(link, "asker").publish(CALL)
    await one(claims)
    monkeypatch.setattr(sweep, "BATCH", 1)
    monkeypatch.setattr(link, "act_all", refuse)
    with anyio.fail_after(30):
        await claims.sweep()
    assert "a verdict is refused: not for us" in caplog.text
