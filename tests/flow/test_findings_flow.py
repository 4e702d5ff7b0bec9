"""Proofs of findings; each asserts what should hold, and fails as long as it does not."""

import pytest

from orchestrator.dispatch.call import Call, Outcome
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Rejected
from orchestrator.flow.engine import offered
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallSettled,
    TimerFired,
    TransferEnded,
)
from orchestrator.flow.snapshot import quiescent
from orchestrator.flow.work import parse_arguments
from tests.flow.restaurant import BOOKED, DETAILS, FREE, at_booking, at_confirm, at_details
from tests.flow.scene import Scene

HEAD = """
dsl: 1
flow: t
version: "1"
title: T
"""


def scene(text: str, start: bool = True, **fields) -> Scene:
    flow, _ = compile_flow(HEAD + text, "t.flow.yaml")
    made = Scene(flow)
    if start:
        made.start(**fields)
    return made


BOUND = """
vars:
  customer: {type: text, from: call.caller}
tools:
  refund:
    queue: q
    describe: Refund.
    params: {customer: {type: text, optional: true}, amount: int}
    args: {customer: "${customer}"}
    safe: true
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    tools: [refund]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_a_bound_parameter_without_a_value_is_not_the_models_to_give():
    s = scene(BOUND)
    s.caller("refund")
    assert "customer" not in str(s.answers[-1].tools)
    s.model(refund={"customer": "somebody-else", "amount": 5})
    calls = s.dispatches("refund")
    assert all("customer" not in c.arguments for c in calls), calls


GATE = """
vars:
  allowed: {type: bool, default: true, writable: engine}
tools:
  pay:
    queue: q
    describe: Pay.
    params: {amount: int}
    requires: allowed
    approval: caller
  balance:
    queue: q
    describe: Balance.
    params: {}
    returns: {ok: bool}
    safe: true
    assign: {allowed: "${result.ok}"}
interrupts:
  info:
    intent: The caller asks about fees.
    do: [{prompt: Tell the fees.}]
    return: true
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    tools: [pay, balance]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_a_yes_does_not_open_a_gate_that_has_shut_since_the_read_back():
    s = scene(GATE)
    s.caller("pay 5")
    s.model(pay={"amount": 5})
    s.model("Five, right?")
    s.caller("what's my balance? and yes")
    s.model(balance={})
    s.settle("balance", Outcome("worker", {"ok": False}))
    assert s.vars["allowed"] is False
    s.model(confirm_pay={})
    assert not s.dispatches("pay")


def test_an_approval_survives_a_detour_that_speaks_in_the_same_answer():
    s = scene(GATE)
    s.caller("pay 5, and what are the fees?")
    s.model(pay={"amount": 5}, go_info={})
    while s.speaking:
        s.model("words")
    s.caller("yes")
    assert {"pay", "confirm_pay"} & offered(s.flow, s.snapshot), offered(s.flow, s.snapshot)


def test_a_read_back_that_was_not_spoken_can_not_be_confirmed():
    s = scene(GATE)
    s.caller("pay 5")
    s.model(pay={"amount": 5})
    assert s.answers[-1].purpose == "readback"
    s.apply(AnswerEnded(s.at, s.speaking, "incomplete", "content_filter"))  # not a word
    s.caller("hello?")
    s.model(confirm_pay={})
    assert not s.dispatches("pay")


def test_a_turn_that_crosses_with_the_read_back_is_taken_up():
    s = scene(GATE)
    s.caller("pay 5")
    s.asks("pay", {"amount": 5})
    s.caller("no, make it six")  # while the model's answer is open
    s.model()
    assert s.answers[-1].purpose == "readback"
    s.model("Five, right?")
    after = [a for a in s.answers if a.tools]
    assert len(after) >= 2 or s.speaking, "nobody ever answers 'no, make it six'"


