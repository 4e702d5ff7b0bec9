"""Personal values are replaced, and the conversation takes the same way without them."""

import json
from collections.abc import Iterable, Mapping

from orchestrator.disguise import hide
from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import Report
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import (
    AnswerEnded,
    CallerTyped,
    CallProgressed,
    CallSettled,
    DigitPressed,
    Event,
    SessionStarted,
    Signalled,
    ToolAsked,
    to_json,
)
from orchestrator.flow.replaying import Decision, decide
from orchestrator.projection import MASK
from tests.flow.restaurant import BOOKED, at_booking, restaurant

PHONE = "+15550100000"
FLOW = """
dsl: 1
flow: account
version: "1"
session: {channel: text}
vars:
  phone: {type: phone, from: call.caller, pii: true}
  other: {type: phone, pii: true, clears: [card]}
  name: {type: text, pii: true}
  card: {type: text, pattern: "[A-Z]{2}[0-9]{4}", pii: true}
  pin: {type: text, pattern: "S[0-9]{3}", pii: true}
  born: {type: date, pii: true, validate: value < "2020-01-01"}
  age: {type: int, min: 18, pii: true}
  mail: {type: email, pii: true}
  plan: {type: enum, values: [basic, full], pii: true, default: basic}
tools:
  look_up: {queue: q, describe: Look up., params: {who: text}, returns: {owner: any}, safe: true}
start: talk
states:
  talk:
    goal: Take the details.
    collect: {vars: [other, name, card, pin, born, age, mail, plan]}
    tools: [look_up]
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
"""


def account() -> Flow:
    return compile_flow(FLOW, "account.flow.yaml")[0]


def hidden(flow: Flow, happened: Iterable[Event]) -> list[Event]:
    return list(hide(flow, happened))


def started(caller: str | None = None, **values: Json) -> SessionStarted:
    return SessionStarted(0.0, "s1", "UTC", 0, caller=caller, values=values)


def asked(flow: Flow, before: list[Event], tool: str, /, **arguments: Json) -> list[Event]:
    """What went before, and then the model's answer with one call."""
    *_, last = decide(flow, before)
    speak = last.snapshot.talk.speaking
    assert speak
    call = ToolAsked(1.0, speak, f"call_{len(before)}", tool, json.dumps(arguments))
    return [*before, call, AnswerEnded(1.0, speak, "completed")]


def given(event: Event) -> Mapping[str, Json]:
    assert isinstance(event, ToolAsked)
    arguments: Mapping[str, Json] = json.loads(event.arguments)
    return arguments


def shapes(decisions: Iterable[Decision]) -> list[list[str]]:
    """What was decided, by name: with other values, but the same."""
    return [
        [c.name if isinstance(c, Report) else type(c).__name__ for c in decision.commands]
        for decision in decisions
    ]


def test_a_session_takes_the_same_way_and_holds_no_number() -> None:
    scene = at_booking()
    scene.settle("create_booking", BOOKED)
    scene.model("Goodbye.")
    replayed = hidden(restaurant(), scene.events)
    assert "33612345678" not in json.dumps([to_json(event) for event in replayed])
    decisions = list(decide(restaurant(), replayed))
    assert shapes(decisions) == shapes(decide(restaurant(), scene.events))
    assert decisions[-1].snapshot.values.vars == {**scene.vars, "phone": PHONE}


def test_a_number_has_one_stand_in_however_it_is_written() -> None:
    flow = account()
    before: list[Event] = [started(), CallerTyped(0.5, "It's +33 (6) 12-34.56, or 0712 345678.")]
    events = hidden(flow, asked(flow, before, "set_talk", other="+33 6123456", name="Ana"))
    assert events[1] == CallerTyped(0.5, f"It's {PHONE}, or +15550100001.")
    assert given(events[2])["other"] == PHONE


def test_each_type_has_a_stand_in_that_its_variable_takes() -> None:
    flow = account()
    details: dict[str, Json] = {
        "other": "0712345678",
        "name": "Ana Šimić",
        "card": "AB1234",
        "pin": "S987",
        "born": "1990-05-17",
        "age": 36,
        "mail": "ana@home.example",
        "plan": "full",
    }
    happened = asked(flow, [started()], "set_talk", **details)
    events = hidden(flow, happened)
    assert given(events[1]) == {
        "other": PHONE,
        "name": "Aaa Aaaab",
        "card": "AA0002",
        "pin": "S003",
        "born": "2000-01-05",
        "age": 23,
        "mail": "caller6@example.com",
        "plan": "basic",
    }
    *_, last = decide(flow, events)
    assert last.snapshot.run.ended == "completed"
    assert shapes(decide(flow, events))[2] == shapes(decide(flow, happened))[2]


