"""What `Calls` and `Claims` promise, kept by the twins in memory and on Redis alike."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch.call import Call, Outcome, Settler
from orchestrator.interfaces import Calls, Claimed, Claims
from tests.dispatch.conftest import Twins
from tests.dispatch.samples import CALL, other

DONE = Outcome("worker", result={"table": 7, "for": "Zoë"})
BROKEN = Outcome.failed("worker", "unavailable", "the kitchen is closed", after=1.5)


async def taken(claims: Claims, slots: int = 10) -> Sequence[Claimed]:
    """What can be claimed at once."""
    return await claims.claim(slots, 0.001)


async def one(claims: Claims) -> Claimed:
    with anyio.fail_after(30):
        [claimed] = await claims.claim(1, 5)
    return claimed


async def answer(calls: Calls) -> tuple[str, Outcome]:
    [first] = await answers(calls, 1)
    return first


async def answers(calls: Calls, count: int) -> list[tuple[str, Outcome]]:
    found: list[tuple[str, Outcome]] = []
    settled = calls.settled()
    with anyio.fail_after(30):
        while len(found) < count:
            found.append(await anext(settled))
    return found


async def heard(withdrawn: AsyncIterator[str]) -> str:
    with anyio.fail_after(30):
        return await anext(withdrawn)


async def succeed(twins: Twins, call: Call, outcome: Outcome = DONE) -> None:
    await twins.calls().publish(call)
    claims = twins.claims("w0")
    assert await claims.settle(await one(claims), outcome) == "settled"


async def test_a_published_call_is_claimed_as_it_was_published(twins: Twins) -> None:
    await twins.calls().publish(CALL)
    claimed = await one(twins.claims())
    assert (claimed.call, claimed.deliveries) == (CALL, 1)


async def test_publishing_a_call_twice_runs_it_once(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    await calls.publish(CALL)
    assert len(await taken(claims)) == 1
    assert len(await taken(claims)) == 0


async def test_publishing_a_settled_call_again_tells_its_outcome_again(twins: Twins) -> None:
    await succeed(twins, CALL)
    successor = twins.calls("another process")
    await successor.publish(CALL)
    assert await answer(successor) == (CALL.id, DONE)


async def test_a_claim_takes_no_more_than_its_slots_in_order(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in range(5):
        await calls.publish(other(number))
    ids = [claimed.call.id for slots in (2, 2, 2) for claimed in await taken(claims, slots)]
    assert ids == [other(number).id for number in range(5)]


async def test_a_claim_waits_for_a_call_to_come(twins: Twins) -> None:
    claims = twins.claims()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(twins.calls().publish, CALL)
        assert (await one(claims)).call == CALL


async def test_a_claim_without_calls_ends_empty(twins: Twins) -> None:
    assert list(await taken(twins.claims())) == []


async def test_two_consumers_never_hold_the_same_call(twins: Twins) -> None:
    calls = twins.calls()
    for number in range(6):
        await calls.publish(other(number))
    held = [await taken(twins.claims(name), 3) for name in ("w1", "w2")]
    assert len({claimed.call.id for batch in held for claimed in batch}) == 6


async def test_queues_do_not_mix(twins: Twins) -> None:
    await twins.calls().publish(CALL)
    assert list(await taken(twins.claims(queue="kitchen"))) == []


async def test_an_outcome_reaches_the_asker(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    assert await claims.settle(await one(claims), DONE) == "settled"
    assert await answer(calls) == (CALL.id, DONE)


async def test_a_failure_reaches_the_asker_whole(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    await claims.settle(await one(claims), BROKEN)
    assert await answer(calls) == (CALL.id, BROKEN)


async def test_every_call_of_many_is_answered_once(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    for number in range(20):
        await calls.publish(other(number))
    for claimed in await taken(claims, 20):
        await claims.settle(claimed, DONE)
    assert sorted(i for i, _ in await answers(calls, 20)) == sorted(other(n).id for n in range(20))


async def test_each_process_hears_of_its_own_calls(twins: Twins) -> None:
    first, second, claims = twins.calls("a"), twins.calls("b"), twins.claims()
    await first.publish(other(1, reply_to="a"))
    await second.publish(other(2, reply_to="b"))
    for claimed in await taken(claims):
        await claims.settle(claimed, DONE)
    assert await answer(second) == (other(2).id, DONE)
    assert await answer(first) == (other(1).id, DONE)


async def test_saying_the_same_outcome_again_has_the_same_answer(twins: Twins) -> None:
    claims = twins.claims()
    await twins.calls().publish(CALL)
    claimed = await one(claims)
    assert [await claims.settle(claimed, DONE) for _ in range(2)] == ["settled", "settled"]


async def test_another_outcome_after_the_settle_is_refused(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    claimed = await one(claims)
    await claims.settle(claimed, DONE)
    assert await claims.settle(claimed, BROKEN) == "fenced"
    assert await answer(calls) == (CALL.id, DONE)


async def test_a_consumer_that_does_not_hold_the_call_is_fenced(twins: Twins) -> None:
    calls, holder, thief = twins.calls(), twins.claims("w1"), twins.claims("w2")
    await calls.publish(CALL)
    claimed = await one(holder)
    assert await thief.settle(claimed, BROKEN) == "fenced"
    assert await holder.settle(claimed, DONE) == "settled"
    assert await answer(calls) == (CALL.id, DONE)


async def test_a_call_without_a_record_is_gone(twins: Twins) -> None:
    claims = twins.claims()
    assert await claims.settle(Claimed(CALL, "1-0"), DONE) == "gone"


async def test_a_call_withdrawn_before_it_is_taken_never_runs(twins: Twins) -> None:
    calls = twins.calls()
    await calls.publish(CALL)
    await calls.withdraw(CALL, "cancel")
    assert list(await taken(twins.claims())) == []


async def test_a_call_withdrawn_before_its_publish_arrives_never_runs(twins: Twins) -> None:
    calls = twins.calls()
    await calls.withdraw(CALL, "cancel")
    await calls.publish(CALL)
    assert list(await taken(twins.claims())) == []
    assert await answer(calls) == (CALL.id, Outcome.withdrawn("cancel"))


@pytest.mark.parametrize(("by", "code"), [("deadline", "timeout"), ("cancel", "cancelled")])
async def test_a_withdrawal_says_who_and_why(twins: Twins, by: Settler, code: str) -> None:
    calls = twins.calls()
    await calls.publish(CALL)
    outcome = await calls.withdraw(CALL, by)
    assert (outcome.by, outcome.error and outcome.error.code) == (by, code)


async def test_the_first_withdrawal_stands(twins: Twins) -> None:
    calls = twins.calls()
    await calls.publish(CALL)
    first = await calls.withdraw(CALL, "deadline")
    assert await calls.withdraw(CALL, "cancel") == first


async def test_a_withdrawal_after_the_settle_returns_what_the_worker_said(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    await claims.settle(await one(claims), DONE)
    assert await calls.withdraw(CALL, "deadline") == DONE


async def test_a_second_settle_is_kept_as_late(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    claimed = await one(claims)
    withdrawn = await calls.withdraw(CALL, "deadline")
    assert [await claims.settle(claimed, DONE) for _ in range(2)] == ["late", "late"]
    assert await calls.withdraw(CALL, "cancel") == withdrawn


async def test_calls_that_are_settled_together_are_judged_each_by_itself(twins: Twins) -> None:
    calls, claims, others = twins.calls(), twins.claims("w1"), twins.claims("w2")
    for call in (other(1), other(2, limit=1), other(3), other(4, limit=1)):
        await calls.publish(call)
    first, second, third = await taken(claims, 3)
    await calls.withdraw(third.call, "deadline")
    gone = Claimed(other(5), "1-0")
    ended = [(first, DONE), (gone, DONE), (second, BROKEN), (third, DONE)]
    assert await claims.settle_all(ended) == ["settled", "gone", "settled", "late"]
    assert await answers(calls, 2) == [(first.call.id, DONE), (second.call.id, BROKEN)]
    fourth = await one(others)  # in the slot that the second has left
    assert await claims.settle_all([(fourth, DONE), (first, DONE)]) == ["fenced", "settled"]
    assert await others.settle_all([(fourth, DONE)]) == ["settled"]


async def test_a_withdrawal_reaches_who_listens(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(other(1))
    await calls.publish(other(2))
    await taken(claims)
    await calls.withdraw(other(1), "cancel")
    listening = claims.withdrawn()
    assert await heard(listening) == other(1).id  # missed, and told at the start
    await calls.withdraw(other(2), "cancel")
    assert await heard(listening) == other(2).id


async def test_a_withdrawal_without_effect_is_not_heard(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(other(1))
    await calls.publish(other(2))
    first, second = await taken(claims)
    await calls.withdraw(second.call, "cancel")
    listening = claims.withdrawn()
    assert await heard(listening) == second.call.id
    await claims.settle(first, DONE)
    await calls.withdraw(first.call, "cancel")
    await calls.withdraw(other(3), "cancel")
    assert await heard(listening) == other(3).id


async def test_who_runs_a_call_is_asked_to_stop_and_says_what_it_came_to(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(other(1))
    await calls.publish(other(2))
    first, second = await taken(claims)
    listening = claims.withdrawn()
    await calls.withdraw(second.call, "cancel")
    assert await heard(listening) == second.call.id  # it listens
    assert await calls.ask_to_stop(first.call) is None
    assert await heard(listening) == first.call.id
    assert await claims.settle(first, DONE) == "settled"
    assert await answer(calls) == (first.call.id, DONE)


async def test_a_call_that_is_asked_to_stop_before_it_is_taken_never_runs(twins: Twins) -> None:
    calls = twins.calls()
    await calls.publish(CALL)
    assert await calls.ask_to_stop(CALL) == Outcome.withdrawn("cancel")
    assert list(await taken(twins.claims())) == []


async def test_a_call_that_is_asked_to_stop_before_its_publish_arrives_never_runs(
    twins: Twins,
) -> None:
    calls = twins.calls()
    assert await calls.ask_to_stop(CALL) == Outcome.withdrawn("cancel")
    await calls.publish(CALL)
    assert list(await taken(twins.claims())) == []


async def test_a_call_that_is_asked_to_stop_after_its_settle_has_its_outcome(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    await claims.settle(await one(claims), DONE)
    assert await calls.ask_to_stop(CALL) == DONE


async def test_a_call_that_was_asked_to_stop_can_still_be_withdrawn(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    claimed = await one(claims)
    assert await calls.ask_to_stop(CALL) is None
    assert await calls.ask_to_stop(CALL) is None
    withdrawn = await calls.withdraw(CALL, "deadline")
    assert await claims.settle(claimed, DONE) == "late"
    assert withdrawn.by == "deadline"


async def test_a_key_with_a_recorded_outcome_is_not_run_again(twins: Twins) -> None:
    await succeed(twins, CALL)
    calls, again = twins.calls("later"), replace(CALL, id="s1.c1.2", attempt=2)
    await calls.publish(again)
    assert await answer(calls) == (again.id, DONE)
    assert list(await taken(twins.claims())) == []


async def test_equal_arguments_are_the_same_in_any_order(twins: Twins) -> None:
    await succeed(twins, CALL)
    calls = twins.calls("later")
    again = other(2, key=CALL.key, arguments=dict(reversed(list(CALL.arguments.items()))))
    await calls.publish(again)
    assert await answer(calls) == (again.id, DONE)


@pytest.mark.parametrize("guests", [5, 4.0, "4", True])
async def test_a_key_with_other_arguments_is_a_conflict(twins: Twins, guests: object) -> None:
    await succeed(twins, CALL)
    calls = twins.calls("later")
    differing = other(2, key=CALL.key, arguments={"guests": guests, "name": "Zoë"})
    await calls.publish(differing)
    call_id, outcome = await answer(calls)
    assert (call_id, outcome.by) == (differing.id, "refused")
    assert outcome.error is not None
    assert outcome.error.code == "conflict"
    assert list(await taken(twins.claims())) == []


async def test_a_failed_outcome_is_not_remembered_under_the_key(twins: Twins) -> None:
    await succeed(twins, CALL, BROKEN)
    again = replace(CALL, id="s1.c1.2", attempt=2)
    await twins.calls().publish(again)
    assert (await one(twins.claims())).call == again


async def test_a_late_success_is_remembered_under_the_key(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    claimed = await one(claims)
    await calls.withdraw(CALL, "deadline")
    await claims.settle(claimed, DONE)
    again = replace(CALL, id="s1.c1.2", attempt=2)
    await calls.publish(again)
    assert await answer(calls) == (again.id, DONE)


async def test_the_first_success_of_a_key_is_the_one_that_is_remembered(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    again = replace(CALL, id="s1.c1.2", attempt=2)
    await calls.publish(CALL)
    await calls.publish(again)
    first, second = await taken(claims)
    await claims.settle(first, DONE)
    await claims.settle(second, Outcome("worker", result="another table"))
    third = replace(CALL, id="s1.c1.3", attempt=3)
    await calls.publish(third)
    assert (third.id, DONE) in await answers(calls, 3)


async def test_a_key_is_the_tools_own(twins: Twins) -> None:
    await succeed(twins, CALL)
    elsewhere = other(2, key=CALL.key, tool="cancel_booking")
    await twins.calls().publish(elsewhere)
    assert (await one(twins.claims())).call == elsewhere


async def test_an_answer_whose_signal_was_lost_is_found_in_the_record(twins: Twins) -> None:
    calls, claims = twins.calls(relook=0.01), twins.claims()
    await calls.publish(replace(CALL, reply_to="a process that is gone"))
    await claims.settle(await one(claims), DONE)
    assert await answer(calls) == (CALL.id, DONE)


async def test_what_a_cancelled_claim_was_given_is_not_stranded(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    ids: list[str] = []

    async def claim_for_ever() -> None:
        while True:
            ids.extend([claimed.call.id for claimed in await claims.claim(10, 5)])

    for number in range(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(claim_for_ever)
            await calls.publish(other(number))
            tasks.cancel_scope.cancel()
    while batch := await taken(claims):
        ids.extend([claimed.call.id for claimed in batch])
    assert sorted(ids) == sorted(other(number).id for number in range(20))
