"""Every kind of expectation, and how it is told that it does not hold."""

import pytest

from orchestrator.testing.judge import Failure
from tests.testing.suites import passes, trial

CASE = """\
  - case: x
    start: {state: details}
    turns:
      - caller: Three of us, tomorrow at eight. I am Ana, +33 6 12 34 56 78.
        model:
          - call: set_details
            args: {party_size: 3, day: "2026-11-24", at: "20:00", guest: Ana, phone: "+33612345678"}
        expect:
"""
PLACE = (17, 9)  # of the expectation, in the file
CHECKED = (
    'check_availability {"day": "2026-11-24", "at": "20:00", "party_size": 3, "seating": "any"}'
)
OFFERED = "create_booking, go_correct, go_hours, go_human, menu__allergens, menu__search_dishes"
ALSO = (
    "also create_booking, also go_hours, also go_human, "
    "also menu__allergens, also menu__search_dishes"
)
EVENTS = (
    "caller.said, answer.asked, value.set, value.set, value.set, value.set, value.set, "
    "answer.ended, edge.taken, state.entered, call.dispatched, call.done, value.set, edge.taken, "
    "state.entered, answer.asked, agent.said, answer.ended"
)


def failures(expect: str) -> tuple[Failure, ...]:
    return trial(f"{CASE}          {expect}\n").failures


WRONG = {
    "path: [details, confirm]": (0, "details → confirm", "details → check → confirm"),
    "visits: [check, alternatives]": (16, "alternatives", "details → check → confirm"),
    "state: details": (0, "details", "confirm"),
    "vars: {guest: Ana, party_size: 4}": (19, "party_size = 4", "party_size = 3"),
    "vars: {booking_ref: AB12}": (7, 'booking_ref = "AB12"', "booking_ref = null"),
    "offered: [go_correct, go_book]": (
        0,
        "go_book, go_correct",
        f"not go_book, {ALSO}",
    ),
    "tools: [{check_availability: {party_size: 4}}]": (
        8,
        'check_availability {"party_size": 4}',
        CHECKED,
    ),
    "tools: [check_availability, cancel_booking]": (28, "cancel_booking {}", "nothing"),
    "tools: []": (0, "nothing", CHECKED),
    "not_called: [check_availability]": (13, "no check_availability", CHECKED),
    "attempts: {check_availability: 2}": (
        11,
        "check_availability: 2",
        "check_availability: 1",
    ),
    "said: eleven": (6, "'eleven'", "nothing"),
    "events: [call.done, call.dispatched]": (
        20,
        "call.dispatched",
        EVENTS,
    ),
    "kept: [create_booking]": (0, "create_booking", "nothing"),
    "cancelled: [check_availability]": (0, "check_availability", "nothing"),
    "ended: completed": (0, "completed", "it goes on"),
}


@pytest.mark.parametrize("expect", WRONG)
def test_a_wrong_expectation_is_told_at_its_place_with_what_was_found(expect: str) -> None:
    offset, expected, found = WRONG[expect]
    [failure] = failures(expect)
    line, column = PLACE
    assert (failure.mark.line, failure.mark.column) == (line, column + offset)
    assert failure.what == expect.partition(":")[0]
    assert (failure.expected, failure.found) == (expected, found)


@pytest.mark.parametrize(
    "expect",
    [
        "path: [details, check, confirm]",
        "visits: [check]",
        "state: confirm",
        "vars: {party_size: 3, booking_ref: null}",
        f"offered: [{OFFERED}]",
        'tools: [{check_availability: {at: "20:00"}}]',
        "tools: [check_availability]",
        "not_called: [create_booking]",
        "attempts: {check_availability: 1, create_booking: 0}",
        "said: []",
        "events: [value.set, call.dispatched, call.done]",
        "kept: []",
        "cancelled: []",
        "ended: null",
    ],
)
def test_a_right_expectation_passes(expect: str) -> None:
    passes(f"{CASE}          {expect}\n")


def test_everything_that_is_wrong_with_a_turn_is_told() -> None:
    found = failures("{state: details, ended: completed, vars: {guest: Ben, party_size: 4}}")
    assert [failure.what for failure in found] == ["state", "ended", "vars", "vars"]


def test_a_case_ends_with_the_turn_that_fails() -> None:
    tried = trial("""\
      - case: x
        turns:
          - {expect: {state: details}}
          - {caller: Hello., expect: {state: details}}
    """)
    assert len(tried.failures) == 1


def test_what_was_said_counts_in_its_order_only() -> None:
    case = """\
      - case: x
        turns:
          - caller: Hello.
            model: [[{say: One moment.}, {say: "It is free!"}]]
            expect: {said: [%s]}
    """
    passes(case % "moment, is, free")
    [failure] = trial(case % "free, moment").failures
    assert (failure.expected, failure.found) == ("'moment'", "'One moment.', 'It is free!'")


def test_hearing_nothing_is_an_expectation_too() -> None:
    [failure] = trial("""\
      - case: x
        turns: [{expect: {said: []}}]
    """).failures
    assert (failure.expected, failure.found) == ("nothing", "'Chez Ana, hello. How can I help?'")


def test_one_call_does_not_stand_for_two() -> None:
    [failure] = failures("tools: [check_availability, check_availability]")
    assert (failure.expected, failure.found) == ("check_availability {}", "nothing")


def test_true_is_not_one() -> None:
    [failure] = trial("""\
      - case: x
        start: {vars: {party_size: 1}}
        turns: [{expect: {vars: {party_size: true}}}]
    """).failures
    assert (failure.expected, failure.found) == ("party_size = true", "party_size = 1")
