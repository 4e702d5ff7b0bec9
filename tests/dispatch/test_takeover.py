"""What only Redis can show of dead workers: entries, dead letters, old versions, connections."""

from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch import claims as claiming
from orchestrator.dispatch import dead as letters
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Outcome
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.dead import StreamDeadLetters, queues_with_dead_letters
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.errors import UsageError
from orchestrator.link import Link
from tests.dispatch.samples import CALL, other
from tests.dispatch.test_streams import DONE, answers, number, one
from tests.redis_server import RedisServer


async def create_group(link: Link) -> None:
    await StreamClaims(link, CALL.queue, "creator").claim(1, 0.001)


def read_as(consumer: str) -> tuple[str, ...]:
    group = ("GROUP", keys.GROUP, consumer, "COUNT", "1")
    return ("XREADGROUP", *group, "STREAMS", keys.work(CALL.queue), ">")


POISON = [
    ("call", "x", "request", "not JSON"),
    ("call", "x", "request", "{}"),
    (
        "call",
        "x",
        "request",
        CALL.to_json().replace(f'"deadline":{CALL.deadline}', '"deadline":NaN'),
    ),
    (
        "call",
        "x",
        "request",
        CALL.to_json().replace('"rate":null', '"rate":{"calls":0,"seconds":1}'),
    ),
    ("call", "x", "request", CALL.to_json(), "deliveries", "many"),
    ("call", "x"),
    ("something", "else"),
]


@pytest.mark.parametrize("fields", POISON)
async def test_what_is_no_call_becomes_a_dead_letter(link: Link, fields: tuple[str, ...]) -> None:
    claims = StreamClaims(link, CALL.queue, "w1")
    await link.ask(("XADD", keys.work(CALL.queue), "*", *fields))
    await StreamCalls(link, "asker").publish(CALL)
    assert [claimed.call for claimed in await claims.claim(2, 1)] == [CALL]
    [letter] = await StreamDeadLetters(link, CALL.queue).list()
    given = dict(zip(fields[::2], fields[1::2], strict=True))
    assert (letter.call, letter.request) == (given.get("call", ""), given.get("request", ""))
    assert (letter.reason.partition(":")[0], letter.worker) == ("not a call", "w1")
    assert await number(link, "XLEN", keys.work(CALL.queue)) == 1


@pytest.mark.parametrize("fields", POISON)
async def test_what_is_no_call_and_kills_who_reads_it_becomes_a_dead_letter(
    link: Link, fields: tuple[str, ...]
) -> None:
    await create_group(link)
    await link.ask(("XADD", keys.work(CALL.queue), "*", *fields))
    await link.ask(read_as("dead"))
    await StreamClaims(link, CALL.queue, "w1", lease=0).sweep()
    [letter] = await StreamDeadLetters(link, CALL.queue).list()
    assert (letter.reason.partition(":")[0], letter.worker) == ("not a call", "dead")
    assert await number(link, "XLEN", keys.work(CALL.queue)) == 0


async def test_an_entry_that_names_another_call_is_a_dead_letter(link: Link) -> None:
    entry = ("call", "another", "request", CALL.to_json())
    await link.ask(("XADD", keys.work(CALL.queue), "*", *entry))
    assert await StreamClaims(link, CALL.queue, "w1").claim(1, 0.001) == []
    [letter] = await StreamDeadLetters(link, CALL.queue).list()
    assert (letter.call, letter.reason) == ("another", "not a call: the entry names another one")


async def test_the_asker_of_a_call_that_cannot_be_read_is_answered(link: Link) -> None:
    calls = StreamCalls(link, "asker", relook=0.01)
    await calls.publish(CALL)
    await link.ask(("DEL", keys.work(CALL.queue)))
    await link.ask(("XADD", keys.work(CALL.queue), "*", "call", CALL.id, "request", "of version 9"))
    await StreamClaims(link, CALL.queue, "w1").claim(1, 1)
    outcome = (await answers(calls, 1))[CALL.id]
    assert (outcome.by, outcome.error and outcome.error.code) == ("dead", "invalid")


@pytest.mark.parametrize(
    "request_", ["not JSON", CALL.to_json().replace('"guests":4', '"guests":NaN')]
)
async def test_a_dead_letter_that_is_no_call_cannot_be_redriven(link: Link, request_: str) -> None:
    await link.ask(("XADD", keys.dead(CALL.queue), "*", "request", request_))
    dead = StreamDeadLetters(link, CALL.queue)
    [letter] = await dead.list()
    with pytest.raises(UsageError, match=f"{letter.id} cannot be redriven, it is no call"):
        await dead.redrive(letter.id)
    assert await dead.show(letter.id) == letter


