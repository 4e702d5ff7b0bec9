"""How much lies in a queue: what people are told while calls wait, run, are parked and leave."""

from dataclasses import replace

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Rate
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.overview import find_call, queue_names, queue_state
from orchestrator.dispatch.roster import Present, Roster
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.interfaces import Claimed
from orchestrator.link import Link
from tests.dispatch.samples import CALL, NOW, other
from tests.dispatch.test_streams import DONE, one

QUEUE = CALL.queue


async def counts(link: Link) -> tuple[int, int, int]:
    state = await queue_state(link, QUEUE)
    return state.waiting, state.running, state.parked


async def limited(link: Link, claims: StreamClaims) -> Claimed:
    """Three calls of a tool of which one may run at a time, taken together."""
    calls = StreamCalls(link, "asker")
    for number in (1, 2, 3):
        await calls.publish(other(number, limit=1))
    assert await counts(link) == (3, 0, 0)
    [running] = await claims.claim(10, 0.001)
    return running


async def test_calls_beyond_a_limit_are_parked(link: Link) -> None:
    claims = StreamClaims(link, QUEUE, "w1")
    await limited(link, claims)
    assert await counts(link) == (0, 1, 2)
    await StreamCalls(link, "asker").publish(other(4, tool="cancel_booking"))
    assert await counts(link) == (1, 1, 2)


async def test_a_call_that_was_given_a_slot_is_parked_no_more(link: Link) -> None:
    claims = StreamClaims(link, QUEUE, "w1")
    await claims.settle(await limited(link, claims), DONE)
    assert await counts(link) == (1, 0, 1)
    await one(claims)
    assert await counts(link) == (0, 1, 1)


async def test_a_parked_call_that_was_withdrawn_counts_no_more(link: Link) -> None:
    claims = StreamClaims(link, QUEUE, "w1")
    await limited(link, claims)
    await StreamCalls(link, "asker").withdraw(other(2, limit=1), "cancel")
    assert await counts(link) == (0, 1, 1)


async def test_calls_beyond_a_rate_are_parked_jobs_too(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, QUEUE, "w1")
    for number in (1, 2, 3):
        await calls.publish(other(number, rate=Rate(1, 60.0), priority="job"))
    assert len(await claims.claim(10, 0.001)) == 1
    assert await counts(link) == (0, 1, 2)


async def test_what_came_and_went_is_counted_over_both_lanes(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, QUEUE, "w1")
    await calls.publish(other(1))
    await claims.settle(await one(claims), DONE)
    await calls.publish(other(2, priority="job"))
    await calls.publish(other(3))
    await calls.withdraw(other(3), "cancel")
    state = await queue_state(link, QUEUE)
    assert (state.came, state.went, state.waiting) == (3, 2, 1)


async def test_of_a_queue_that_nobody_has_used_there_is_nothing_to_tell(link: Link) -> None:
    state = await queue_state(link, "new")
    assert (state.waiting, state.running, state.parked, state.oldest) == (0, 0, 0, None)
    assert (state.came, state.went, state.workers, state.dead) == (0, 0, 0, 0)


async def test_a_worker_that_drains_has_no_say_in_the_limits(link: Link) -> None:
    for number, (limit, draining) in enumerate([(None, False), (3, False), (3, False), (4, True)]):
        worker = Present(f"w{number}", 0.0, 1, {QUEUE: {}}, draining, limit)
        await Roster(link).come(worker)
    state = await queue_state(link, QUEUE)
    assert (state.workers, state.limits) == (4, [3, None])


async def test_the_oldest_is_what_entered_its_stream_first(link: Link) -> None:
    await StreamCalls(link, "asker").publish(replace(CALL, priority="job"))
    await link.ask(("XADD", keys.work(QUEUE), "1000-0", "call", "x", "request", CALL.to_json()))
    state = await queue_state(link, QUEUE)
    assert state.oldest and state.oldest > 1_000_000


async def test_a_call_is_found_by_its_short_name_after_it_was_settled(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, QUEUE, "w1")
    await calls.publish(CALL)
    await claims.settle(await one(claims), DONE)
    for name in (CALL.id, "c1"):
        found = await find_call(link, name)
        assert found and (found[0], found[1]["status"]) == (CALL, "settled")


async def test_of_several_of_one_short_name_an_open_one_is_found_then_the_last(link: Link) -> None:
    first = replace(CALL, id="s1.c1.1", created=NOW - 3)
    last = replace(CALL, id="s1.c1.2", key="2", queue="later", created=NOW - 2)
    newer = replace(CALL, id="s2.c1.1", key="3", created=NOW - 1)
    calls = StreamCalls(link, "asker")
    for each in (newer, last, first):
        await calls.publish(each)
    for expected in (newer, last, first, newer):
        found = await find_call(link, "c1")
        assert found and found[0] == expected
        await calls.withdraw(expected, "cancel")
    found = await find_call(link, "c1", "later")
    assert found and found[0] == last


async def test_a_short_name_is_no_pattern_and_whole(link: Link) -> None:
    await StreamCalls(link, "asker").publish(replace(CALL, id="s1.c1.x.1"))
    for name in ("*", "c?.x", "[c]1.x", "c1", "x", "s1"):
        assert await find_call(link, name) is None
    assert await find_call(link, "c1.x")


async def test_a_queue_that_only_jobs_came_to_has_a_name(link: Link) -> None:
    await StreamCalls(link, "asker").publish(other(1, priority="job"))
    assert await queue_names(link) == [QUEUE]
