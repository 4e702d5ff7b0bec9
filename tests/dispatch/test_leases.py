"""What becomes of calls whose worker is dead, frozen or told to stop, by both twins."""

from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch.call import Call, Outcome
from orchestrator.errors import UsageError
from orchestrator.interfaces import DeadLetter
from tests.dispatch.conftest import Twins
from tests.dispatch.samples import CALL, other
from tests.dispatch.test_contract import DONE, answer, one, taken

RERUN = replace(CALL, rerun=True)
UNKNOWN = Outcome.failed("dead", "crashed", "outcome unknown")


async def lapse(twins: Twins, times: int = 1) -> None:
    """The call that waits is taken, and whoever took it is not heard of any more."""
    for number in range(times):
        await one(twins.claims(f"dead {number}"))
        await twins.age(61)
        await twins.claims("sweeper").sweep()


async def test_a_call_that_may_run_twice_is_run_again(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims("w2")
    await calls.publish(RERUN)
    await lapse(twins)
    claimed = await one(claims)
    assert (claimed.call, claimed.deliveries) == (RERUN, 2)
    assert await claims.settle(claimed, DONE) == "settled"
    assert await answer(calls) == (CALL.id, DONE)


async def test_a_call_that_may_not_run_twice_has_an_unknown_outcome(twins: Twins) -> None:
    calls = twins.calls()
    await calls.publish(CALL)
    await lapse(twins)
    assert await answer(calls) == (CALL.id, UNKNOWN)
    assert list(await taken(twins.claims("w2"))) == []
    assert list(await twins.dead().list()) == []


async def test_a_worker_that_is_late_is_fenced(twins: Twins) -> None:
    calls, frozen = twins.calls(), twins.claims("frozen")
    await calls.publish(RERUN)
    before = await one(frozen)
    await twins.age(61)
    await twins.claims("w2").sweep()
    assert await frozen.settle(before, Outcome("worker", "too late")) == "fenced"
    claims = twins.claims("w2")
    assert await claims.settle(await one(claims), DONE) == "settled"
    assert await answer(calls) == (CALL.id, DONE)


async def test_a_worker_that_is_late_does_not_turn_the_unknown_into_a_result(twins: Twins) -> None:
    calls, frozen = twins.calls(), twins.claims("frozen")
    await calls.publish(CALL)
    before = await one(frozen)
    await twins.age(61)
    await twins.claims("w2").sweep()
    assert await frozen.settle(before, DONE) == "fenced"
    assert await answer(calls) == (CALL.id, UNKNOWN)


@pytest.mark.parametrize("call", [CALL, RERUN], ids=["settled as unknown", "runs again"])
async def test_what_a_fenced_worker_did_is_known_to_the_next_attempt(
    twins: Twins, call: Call
) -> None:
    calls, frozen = twins.calls(), twins.claims("frozen")
    await calls.publish(call)
    before = await one(frozen)
    await twins.age(61)
    await twins.claims("w2").sweep()
    assert await frozen.settle(before, DONE) == "fenced"
    again = replace(call, id="s1.c1.2", attempt=2)
    await calls.publish(again)
    assert await calls.withdraw(again, "cancel") == DONE


async def test_a_lease_that_is_renewed_does_not_lapse(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(RERUN)
    claimed = await one(claims)
    await twins.age(61)
    assert await claims.renew()
    await twins.claims("w2").sweep()
    assert await claims.settle(claimed, DONE) == "settled"


async def test_a_lease_that_has_not_lapsed_is_left_alone(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    claimed = await one(claims)
    await twins.age(59)
    await twins.claims("w2").sweep()
    assert await claims.settle(claimed, DONE) == "settled"


async def test_a_lapsed_lease_cannot_be_renewed_once_it_is_judged(twins: Twins) -> None:
    calls, frozen = twins.calls(), twins.claims("frozen")
    await calls.publish(RERUN)
    await one(frozen)
    await twins.age(61)
    await twins.claims("w2").sweep()
    claimed = await one(twins.claims("w2"))
    assert await frozen.renew()
    assert await twins.claims("w2").settle(claimed, DONE) == "settled"


async def test_two_sweeps_judge_a_call_once(twins: Twins) -> None:
    calls = twins.calls()
    await calls.publish(RERUN)
    await one(twins.claims("dead"))
    await twins.age(61)
    async with anyio.create_task_group() as tasks:
        for name in ("w2", "w3"):
            tasks.start_soon(twins.claims(name).sweep)
    assert [each.deliveries for each in await taken(twins.claims("w4"))] == [2]


@pytest.mark.parametrize("call", [CALL, RERUN])
async def test_a_withdrawn_call_of_a_dead_worker_is_dropped(twins: Twins, call: object) -> None:
    published = RERUN if call == RERUN else CALL
    calls = twins.calls()
    await calls.publish(published)
    await one(twins.claims("dead"))
    withdrawn = await calls.withdraw(published, "deadline")
    await twins.age(61)
    await twins.claims("w2").sweep()
    assert list(await taken(twins.claims("w2"))) == []
    assert await calls.withdraw(published, "cancel") == withdrawn
    assert list(await twins.dead().list()) == []


async def test_a_worker_may_still_say_late_what_a_withdrawn_call_came_to(twins: Twins) -> None:
    calls, claims = twins.calls(), twins.claims()
    await calls.publish(CALL)
    claimed = await one(claims)
    await calls.withdraw(CALL, "deadline")
    await claims.renew()
    assert await claims.settle(claimed, DONE) == "late"


async def test_a_consumer_of_the_same_name_does_not_take_up_what_the_dead_one_ran(
    twins: Twins,
) -> None:
    await twins.calls().publish(CALL)
    await one(twins.claims("w1"))
    assert list(await taken(twins.claims("w1"))) == []


async def test_a_call_that_is_handed_back_is_another_workers_at_once(twins: Twins) -> None:
    calls, stopping, claims = twins.calls(), twins.claims("w1"), twins.claims("w2")
    await calls.publish(CALL)
    claimed = await one(stopping)
    await stopping.hand_back(claimed)
    again = await one(claims)
    assert (again.call, again.deliveries) == (CALL, 1)
    assert await stopping.settle(claimed, Outcome("worker", "too late")) == "fenced"
    assert await claims.settle(again, DONE) == "settled"


async def test_handing_back_what_was_taken_over_changes_nothing(twins: Twins) -> None:
    frozen = twins.claims("frozen")
    await twins.calls().publish(RERUN)
    before = await one(frozen)
    await twins.age(61)
    await twins.claims("w2").sweep()
    await frozen.hand_back(before)
    assert [each.deliveries for each in await taken(twins.claims("w2"))] == [2]


async def test_a_call_that_wears_its_workers_out_is_a_dead_letter(twins: Twins) -> None:
    calls = twins.calls()
    await calls.publish(RERUN)
    await lapse(twins, 3)
    gave_up = Outcome.failed("dead", "crashed", "given up after 3 tries")
    assert await answer(calls) == (CALL.id, gave_up)
    [letter] = await twins.dead().list()
    assert (letter.call, letter.request) == (CALL.id, RERUN.to_json())
    assert (letter.deliveries, letter.worker) == (3, "dead 2")
    assert letter.reason == "no worker lived to answer it in 3 deliveries"
    assert list(await taken(twins.claims("w2"))) == []


async def dead_letter(twins: Twins) -> DeadLetter:
    await twins.calls().publish(RERUN)
    await lapse(twins, 3)
    [letter] = await twins.dead().list()
    return letter


async def test_a_dead_letter_is_shown_by_its_id(twins: Twins) -> None:
    letter = await dead_letter(twins)
    assert await twins.dead().show(letter.id) == letter


async def test_a_dead_letter_is_dropped_once(twins: Twins) -> None:
    letter, dead = await dead_letter(twins), twins.dead()
    assert [await dead.drop(letter.id) for _ in range(2)] == [True, False]
    assert list(await dead.list()) == []


async def test_a_dead_letter_is_redriven_as_a_new_call_under_the_same_key(twins: Twins) -> None:
    letter, dead, claims = await dead_letter(twins), twins.dead(), twins.claims("w2")
    call, outcome = await dead.redrive(letter.id)
    assert (call.id, call.key, call.attempt) == (f"{CALL.id}:{letter.id}", CALL.key, 2)
    assert (call.priority, call.reply_to, outcome) == ("job", "", None)
    assert call.deadline - call.created == pytest.approx(CALL.deadline - CALL.created)
    claimed = await one(claims)
    assert (claimed.call, claimed.deliveries) == (call, 1)
    assert await claims.settle(claimed, DONE) == "settled"
    assert list(await dead.list()) == []


async def test_a_redriven_call_whose_key_has_an_outcome_does_not_run(twins: Twins) -> None:
    letter, claims = await dead_letter(twins), twins.claims("w2")
    await twins.calls().publish(other(2, key=CALL.key))
    await claims.settle(await one(claims), DONE)
    _, outcome = await twins.dead().redrive(letter.id)
    assert outcome == DONE
    assert list(await taken(claims)) == []


@pytest.mark.parametrize("letter", ["1-0", "not an id"])
async def test_a_letter_that_is_not_there_is_refused(twins: Twins, letter: str) -> None:
    dead = twins.dead()
    assert (await dead.show(letter), await dead.drop(letter)) == (None, False)
    with pytest.raises(UsageError, match=f"no dead letter {letter} on the queue bookings"):
        await dead.redrive(letter)
