from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Command, Report, Say, Transfer
from orchestrator.flow.events import CallerTyped, Event
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


def test_a_callers_own_terminal_shows_the_words_as_they_were_said() -> None:
    assert shown(Say("item_1", "To 0612345678."), masked=False)["text"] == "To 0612345678."
    call = Report("call.dispatched", {"arguments": {"phone": "+33612345678"}})
    assert shown(call, masked=False)["arguments"] == {"phone": MASK}
