from typing import Any

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Command, Report, Say, Transfer
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.events import CallerTyped, Event
from orchestrator.flow.snapshot import Snapshot, Values
from orchestrator.projection import MASK, record
from tests.flow.restaurant import DETAILS, at_details, restaurant


def shown(item: Event | Command, *, masked: bool = True) -> dict[str, Json]:
    scene = at_details()
    scene.model(set_details=DETAILS)
    found = record(restaurant(), scene.snapshot, item, masked=masked)
    assert found is not None
    return found


def test_a_number_is_masked_before_any_variable_holds_it() -> None:
    said = CallerTyped(0, "It is +33 (0)6 98-76.54 32, thanks.")
    assert shown(said)["text"] == f"It is {MASK}, thanks."


def test_dates_times_and_small_numbers_are_not_taken_for_a_phone() -> None:
    text = "Four people on 24 November at 19:30, table 12."
    assert shown(CallerTyped(0, text))["text"] == text


def test_a_personal_value_is_masked_wherever_it_occurs() -> None:
    report = Report("call.done", {"result": {"to": ["sms", DETAILS["phone"]], "n": 1}})
    assert shown(report)["result"] == {"to": ["sms", MASK], "n": 1}
    call = Report("call.dispatched", {"call": "call_1234567", "arguments": {"day": "2026-11-24"}})
    assert shown(call)["call"] == "call_1234567"
    assert shown(call)["arguments"] == {"day": "2026-11-24"}
    set_phone = Report("value.set", {"name": "phone", "value": "x"})
    assert shown(set_phone)["value"] == MASK


def test_the_note_of_a_transfer_keeps_its_dates_and_hides_the_number() -> None:
    note = f"Martin, 2026-11-24 19:30, {DETAILS['phone']}"
    assert shown(Transfer("sip:desk@example", note))["note"] == f"Martin, 2026-11-24 19:30, {MASK}"


def test_why_a_personal_value_was_refused_is_shown_on_the_callers_own_terminal_only() -> None:
    refused = Report("value.rejected", {"name": "phone", "reason": "must be a phone number"})
    assert shown(refused)["reason"] == MASK
    assert shown(refused, masked=False)["reason"] == "must be a phone number"


def test_a_callers_own_terminal_shows_the_words_as_they_were_said() -> None:
    assert shown(Say("item_1", "To 0612345678."), masked=False)["text"] == "To 0612345678."
    call = Report("call.dispatched", {"arguments": {"phone": "+33612345678"}})
    assert shown(call, masked=False)["arguments"] == {"phone": MASK}


PEOPLE = """
dsl: 1
flow: f
version: "1"
title: T
session: {mode: text}
vars:
  people: {type: list, of: text, pii: true}
  address: {type: object, fields: {street: text, floor: int}, pii: true}
  pin: {type: text, pattern: "[0-9]{4}", pii: true}
  contacts: {type: list, of: phone, pii: true}
  birthday: {type: date, pii: true}
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Talk.
    collect: {vars: [people, address, pin, contacts, birthday]}
    next: [{event: collected, goto: bye}]
  bye:
    end: {reason: completed}
"""


def masked(data: dict[str, Any], **held: Json) -> Json:
    """The data of an event of the author's, where these variables hold something."""
    flow, _ = compile_flow(PEOPLE, "f.flow.yaml")
    snapshot = Snapshot(values=Values(vars=held))
    found = record(flow, snapshot, Report("call.done", {"call": "call_1", "result": data}))
    assert found is not None
    return found["result"]


def test_what_is_in_a_list_or_an_object_is_masked_by_itself() -> None:
    address = {"street": "Rue Ana 5", "floor": 17}
    data = {"note": "Ana Lopez and Bob, Rue Ana 5", "n": 17, "m": 18}
    assert masked(data, people=["Bob", "Ana Lopez"], address=address) == {
        "note": f"{MASK} and {MASK}, {MASK}",
        "n": MASK,
        "m": 18,
    }


def test_the_longer_of_two_values_is_masked_whole() -> None:
    assert masked({"to": "Ana Lopez"}, people=["Ana", "Ana Lopez"]) == {"to": MASK}


@pytest.mark.parametrize("number", ["+33 6 12 34 56 78", "0612345678", "tel:+33612345678"])
def test_a_number_that_no_variable_holds_is_masked_in_calls(number: str) -> None:
    assert str(masked({"to": [number]})).count(MASK) == 1
    assert "345" not in str(masked({"to": [number]}))


def test_a_field_with_the_name_of_a_personal_variable_is_masked() -> None:
    assert masked({"people": ["Eve"], "pin": None}) == {"people": MASK, "pin": None}


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24",
        "on 2026-11-24 19:30",
        "2026-11-24T19:30:00+01:00",
        "call_1234567",
        "12345678-1234-4234-8234-123456789012",
    ],
)
def test_dates_and_ids_are_not_taken_for_numbers(text: str) -> None:
    assert masked({"of": text}) == {"of": text}


def test_a_date_that_is_a_personal_value_is_masked() -> None:
    data = {"born": "on 1990-02-03", "day": "2026-11-24"}
    expected = {"born": f"on {MASK}", "day": "2026-11-24"}
    assert masked(data, birthday="1990-02-03") == expected


def test_a_corrected_number_stays_masked_in_the_calls_that_were_made_with_it() -> None:
    report = Report("call.done", {"result": {"sent_to": "+33698765432"}})
    assert shown(report)["result"] == {"sent_to": MASK}


def test_what_matches_an_authors_own_pattern_is_masked_and_a_date_is_not() -> None:
    flow, _ = compile_flow(
        """
dsl: 1
flow: f
version: "1"
session: {mode: text}
vars:
  badge: {type: text, pattern: "E[0-9]{3}|F[0-9]{2,4}", pii: true}
  plate: {type: text, pattern: "[0-9]{2}", pii: true}
start: talk
states:
  talk:
    goal: Talk.
    collect: {vars: [badge, plate]}
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: done}}
""",
        "f.flow.yaml",
    )
    shown = record(flow, Snapshot(), CallerTyped(0, "F12 or E123, on 2026-11-24."))
    assert shown is not None
    assert shown["text"] == f"{MASK} or {MASK}, on 2026-11-24."