async def test_more_dead_letters_than_are_read_at_a_time_are_all_listed(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "BATCH", 2)
    for name in "abcd":
        await link.ask(("XADD", keys.dead(CALL.queue), "*", "call", name))
    listed = await StreamDeadLetters(link, CALL.queue).list()
    assert [letter.call for letter in listed] == ["a", "b", "c", "d"]


async def test_queues_are_known_by_their_dead_letters(link: Link) -> None:
    for queue in ("b", "a:{x}", "emptied"):
        await link.ask(("XADD", keys.dead(queue), "*", "call", "x"))
    await link.ask(("XTRIM", keys.dead("emptied"), "MAXLEN", 0))
    await StreamCalls(link, "asker").publish(CALL)
    assert await queues_with_dead_letters(link) == ["a:{x}", "b"]


async def test_the_entry_of_a_dead_letter_is_as_documented(link: Link) -> None:
    await StreamCalls(link, "asker").publish(replace(CALL, rerun=True))
    claims = StreamClaims(link, CALL.queue, "w1", lease=0, tries=1)
    await one(claims)
    await claims.sweep()
    [[[_, fields]]] = await link.ask(("XRANGE", keys.dead(CALL.queue), "-", "+"))
    assert fields[::2] == ["call", "request", "reason", "deliveries", "worker"]


async def test_the_entry_of_a_call_that_goes_round_again_is_as_documented(link: Link) -> None:
    call = replace(CALL, rerun=True)
    await StreamCalls(link, "asker").publish(call)
    claims = StreamClaims(link, CALL.queue, "w1", lease=0)
    first = await one(claims)
    await claims.sweep()
    [[[entry, fields]]] = await link.ask(("XRANGE", keys.work(CALL.queue), "-", "+"))
    assert fields == ["call", CALL.id, "request", call.to_json(), "deliveries", "1"]
    assert entry != first.entry


OLD_REQUEST = (
    '{"id":"s1.c1.1","queue":"bookings","tool":"book","arguments":{},"key":"s1.c1","attempt":1,'
    '"timeout":5.0,"deadline":4e9,"session":"s1","reply_to":"asker","created":3e9,"rerun":true,'
    '"trace":{},"of_a_later_version":[1]}'
)


async def published_by_an_older_version(link: Link) -> None:
    """A record and an entry with the fields of the first version, and one of a later one."""
    signal = ("call", "s1.c1.1", "request", OLD_REQUEST, "new", "x")
    [entry] = await link.ask(("XADD", keys.work("bookings"), "*", *signal))
    record = ("request", OLD_REQUEST, "entry", entry, "status", "open", "new", "x")
    await link.ask(("HSET", keys.call_record("bookings", "s1.c1.1"), *record))


async def test_a_call_of_an_older_version_is_run_and_settled(link: Link) -> None:
    await published_by_an_older_version(link)
    claims = StreamClaims(link, "bookings", "w1")
    claimed = await one(claims)
    assert (claimed.call.priority, claimed.call.limit, claimed.call.rate) == ("live", None, None)
    assert await claims.settle(claimed, DONE) == "settled"
    assert await number(link, "XLEN", keys.work("bookings")) == 0


async def test_a_call_of_an_older_version_is_taken_over_handed_back_and_withdrawn(
    link: Link,
) -> None:
    await published_by_an_older_version(link)
    claims = StreamClaims(link, "bookings", "w1", lease=0)
    await one(claims)
    await claims.sweep()
    again = await one(claims)
    assert again.deliveries == 2
    await claims.hand_back(again)
    again = await one(claims)
    assert again.deliveries == 2
    await StreamCalls(link, "asker").withdraw(again.call, "cancel")
    assert await claims.settle(again, DONE) == "late"


async def test_a_taken_call_whose_entry_an_older_version_has_deleted_is_dropped(link: Link) -> None:
    await StreamCalls(link, "asker").publish(CALL)
    claimed = await one(StreamClaims(link, CALL.queue, "dead"))
    await link.ask(("XDEL", keys.work(CALL.queue), claimed.entry))
    await StreamClaims(link, CALL.queue, "w1", lease=0).sweep()
    [[pending, *_]] = await link.ask(("XPENDING", keys.work(CALL.queue), keys.GROUP))
    assert (pending, list(await StreamDeadLetters(link, CALL.queue).list())) == (0, [])


async def test_more_lapsed_calls_than_are_judged_at_a_time_are_all_judged(link: Link) -> None:
    calls, dead = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "dead")
    async with anyio.create_task_group() as tasks:
        for n in range(250):
            tasks.start_soon(calls.publish, other(n))
    assert len(await dead.claim(250, 1)) == 250
    await StreamClaims(link, CALL.queue, "w1", lease=0).sweep()
    assert {each.by for each in (await answers(calls, 250)).values()} == {"dead"}


