"""Which call may run when: priority, backlog, limits and rates, kept by both twins alike."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch.call import Call, Outcome, Rate
from orchestrator.interfaces import Claimed, Claims
from tests.dispatch.conftest import Twins
from tests.dispatch.samples import CALL, other
from tests.dispatch.test_contract import DONE, answer, answers, one, taken

BUSY = Outcome.failed("refused", "busy", "too much is waiting already")
OFTEN = Outcome.failed("refused", "rate_limited", "asked too often for now")


def job(number: int) -> Call:
    return other(number, priority="job")


async def ids(claims: Claims, slots: int = 10) -> list[str]:
    return [claimed.call.id for claimed in await taken(claims, slots)]


async def held(claims: Claims, slots: int = 10) -> Claimed:
    [claimed] = await taken(claims, slots)
    return claimed


async def test_live_calls_are_taken_before_jobs(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for call in (job(1), job(2), other(3), other(4)):
        await calls.publish(call)
    assert await ids(claims, 3) == [other(3).id, other(4).id, job(1).id]
    assert await ids(claims, 3) == [job(2).id]


async def test_a_live_call_overtakes_jobs_that_were_read_along_with_others(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for call in (job(1), other(2)):
        await calls.publish(call)
    assert await ids(claims, 1) == [other(2).id]
    await calls.publish(other(3))
    assert [await ids(claims, 1) for _ in range(3)] == [[other(3).id], [job(1).id], []]


async def test_a_job_is_settled_withdrawn_and_taken_over_as_a_live_call_is(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2, 3):
        await calls.publish(replace(job(number), rerun=True))
    first = await held(claims, 1)
    await calls.withdraw(job(2), "cancel")
    assert await claims.settle(first, DONE) == "settled"
    assert await answer(calls) == (job(1).id, DONE)
    await held(claims)
    await twins.age(61)
    await twins.claims("w2").sweep()
    assert [(c.call.id, c.deliveries) for c in await taken(twins.claims("w2"))] == [(job(3).id, 2)]


async def test_jobs_without_a_slot_go_to_others_at_the_next_renewal(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for call in (job(1), other(2)):
        await calls.publish(call)
    await held(claims, 1)
    await claims.renew()
    again = await held(twins.claims("w2"))
    assert (again.call, again.deliveries) == (job(1), 1)


async def test_who_leaves_gives_back_the_jobs_it_had_no_slot_for(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for call in (job(1), other(2)):
        await calls.publish(call)
    await held(claims, 1)
    await claims.leave()
    assert await ids(twins.claims("w2")) == [job(1).id]


async def test_a_call_to_a_full_queue_is_refused_at_once(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2, 3):
        await calls.publish(other(number, backlog=2))
    assert await answer(calls) == (other(3).id, BUSY)
    assert await ids(claims) == [other(1).id, other(2).id]


async def test_what_runs_counts_as_backlog_until_it_is_settled(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(other(1, backlog=1))
    claimed = await one(claims)
    await calls.publish(other(2, backlog=1))
    assert await answer(calls) == (other(2).id, BUSY)
    await claims.settle(claimed, DONE)
    await calls.publish(other(3, backlog=1))
    assert await ids(claims) == [other(3).id]


async def test_jobs_do_not_fill_the_queue_for_live_calls(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(replace(job(1), backlog=1))
    await calls.publish(other(2, backlog=1))
    assert await ids(claims) == [other(2).id, job(1).id]


async def test_no_more_calls_of_a_tool_run_than_its_limit_over_all_workers(twins: Twins) -> None:
    calls, first, second = twins.calls(), twins.claims("w1"), twins.claims("w2")
    for number in range(5):
        await calls.publish(other(number, limit=2))
    running = await taken(first)
    assert [each.call.id for each in running] == [other(0).id, other(1).id]
    assert await ids(second) == []
    await first.settle(running[1], DONE)
    assert await ids(second) == [other(2).id]
    assert await ids(first) == []


async def test_a_limit_does_not_hold_back_other_tools(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2):
        await calls.publish(other(number, limit=1))
    await calls.publish(other(3, limit=1, tool="cancel_booking"))
    await calls.publish(other(4, tool="look_up"))
    assert await ids(claims) == [other(1).id, other(3).id, other(4).id]


async def test_what_waits_for_a_slot_comes_live_first_then_in_order(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    early, late = CALL.created - 1, CALL.created + 1
    waiting = [
        replace(job(1), limit=1, created=early),
        other(2, limit=1, created=late),
        other(3, limit=1),
    ]
    await calls.publish(other(0, limit=1))
    running = await held(claims)
    for call in waiting:
        await calls.publish(call)
    assert await ids(claims) == []
    order: list[str] = []
    for _ in waiting:
        await claims.settle(running, DONE)
        running = await held(claims)
        order.append(running.call.id)
    assert order == [other(3).id, other(2).id, job(1).id]


async def test_a_slot_that_is_given_on_is_not_taken_by_a_newcomer(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2):
        await calls.publish(other(number, limit=1))
    running = await held(claims)
    await calls.publish(other(3, limit=1))
    await claims.settle(running, DONE)
    assert await ids(claims) == [other(2).id]


async def test_the_slot_of_a_dead_worker_is_free_again(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims("w2")
    for number in (1, 2):
        await calls.publish(other(number, limit=1))
    await held(twins.claims("dead"))
    assert await ids(claims) == []
    await twins.age(61)
    await claims.sweep()
    assert await ids(claims) == [other(2).id]


async def test_the_slot_of_a_call_that_is_handed_back_is_free_again(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2):
        await calls.publish(other(number, limit=1))
    await claims.hand_back(await held(claims))
    assert await ids(claims) == [other(2).id]


async def test_a_slot_whose_holder_vanished_is_free_after_its_deadline(twins: Twins) -> None:
    """Nobody gives it back: as when a person has deleted the consumer."""
    calls, claims = twins.calls(), twins.claims("w2")
    await calls.publish(other(1, limit=1, deadline=CALL.created - 5))
    await held(twins.claims("dead"))
    await calls.publish(other(2, limit=1))
    assert await ids(claims) == [other(2).id]


async def test_a_withdrawn_call_that_waits_for_a_slot_is_passed_over(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2, 3):
        await calls.publish(other(number, limit=1))
    running = await held(claims)
    await calls.withdraw(other(2), "cancel")
    await claims.settle(running, DONE)
    assert await ids(claims) == [other(3).id]


async def test_a_call_withdrawn_when_it_has_its_slot_leaves_it_to_the_next(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2, 3):
        await calls.publish(other(number, limit=1))
    await claims.settle(await held(claims), DONE)
    await calls.withdraw(other(2), "cancel")
    assert await ids(claims) == []
    assert await ids(claims) == [other(3).id]


def mixed(*tools: str, **changes: object) -> list[Call]:
    """A call of each of these tools."""
    return [other(number, tool=tool, **changes) for number, tool in enumerate(tools)]


async def test_no_more_calls_run_than_their_queue_may_over_all_workers(twins: Twins) -> None:
    calls, first, second = twins.calls(), twins.claims("w1", limit=2), twins.claims("w2", limit=2)
    for call in mixed("book", "cancel", "book", "look_up"):
        await calls.publish(call)
    running = await taken(first)
    assert [each.call.id for each in running] == [other(0).id, other(1).id]
    assert await ids(second) == []
    await first.settle(running[1], DONE)
    assert await ids(second) == [other(2).id]
    await first.settle(running[0], DONE)
    assert await ids(first) == [other(3).id]


async def test_who_waits_for_its_tool_takes_no_place_in_its_queue(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims(limit=2)
    for call in mixed("book", "book", "cancel", "cancel", limit=1):
        await calls.publish(call)
    running = await taken(claims)
    assert [each.call.id for each in running] == [other(0).id, other(2).id]
    await claims.settle(running[0], DONE)
    assert await ids(claims) == [other(1).id]
    await claims.settle(running[1], DONE)
    assert await ids(claims) == [other(3).id]


async def test_who_waits_for_its_queue_takes_no_slot_of_its_tool(twins: Twins) -> None:
    calls, bounded, free = twins.calls(), twins.claims("w1", limit=1), twins.claims("w2")
    await calls.publish(other(0))
    await held(bounded)
    await calls.publish(other(1, tool="cancel", limit=1))
    assert await ids(bounded) == []
    await calls.publish(other(2, tool="cancel", limit=1))
    assert await ids(free) == [other(2).id]


async def test_a_slot_that_is_of_no_use_in_a_full_queue_is_free(twins: Twins) -> None:
    calls, bounded, free = twins.calls(), twins.claims("w1", limit=1), twins.claims("w2")
    await calls.publish(other(0))
    await held(bounded)
    for number in (1, 2):
        await calls.publish(other(number, tool="cancel", limit=1))
    await free.settle(await held(free, 1), DONE)
    assert await ids(bounded, 1) == []
    await calls.publish(other(3, tool="cancel", limit=1))
    assert await ids(free, 1) == [other(3).id]


async def two_lines(twins: Twins, bounded: Claims) -> Claimed:
    """Calls 1 to 3 wait for a place in their queue, calls 4 to 6 for a slot of their tool."""
    calls = twins.calls()
    await calls.publish(other(0, tool="look_up"))
    first = await held(bounded)
    for numbers in ((1, 2, 3), (4, 5, 6)):
        for number in numbers:
            await calls.publish(other(number, limit=1, created=CALL.created + number))
        assert await ids(bounded) == []
        if numbers[0] == 1:
            await bounded.settle(first, DONE)
            first = await held(bounded)
    return first


async def soon(*workers: Claims) -> Claimed:
    """What runs next, in few rounds."""
    for _ in range(10):
        for claims in workers:
            for claimed in await taken(claims):
                return claimed
    raise AssertionError("nothing runs")


@pytest.mark.parametrize("names", [("w1",), ("w1", "w2")], ids=len)
async def test_calls_that_need_both_bounds_run_one_after_another(
    twins: Twins, names: Sequence[str]
) -> None:
    workers = [twins.claims(name, limit=1) for name in names]
    running = await two_lines(twins, workers[0])
    order = [running.call.id]
    for _ in range(5):
        for claims in workers[::-1]:
            if await claims.settle(running, DONE) == "settled":
                break
        running = await soon(*workers)
        order.append(running.call.id)
    assert sorted(order) == [other(number).id for number in range(1, 7)]


async def test_a_withdrawal_stops_nobody_else_who_needs_both_bounds(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims(limit=1)
    running = await two_lines(twins, claims)
    await claims.settle(running, DONE)
    running = await soon(claims)
    for number in (3, 4):
        await calls.withdraw(other(number), "cancel")
    order = [running.call.id]
    for _ in range(2):
        await claims.settle(running, DONE)
        running = await soon(claims)
        order.append(running.call.id)
    assert sorted(order) == [other(number).id for number in (2, 5, 6)]


async def test_who_is_withdrawn_while_next_of_its_tool_lets_the_one_after_it_come(
    twins: Twins,
) -> None:
    calls, bounded, free = twins.calls(), twins.claims("w1", limit=1), twins.claims("w2")
    await calls.publish(other(0, tool="look_up"))
    running = await held(bounded)
    await calls.publish(other(1, limit=1))
    before = await held(free)
    for number in (2, 3):
        await calls.publish(other(number, limit=1, created=CALL.created + number))
    assert await ids(bounded) == []
    await free.settle(before, DONE)
    assert await ids(bounded) == []  # call 2 has found the queue full
    await calls.withdraw(other(2), "cancel")
    await bounded.settle(running, DONE)
    assert (await soon(bounded)).call.id == other(3).id


async def test_no_live_call_waits_behind_a_job_of_its_tool(twins: Twins) -> None:
    """The job has the tool's slot when the live call comes, and finds the queue full."""
    calls, bounded, free = twins.calls(), twins.claims("w1", limit=1), twins.claims("w2")
    await calls.publish(other(0, tool="look_up"))
    running = await held(bounded)
    await calls.publish(other(1, limit=1))
    before = await held(free)
    await calls.publish(replace(job(2), limit=1))
    assert await ids(bounded) == []
    await free.settle(before, DONE)
    for call in (other(3, limit=1), other(4, tool="look_up", created=CALL.created + 1)):
        await calls.publish(call)
    assert [await ids(bounded, 1) for _ in range(4)] == [[]] * 4
    order: list[str] = []
    for _ in range(3):
        await bounded.settle(running, DONE)
        running = await soon(bounded)
        order.append(running.call.id)
    assert order == [other(3).id, other(4).id, job(2).id]


