"""Recorded sessions are decided as they were; other flows are told from the one they had."""

from dataclasses import replace

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.errors import JournalMismatch, UsageError
from orchestrator.flow.events import CallerTyped, SessionStarted, to_json
from orchestrator.flow.replaying import (
    Difference,
    Plain,
    concerned,
    decide,
    differences,
    header,
    must_match,
    read,
)
from tests.journals.recorded import FLOW, recorded_flow, recording

DETAILS: dict[str, Json] = {
    "day": "2026-12-02",
    "at": "19:30",
    "guest": "Martin",
    "phone": "+15550100000",
    "seating": "any",
}
CONFIRMED = {"welcome": 1, "details": 1, "check": 1, "confirm": 1, "goodbye": 1}

# What each came to when it was recorded: its states, variables, and how it ended.
ENDS: dict[str, tuple[dict[str, int], dict[str, Json], str, str]] = {
    "booked": (
        CONFIRMED,
        {**DETAILS, "party_size": 4, "offered": [], "booking_ref": "GZ65"},
        "completed",
        "completed",
    ),
    "corrected": (
        {**CONFIRMED, "check": 2, "confirm": 2},
        {**DETAILS, "party_size": 5, "offered": [], "booking_ref": "JQ05"},
        "completed",
        "completed",
    ),
    "transferred": (
        {"welcome": 1, "details": 1, "check": 1, "transfer": 1},
        {**DETAILS, "party_size": 4, "offered": None, "booking_ref": None},
        "completed",
        "transferred",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_recorded_session_comes_to_the_same_end_for_ever(name: str) -> None:
    recorded = recording(name)
    must_match(recorded_flow(), recorded)
    *_, last = decide(recorded_flow(), recorded.events)
    run, place = last.snapshot.run, last.snapshot.place
    assert (place.visits, last.snapshot.values.vars, run.how, run.ended) == ENDS[name]
    assert place.state == list(ENDS[name][0])[-1]


@pytest.mark.parametrize("name", ENDS)
def test_a_flow_does_not_differ_from_itself(name: str) -> None:
    flow = recorded_flow()
    assert list(differences(flow, flow, recording(name).events)) == []


def found(name: str, *changes: tuple[str, str]) -> list[Difference]:
    return list(differences(recorded_flow(), recorded_flow(*changes), recording(name).events))


def test_other_words_are_a_difference_where_they_are_said_and_nowhere_else() -> None:
    hello = ("say: Chez Ana, hello. How can I help?", "say: Chez Ana, good day.")
    [only] = found("corrected", hello)
    assert only.number == 1
    assert only.gone == ({"command": "Say", "text": "Chez Ana, hello. How can I help?"},)
    assert only.come == ({"command": "Say", "text": "Chez Ana, good day."},)


@pytest.mark.parametrize("name", ENDS)
def test_a_step_more_shifts_ids_and_is_no_other_difference(name: str) -> None:
    check = "      - tool: check_availability\n"
    more = found(name, (check, f"      - note: Look it up.\n{check}"))
    note: Plain = {
        "command": "AddItem",
        "role": "system",
        "text": "Look it up.",
        "first": False,
        "image": "",
    }
    assert [each.come for each in more] == [(note,)] * ENDS[name][0]["check"]
    assert not any(each.gone for each in more)


def test_a_way_that_nobody_went_is_no_difference() -> None:
    assert found("booked", ("- {goto: alternatives}", "- {goto: confirm}")) == []


FEWER = ("party_size > 12", "party_size > 3")


def test_another_way_is_told_with_the_elements_that_decided() -> None:
    first, *_ = found("booked", FEWER)
    assert [each["command"] for each in first.gone] == ["Speak"]
    assert [each.get("state") for each in first.come] == ["transfer", None, None]
    old, new = recorded_flow(), recorded_flow(FEWER)
    assert place(concerned(old, first, first.old).line).strip() == "details:"
    assert "party_size > 12" in place(concerned(new, first, first.new).line)


def place(line: int) -> str:
    return FLOW.read_text().splitlines()[line - 1]


def test_after_they_have_parted_an_outcome_belongs_to_no_call_of_the_new_flow() -> None:
    come = [each for difference in found("booked", FEWER) for each in difference.come]
    assert [c["call"] for c in come if c.get("report") == "call.late"] == ["nobody", "nobody"]


def test_a_journal_of_another_flow_is_told_from_this_ones() -> None:
    other = recorded_flow(("Chez Ana, hello.", "Chez Ana, good day."))
    with pytest.raises(JournalMismatch, match=r"recorded with restaurant 1\.4\.0 \(d30eb3e9f58d\)"):
        must_match(other, recording("booked"))


def test_a_journal_of_other_semantics_is_told_from_todays() -> None:
    recorded = recording("booked")
    old = replace(recorded, header={**recorded.header, "semantics": 0})
    with pytest.raises(JournalMismatch, match="semantics 0, these are 1"):
        must_match(recorded_flow(), old)


def test_a_journal_is_read_as_it_was_written() -> None:
    flow = recorded_flow()
    happened = (SessionStarted(0.0, "s1", "UTC", 0), CallerTyped(1.0, "Hello."))
    recorded = read([header(flow, "s1"), *map(to_json, happened)])
    assert recorded.events == happened
    must_match(flow, recorded)


def test_every_entry_that_is_wrong_is_told_at_once() -> None:
    flow = recorded_flow()
    wrong: list[dict[str, Json]] = [
        {"type": "caller.sang", "at": 0},
        {"type": "caller.typed", "at": "noon", "text": "Hi."},
        {"type": "caller.typed", "at": 0},
    ]
    told = r"(?s)entry 2: .*caller\.sang.*\nentry 3: .*noon.*\nentry 4: "
    with pytest.raises(UsageError, match=told):
        read([header(flow, "s1"), *wrong])


@pytest.mark.parametrize("entries", [[], [{"type": "caller.typed", "at": 0, "text": "Hi."}]])
def test_what_has_no_header_is_no_journal(entries: list[dict[str, Json]]) -> None:
    with pytest.raises(UsageError, match="no header"):
        read(entries)


def test_a_journal_of_a_later_format_is_refused() -> None:
    with pytest.raises(UsageError, match="format 2, not of 1"):
        read([{**header(recorded_flow(), "s1"), "version": 2}])


def test_a_flow_without_a_variable_that_was_given_can_be_compared() -> None:
    given = SessionStarted(0.0, "s1", "UTC", 0, values={"seating": "indoor", "gone": 1})
    [decision] = decide(recorded_flow(), [given])
    assert decision.snapshot.values.vars["seating"] == "indoor"