async def test_a_verdict_whose_signal_was_lost_is_found_in_the_record(link: Link) -> None:
    calls = StreamCalls(link, "asker", relook=0.01)
    await calls.publish(replace(CALL, reply_to="a process that is gone"))
    claims = StreamClaims(link, CALL.queue, "w1", lease=0)
    await one(claims)
    await claims.sweep()
    assert (await answers(calls, 1))[CALL.id] == Outcome.withdrawn("dead")


async def test_who_leaves_is_no_consumer_any_more_unless_it_still_holds_something(
    link: Link,
) -> None:
    idle, holding = (StreamClaims(link, CALL.queue, name) for name in ("idle", "holding"))
    await idle.claim(1, 0.001)
    await StreamCalls(link, "asker").publish(CALL)
    await one(holding)
    await idle.leave()
    await holding.leave()
    [consumers] = await link.ask(("XINFO", "CONSUMERS", keys.work(CALL.queue), keys.GROUP))
    assert [each["name"] for each in consumers] == ["holding"]


async def test_a_consumer_that_is_long_gone_and_holds_nothing_is_forgotten(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, holding = (StreamClaims(link, CALL.queue, name) for name in ("gone", "holding"))
    await gone.claim(1, 0.001)
    await StreamCalls(link, "asker").publish(CALL)
    await one(holding)
    monkeypatch.setattr(claiming, "FORGOTTEN", -1)
    await StreamClaims(link, CALL.queue, "new").claim(1, 0.001)
    [consumers] = await link.ask(("XINFO", "CONSUMERS", keys.work(CALL.queue), keys.GROUP))
    assert {each["name"] for each in consumers} == {"holding", "new"}


async def listen(claims: StreamClaims) -> None:
    async for _ in claims.withdrawn():
        pass


async def test_a_worker_of_one_queue_has_three_connections(own_link: Link) -> None:
    claims = StreamClaims(own_link, CALL.queue, "w1")
    await claims.claim(1, 0.001)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, claims)
        for _ in range(3):
            await claims.renew()
            await claims.sweep()
            await claims.claim(1, 0.001)
        [clients] = await own_link.ask(("CLIENT", "LIST"))
        assert len(clients.splitlines()) == 3
        tasks.cancel_scope.cancel()


async def test_leases_are_renewed_by_one_command_for_each_lane(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    for n in range(20):
        await calls.publish(other(n, priority="job" if n % 2 else "live"))
    assert [len(await claims.claim(10, 1)) for _ in range(2)] == [10, 10]
    await link.ask(("CONFIG", "RESETSTAT"))
    await claims.renew()
    [stats] = await link.ask(("INFO", "commandstats"))
    assert "cmdstat_xclaim:calls=2," in stats


async def of_one_millisecond(link: Link, claims: StreamClaims, **changes: object) -> None:
    """A call in each lane, whose entries have the same id."""
    await claims.claim(1, 0.001)
    for each, stream in enumerate((keys.work, keys.jobs), 1):
        call = other(each, **changes)
        fields = ("call", call.id, "request", call.to_json())
        await link.ask(("XADD", stream(CALL.queue), "1-0", *fields))


async def test_entries_of_one_millisecond_are_two_leases(link: Link) -> None:
    claims = StreamClaims(link, CALL.queue, "w1")
    await of_one_millisecond(link, claims)
    first, second = [each for _ in range(2) for each in await claims.claim(1, 1)]
    await link.ask(("CONFIG", "RESETSTAT"))
    await claims.renew()
    [stats] = await link.ask(("INFO", "commandstats"))
    assert "cmdstat_xclaim:calls=2," in stats
    assert [each.call.id for each in (first, second)] == [other(1).id, other(2).id]


async def test_of_two_entries_of_one_millisecond_one_may_run_alone(link: Link) -> None:
    claims = StreamClaims(link, CALL.queue, "w1")
    await of_one_millisecond(link, claims, limit=1)
    assert [each.call.id for each in await claims.claim(10, 1)] == [other(1).id]


async def test_without_redis_nothing_is_renewed_or_swept(
    own_redis: RedisServer, own_link: Link
) -> None:
    calls, claims = StreamCalls(own_link, "asker"), StreamClaims(own_link, CALL.queue, "w1")
    await calls.publish(CALL)
    claimed = await one(claims)
    own_redis.kill()
    with anyio.fail_after(30):
        assert not await claims.renew()
        await claims.sweep()
        await claims.leave()
    own_redis.start()
    assert await claims.renew()
    assert await claims.settle(claimed, DONE) == "settled"


async def test_leases_and_sweeps_go_on_after_redis_was_emptied(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    await one(claims)
    await link.ask(("FLUSHALL",))
    assert await claims.renew()
    await claims.sweep()
    await calls.publish(other(2))
    assert (await one(claims)).call == other(2)