async def test_a_place_that_was_given_is_free_again_whoever_ran_the_call(twins: Twins) -> None:
    calls, bounded, free = twins.calls(), twins.claims("w1", limit=1), twins.claims("w2")
    for number in (0, 1):
        await calls.publish(other(number))
    await bounded.settle(await held(bounded, 1), DONE)
    await bounded.leave()
    await free.settle(await held(free), DONE)
    await calls.publish(other(2))
    assert await ids(bounded) == [other(2).id]


async def test_the_place_of_a_dead_worker_in_a_queue_is_free_again(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims("w2", limit=1)
    for call in mixed("book", "cancel"):
        await calls.publish(call)
    await held(twins.claims("dead", limit=1))
    assert await ids(claims) == []
    await twins.age(61)
    await claims.sweep()
    assert await ids(claims) == [other(1).id]


async def test_the_place_of_a_call_that_is_handed_back_is_free_again(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims(limit=1)
    for call in mixed("book", "cancel"):
        await calls.publish(call)
    await claims.hand_back(await held(claims))
    assert await ids(claims) == [other(1).id]


async def test_a_limit_that_was_lowered_holds_for_who_waits_already(twins: Twins) -> None:
    calls, before, after = twins.calls(), twins.claims("w1", limit=3), twins.claims("w2", limit=1)
    for number in range(6):
        await calls.publish(other(number))
    running = await taken(before)
    assert len(running) == 3
    for each in running:
        assert await ids(after) == []
        await before.settle(each, DONE)
    assert len(await ids(after)) == 1
    assert await ids(after) == []


async def test_a_limit_that_was_raised_holds_for_who_waits_already(twins: Twins) -> None:
    calls, before, after = twins.calls(), twins.claims("w1", limit=1), twins.claims("w2", limit=3)
    for number in range(6):
        await calls.publish(other(number))
    await before.settle(await held(before), DONE)
    found = [*await ids(after), *await ids(after)]
    assert found == [other(number).id for number in (1, 2, 3)]
    assert await ids(after) == []


async def test_what_waits_for_a_slot_counts_as_backlog(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2):
        await calls.publish(other(number, limit=1, backlog=2))
    await held(claims)
    await calls.publish(other(3, limit=1, backlog=2))
    assert await answer(calls) == (other(3).id, BUSY)


async def test_a_rate_lets_as_many_through_at_once_as_it_counts(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in range(3):
        await calls.publish(other(number, rate=Rate(2, 10.0)))
    assert await ids(claims) == [other(0).id, other(1).id]


async def test_a_call_beyond_the_rate_runs_when_its_turn_comes(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in range(4):
        await calls.publish(other(number, rate=Rate(1, 0.01)))
    order: list[str] = []
    with anyio.fail_after(30):
        while len(order) < 4:
            order += [claimed.call.id for claimed in await claims.claim(4, 1)]
    assert order == [other(number).id for number in range(4)]


async def test_a_call_whose_turn_comes_after_its_deadline_is_refused_at_once(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in range(3):
        await calls.publish(other(number, rate=Rate(1, 3600.0)))
    assert await ids(claims) == [other(0).id]
    assert dict(await answers(calls, 2)) == {other(1).id: OFTEN, other(2).id: OFTEN}


async def test_a_rate_does_not_hold_back_other_tools(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2):
        await calls.publish(other(number, rate=Rate(1, 10.0)))
    await calls.publish(other(3, rate=Rate(1, 10.0), tool="cancel_booking"))
    assert await ids(claims) == [other(1).id, other(3).id]


async def test_a_call_that_is_run_again_has_its_turn_already(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims("w2")
    await calls.publish(other(1, rate=Rate(1, 10.0), rerun=True))
    await held(twins.claims("dead"))
    await twins.age(61)
    await claims.sweep()
    assert await ids(claims) == [other(1).id]


@pytest.mark.parametrize("by", ["deadline", "cancel"])
async def test_a_parked_call_that_is_withdrawn_never_runs(twins: Twins, by: str) -> None:
    calls, claims = twins.calls(), twins.claims()
    number = 1
    await calls.publish(other(number, rate=Rate(1, 0.01)))
    while await ids(claims, 1):  # on a slow machine its turn may have come by then
        number += 1
        await calls.publish(other(number, rate=Rate(1, 0.01)))
    await calls.withdraw(other(number), "deadline" if by == "deadline" else "cancel")
    for _ in range(3):
        assert list(await claims.claim(1, 0.01)) == []


async def test_a_rate_and_a_limit_hold_together(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in (1, 2):
        await calls.publish(other(number, limit=1, rate=Rate(1, 0.001)))
    running = await one(claims)
    for _ in range(3):
        assert list(await claims.claim(1, 0.01)) == []
    await claims.settle(running, DONE)
    assert (await one(claims)).call.id == other(2).id