def test_two_approvals_in_one_answer_are_both_read_back_or_one_is_refused():
    text = GATE.replace(
        "  balance:\n    queue: q\n",
        "  wire:\n    queue: q\n    describe: Wire.\n    params: {amount: int}\n    approval: caller\n  balance:\n    queue: q\n",
    ).replace("tools: [pay, balance]", "tools: [pay, wire, balance]")
    s = scene(text)
    s.caller("pay 5 and wire 6")
    first, second = s.model(pay={"amount": 5}, wire={"amount": 6})
    confirmations = [
        c for c in (first, second) if s.output(c).get("status") == "needs_confirmation"
    ]
    assert len(confirmations) == 1


CLEARS = """
vars:
  day: {type: date, clears: [at]}
  at: {type: time}
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    collect: {vars: [day, at]}
    next: [{event: collected, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_what_is_given_together_is_not_cleared_by_its_neighbour():
    s = scene(CLEARS)
    s.caller("half past seven on the 24th")
    s.model(set_a={"at": "19:30", "day": "2026-11-24"})
    assert s.vars["at"] == "19:30"


def test_what_a_result_lacks_does_not_keep_its_old_value():
    s = at_details()
    s.model(set_details=DETAILS)
    s.settle("check_availability", Outcome("worker", {"free": False, "alternatives": ["18:30"]}))
    s.model(set_alternatives={"at": "21:30"})
    s.settle("check_availability", Outcome("worker", {"free": False}))
    assert s.vars["offered"] != ["18:30"]


def test_a_corrected_call_is_not_attempted_again():
    s = at_booking()
    s.settle("create_booking", Outcome.failed("worker", "unavailable", "not now"))
    s.caller("Wait, make it five.")
    s.model(go_correct={"party_size": 5})
    s.settle("check_availability", FREE)
    s.wait(3)
    assert len(s.dispatches("create_booking")) == 1


def test_a_worker_that_settled_before_the_withdrawal_wins():
    text = GATE.replace("approval: caller", "approval: none").replace(
        "requires: allowed",
        "assign: {allowed: '${result.ok}'}\n    returns: {ok: bool}\n    timeout: 5s",
    )
    s = scene(text)
    s.caller("pay 5")
    [call] = s.model(pay={"amount": 5})
    s.wait(5.1)  # TimerFired(timeout), Withdraw emitted ...
    assert s.withdrawals
    s.apply(
        CallSettled(s.at, call, 1, Outcome("worker", {"ok": True}))
    )  # ... but the worker was first
    assert not s.reports("call.late")


SAYTOOL = """
vars: {}
tools:
  lookup:
    queue: q
    describe: Look.
    params: {}
    returns: {text: text}
    safe: true
    timeout: 8s
    FILLER
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    next: [{intent: The caller wants news., id: news, goto: b}]
  b:
    do: DO
    goal: Tell the caller the result ${found.text}.
    next:
      - {event: tool.lookup.failed, goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


@pytest.mark.parametrize(
    ("filler", "do", "wait"),
    [
        ("filler: {after: 1s, say: One moment.}", "[{tool: lookup, as: found}]", 2),
        ("", "[{say: One moment.}, {tool: lookup, as: found}]", 0),
    ],
)
def test_a_result_is_told_although_words_filled_the_wait(filler, do, wait):
    s = scene(SAYTOOL.replace("FILLER", filler).replace("DO", do))
    s.caller("news?")
    s.model(go_news={})
    s.wait(wait)
    s.settle("lookup", Outcome("worker", {"text": "it rains"}))
    assert s.speaking, (s.state, s.said, quiescent(s.snapshot))


def test_an_empty_answer_is_not_silence():
    s = scene(GATE)
    s.caller("hello?")
    s.apply(AnswerEnded(s.at, s.speaking, "completed"))  # no word, no call
    assert not quiescent(s.snapshot)


@pytest.mark.parametrize("how", ["incomplete", "cancelled"])
def test_an_answer_that_broke_off_before_a_word_is_not_silence(how):
    s = scene(GATE)
    s.caller("hello?")
    s.apply(AnswerEnded(s.at, s.speaking, how))
    assert not quiescent(s.snapshot)


def test_answers_that_speak_and_fail_are_given_up():
    s = scene(GATE)
    s.caller("hello?")
    for _ in range(100):
        if not s.speaking:
            break
        s.apply(AgentSaid(s.at, s.speaking, "Well,"))
        s.apply(AnswerEnded(s.at, s.speaking, "failed", "server_error"))
    assert len(s.answers) < 100


TRANSFER = """
vars: {}
limits: {duration: 10m}
on_error: sorry
interrupts:
  stop:
    intent: The caller changes their mind.
    goto: sorry
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    next: [{intent: The caller wants a person., id: human, goto: xfer}]
  xfer:
    do: [{say: One moment.}]
    transfer: {to: "sip:a@b.example", on_failed: sorry}
  sorry:
    do: [{say: Sorry.}]
    end: {reason: sorry}
"""


@pytest.mark.parametrize("ok", [True, False])
def test_a_limit_during_a_transfer_does_not_strand_the_session(ok):
    s = scene(TRANSFER)
    s.caller("a person")
    s.model(go_human={})
    assert s.snapshot.place.transferring
    s.wait(601)
    s.apply(TransferEnded(s.at, ok=ok))
    assert s.ended, (s.state, s.snapshot.run)


def test_a_caller_who_speaks_during_a_transfer_does_not_strand_the_session():
    s = scene(TRANSFER)
    s.caller("a person")
    s.model(go_human={})
    s.caller("oh, no, stop")
    if s.speaking:
        s.model(go_stop={})
    s.apply(TransferEnded(s.at, ok=True))
    assert s.ended, (s.state, s.snapshot.run)


ABANDON = """
vars: {}
tools:
  record:
    queue: q
    describe: Record.
    params: {}
on_error: err
interrupts:
  hours: {intent: The caller asks for the hours., goto: b}
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    next: [{intent: The caller wants it., id: it, goto: w}]
  w:
    do: [{tool: record}]
    next: [{event: tool.record.failed, goto: a}, {goto: b}]
  b:
    goal: Talk about hours.
    next: [{intent: The caller is done., id: done, goto: err}]
  err:
    do: [{say: Sorry.}]
    end: {reason: err}
"""


def test_a_failure_of_a_state_that_was_left_is_not_fatal_elsewhere():
    s = scene(ABANDON)
    s.caller("it")
    s.model(go_it={})
    s.caller("hours?")
    s.model(go_hours={})
    assert s.state == "b"
    s.model("nine to five")
    s.settle("record", Outcome.failed("worker", "refused", "no"))
    assert s.snapshot.run.erred is None


TWO = """
vars: {}
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    next: [{intent: The caller wants one., id: one, goto: b}]
  b:
    do: [{say: Mandatory notice.}]
    goal: Help more.
    next: [{intent: The caller wants two., id: two, goto: c}]
  c:
    goal: Deep.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_one_answer_makes_one_move():
    s = scene(TWO)
    s.caller("go")
    s.model(go_one={}, go_two={})
    assert s.path == ["a", "b"]


GATED_ENTRY = """
vars:
  verified: {type: bool, default: true, writable: engine}
tools:
  pay:
    queue: q
    describe: Pay.
    params: {}
    requires: verified
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    next: [{intent: The caller wants to pay., id: pay, goto: b}]
  b:
    do: [{set: {verified: false}}]
    goal: Verify.
    tools: [pay]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_a_waiting_call_is_judged_after_the_entry_of_its_state():
    s = scene(GATED_ENTRY)
    s.caller("pay")
    s.model(go_pay={}, pay={})
    assert not s.dispatches("pay")


def test_an_early_timer_is_a_no_op():
    s = at_details()
    s.model(set_details=DETAILS)
    [timer] = [t for t in s.snapshot.timers if t.startswith("timeout:")]
    s.apply(TimerFired(s.at, timer))  # four seconds early: sent twice by the driver
    assert not s.withdrawals


def test_arguments_nested_without_end_are_refused():
    with pytest.raises(Rejected):
        parse_arguments("[" * 200_000)


def test_a_call_of_a_newer_version_can_be_read():
    text = Call("i", "q", "t", {}, "k", 1, 1.0, 2.0, "s", "p", 0.0).to_json()
    Call.from_json(text[:-1] + ',"priority":1}')


def test_an_outcome_of_a_newer_version_can_be_read():
    Outcome.from_json(
        '{"by":"worker","result":null,"error":{"code":"x","message":"","after":null,"retryable":true}}'
    )


def test_an_unset_say_is_not_silence():
    s = scene(
        SAYTOOL.replace("    FILLER\n", "")
        .replace(
            "do: DO\n    goal: Tell the caller the result ${found.text}.",
            'do: [{tool: lookup, as: found}, {say: "It is ${found.text}."}]',
        )
        .replace(
            "- {event: tool.lookup.failed, goto: bye}", "- {event: tool.lookup.failed, goto: bye}"
        )
    )
    s.caller("news?")
    s.model(go_news={})
    s.settle("lookup", Outcome("worker", {}))
    assert s.speaking or len(s.said) > 1


def test_a_correction_that_changes_nothing_undoes_nothing():
    s = at_booking()
    s.caller("Wait.")
    s.model(go_correct={})
    s.settle("check_availability", FREE)
    s.settle("create_booking", BOOKED)
    assert not s.dispatches("cancel_booking")


def test_a_correction_does_not_touch_calls_of_other_tools_values():

    s = at_confirm()
    s.caller("what's vegetarian, and make it five")
    s.model(menu__search_dishes={"query": "v"}, go_correct={"party_size": 5})
    [call] = [c for c in s.snapshot.work.calls.values() if c.tool == "menu.search_dishes"]
    assert not call.corrected


def test_personal_values_in_arguments_and_lists_are_masked():
    from orchestrator.flow.commands import Report
    from orchestrator.flow.snapshot import Snapshot, Values
    from orchestrator.projection import record

    flow, _ = compile_flow(
        HEAD
        + """
vars:
  people: {type: list, of: text, pii: true}
  phone: {type: phone, pii: true}
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Help.
    collect: {vars: [people, phone]}
    next: [{event: collected, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
""",
        "t",
    )
    snapshot = Snapshot(values=Values(vars={"people": ["Ana Lopez"], "phone": None}))
    shown = str(
        record(
            flow,
            snapshot,
            Report(
                "call.dispatched", {"arguments": {"people": ["Ana Lopez"], "phone": "+33612345678"}}
            ),
        )
    )
    assert "Ana" not in shown
    assert "33612345678" not in shown


def test_an_agent_that_reads_a_former_value_is_masked():
    from orchestrator.flow.commands import Report
    from orchestrator.projection import record

    s = at_details()
    s.model(set_details=DETAILS)
    [call] = s.dispatches("check_availability")
    before = s.snapshot
    # the call that was made with a phone which the caller has corrected since
    from dataclasses import replace

    later = replace(
        before, values=replace(before.values, vars={**before.values.vars, "phone": "+33700000000"})
    )
    shown = str(record(s.flow, later, Report("call.done", {"result": {"phone": "+33612345678"}})))
    assert "33612345678" not in shown


def test_a_detour_does_not_drop_the_corrected_mark_or_hang_voice_say():
    """In voice a `say` is an answer; afterwards the goal must not be spoken on top of it."""
    s = scene(GATE, channel="websocket")
    assert s.answers[-1].purpose == "say"
    s.model("Hello.")
    assert len(s.answers) == 1, [a.purpose for a in s.answers]