def test_what_is_refused_is_replaced_by_what_is_refused() -> None:
    flow = account()
    happened = asked(flow, [started()], "set_talk", card="my card is 99", born="2025-01-01")
    events = hidden(flow, happened)
    assert given(events[1]) == {"card": MASK, "born": MASK}
    assert shapes(decide(flow, events)) == shapes(decide(flow, happened))


def test_a_value_is_replaced_wherever_it_occurs_afterwards() -> None:
    flow = account()
    happened = asked(flow, [started()], "set_talk", name="Ana", age=36)
    happened = asked(flow, happened, "look_up", who="Ana from Banana")
    result = {"owner": ["ana", {"age": 36, "visits": 3, "phone": "0712345678"}]}
    happened.append(CallSettled(2.0, "call_3", 1, Outcome("worker", result)))
    *_, called, _, settled = hidden(flow, happened)
    assert given(called) == {"who": "Aaa from Banana"}
    assert isinstance(settled, CallSettled)
    stands = {"age": 19, "visits": 3, "phone": "+15550100002"}
    assert settled.outcome.result == {"owner": ["Aaa", stands]}


def test_what_a_handler_reports_holds_no_personal_value_either() -> None:
    flow = account()
    happened = asked(flow, [started()], "set_talk", name="Ana")
    happened.append(CallProgressed(2.0, "call_1", 1, "Looking for Ana.", {"who": "ana"}))
    *_, told = hidden(flow, happened)
    assert told == CallProgressed(2.0, "call_1", 1, "Looking for Aaa.", {"who": "Aaa"})


def test_the_callers_number_is_replaced_where_the_flow_takes_it_from() -> None:
    flow = account()
    [event] = hidden(flow, [started("+33 6 12 34 56 78")])
    assert isinstance(event, SessionStarted)
    assert event.caller == PHONE
    [decision] = decide(flow, [event])
    assert decision.snapshot.values.vars["phone"] == PHONE


def test_a_caller_without_a_number_stays_without_one() -> None:
    flow = account()
    [event] = hidden(flow, [started("anonymous")])
    assert shapes(decide(flow, [event])) == shapes(decide(flow, [started("anonymous")]))


def test_given_values_are_replaced_and_an_authors_default_is_not() -> None:
    [event] = hidden(account(), [started(name="Ana", plan="basic")])
    assert isinstance(event, SessionStarted)
    assert event.values == {"name": "Aaa", "plan": "basic"}


def test_dates_and_words_that_are_not_personal_stay() -> None:
    said = CallerTyped(1.0, "On 2026-11-24 at 19:30, table 12, for four.")
    assert hidden(restaurant(), [started(), said])[1] == said


def test_what_is_remembered_and_what_headers_say_is_hidden_too() -> None:
    event = SessionStarted(
        0.0, "s1", "UTC", 0, caller="+33612345678",
        values={"card": "AB1234"}, remembered={"name": "Ana Lopez"}, headers={"x-card": "AB1234"},
    )  # fmt: skip
    [found] = hidden(account(), [event])
    assert isinstance(found, SessionStarted)
    assert found.headers["x-card"] == found.values["card"] != "AB1234"
    assert found.remembered["name"] != "Ana Lopez"


SIGNALLED = """
dsl: 1
flow: told
version: "1"
session: {channel: text}
vars:
  phone: {type: phone, from: call.caller, pii: true}
  name: {type: text, pii: true}
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {event: signal.moved, set: {name: "${event.name}"}, goto: talk}
      - {dtmf: "0", goto: bye}
      - {dtmf: "1", goto: bye}
  bye: {end: {reason: completed}}
"""


def test_what_a_signal_brings_holds_no_personal_value() -> None:
    flow = compile_flow(SIGNALLED, "told.flow.yaml")[0]
    data: dict[str, Json] = {"name": "Ana", "note": "Ana, +33612345678", "minutes": 5}
    happened = [started("+33612345678"), Signalled(1.0, "moved", data)]
    events = hidden(flow, happened)
    note = f"Aab, {PHONE}"
    assert events[1] == Signalled(1.0, "moved", {"name": "Aab", "note": note, "minutes": 5})
    assert shapes(decide(flow, events)) == shapes(decide(flow, happened))


def test_keys_that_nothing_waits_for_are_not_told_from_each_other() -> None:
    flow = compile_flow(SIGNALLED, "told.flow.yaml")[0]
    pressed = [DigitPressed(float(at), digit) for at, digit in enumerate("4791")]
    _, *events = hidden(flow, [started(), *pressed])
    assert [event.digit for event in events if isinstance(event, DigitPressed)] == list("2221")
