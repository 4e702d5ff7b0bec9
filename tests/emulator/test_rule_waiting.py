"""Results that come later: the caller is told that they wait, and what came of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.emulator.model import CallTool, Speech
from orchestrator.flow.offer import NEWS
from tests.emulator.test_rule import call, function, heard, message, respond, said

Json = Any

REVIEW = {"status": "pending", "message": "A person has to approve it first."}
WAIT = "One moment, please. A person has to approve it first."
OFFER = "I could offer to order 3 packs."
GOAL = "# Goal\nOffer to order 3 packs."
ORDER = function("order", "Order the packs.")


def back(name: str, output: Json) -> dict[str, Json]:
    return message("system", "input_text", f"{name} has come back: {json.dumps(output)}")


def ordered(output: Json) -> list[dict[str, Json]]:
    """The caller takes the offer, and the call is answered with this."""
    return [said(OFFER), heard("Order the packs, please."), *call("order", output)]


def test_a_caller_who_says_nothing_new_while_a_call_is_under_way_is_asked_for_patience() -> None:
    items = [heard("go"), *call("find", {"status": "started"})]
    assert respond("", *items, tools=[function("find")]) == Speech("One moment, please.")
    items += [said("One moment, please."), heard("ok")]
    assert respond("", *items, tools=[function("find")]) == Speech("One moment, please.")


@pytest.mark.parametrize("status", ["pending", "started"])
def test_a_result_that_is_yet_to_come_is_not_told(status: str) -> None:
    spoken = respond("# Goal\nSay goodbye.", heard("go"), *call("find", {"status": status}))
    assert spoken == Speech("Goodbye!")


def test_who_waits_for_a_persons_approval_is_told_so_and_not_offered_the_same_again() -> None:
    assert respond(GOAL, *ordered(REVIEW), tools=[ORDER]) == Speech(WAIT)


def test_the_talk_goes_on_while_a_person_thinks_it_over() -> None:
    needed = "# Still needed\n- day: Day of the visit"
    spoken = respond(needed, *ordered(REVIEW), tools=[ORDER])
    assert spoken == Speech(f"{WAIT} Could you tell me the day of the visit?")


def test_what_the_goal_tells_is_told_to_who_waits_but_once() -> None:
    goal = "# Goal\nTell the caller that the shop closes at six."
    spoken = respond(goal, *ordered(REVIEW), tools=[ORDER])
    assert spoken == Speech(f"{WAIT} The shop closes at six.")
    items = [*ordered(REVIEW), spoken_as(spoken), heard("ok")]
    assert respond(goal, *items, tools=[ORDER]) == Speech("One moment, please.")


def spoken_as(output: Any) -> dict[str, Json]:
    assert isinstance(output, Speech)
    return said(output.text)


def test_who_speaks_while_a_call_is_open_is_asked_for_patience() -> None:
    made, answered = call("order", {"status": "pending"})
    items = [said(OFFER), heard("Order the packs."), made, heard("ok"), answered]
    assert respond(GOAL, *items, tools=[ORDER]) == Speech("One moment, please.")


def test_a_late_result_is_told_from_its_system_message() -> None:
    goal = f"# Goal\n{NEWS}Say goodbye."
    items = [
        heard("find it"),
        *call("find", {"status": "started"}),
        said("I am looking."),
        back("find", {"result": ["a"]}),
    ]
    assert respond(goal, *items) == Speech("I found a. Goodbye!")


def test_the_page_on_the_layout_has_the_words_that_announce_news() -> None:
    page = Path(__file__).parents[2] / "docs/prompt.md"
    assert f"`{NEWS}`" in page.read_text(encoding="utf-8")


NEXT = f"# Goal\n{NEWS}Say goodbye."


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, "Order: done."),
        ({}, "Order: done."),
        ({"ok": True}, "Order: done."),
        ({"ref": "P77"}, "Ref: P77."),
        (
            {"error": "denied", "message": "it was not approved"},
            "Sorry, nothing came of that: it was not approved.",
        ),
        (
            {"error": "denied", "message": "Not before noon."},
            "Sorry, nothing came of that: Not before noon.",
        ),
        ({"error": "timeout", "message": "4 s passed"}, "Sorry, that did not work just now."),
    ],
)
def test_what_became_of_a_call_that_waited_is_told(output: Json, words: str) -> None:
    items = [*ordered(REVIEW), said(WAIT), back("order", output)]
    assert respond(NEXT, *items) == Speech(f"{words} Goodbye!")


def test_news_is_told_though_the_caller_spoke_before_it_could_be() -> None:
    items = [*ordered(REVIEW), said(WAIT), back("order", None), heard("Thanks.")]
    assert respond(NEXT, *items) == Speech("Order: done. You are welcome. Goodbye!")


def test_what_comes_back_silently_waits_for_no_words() -> None:
    items = [*ordered(REVIEW), said(WAIT), back("order", None), heard("Thanks.")]
    assert respond("# Goal\nSay goodbye.", *items) == Speech("You are welcome. Goodbye!")


def test_news_that_the_flow_has_told_in_its_own_words_is_not_told_again() -> None:
    denied = back("order", {"error": "denied", "message": "it was not approved"})
    items = [*ordered(REVIEW), said(WAIT), denied, said("They would not.")]
    assert respond(NEXT, *items) == Speech("Goodbye!")


def test_nobody_waits_any_more_for_what_has_come_back() -> None:
    items = [*ordered(REVIEW), said(WAIT), back("order", None), said("Order: done."), heard("ok")]
    assert respond(GOAL, *items, tools=[ORDER]) == Speech(OFFER)


def test_what_was_only_begun_may_never_come_back_and_stops_no_offer() -> None:
    begun = [*ordered({"status": "started"}), said("One moment, please."), heard("ok")]
    assert respond(GOAL, *begun, tools=[ORDER]) == Speech(OFFER)


def test_the_values_that_are_stored_after_a_while_are_not_told_as_a_result() -> None:
    items = [heard("two"), *call("set_sell", {"status": "pending"}, count=2)]
    late = back("set_sell", {"ok": True})
    assert respond(NEXT, *items, said("One moment."), late) == Speech("Goodbye!")


def filled(name: str, output: Json, **arguments: Json) -> list[dict[str, Json]]:
    """A call during which the caller was told to wait."""
    made, answered = call(name, output, **arguments)
    return [heard("Where is it?"), made, said("I am looking."), answered]


def test_an_error_after_words_of_patience_is_an_apology_too() -> None:
    refused = {"error": "refused", "message": "The carrier does not answer."}
    sorry = "Sorry. The carrier does not answer."
    assert respond("# Goal\nSay goodbye.", *filled("track", refused)) == Speech(f"{sorry} Goodbye!")


def test_a_result_after_words_of_patience_is_told_and_taken_up_like_any_other() -> None:
    found = {"result": [{"id": "a1", "title": "Carrier"}]}
    items = filled("kb__search", found, query="carrier")
    assert respond("# Goal\nSay goodbye.", *items) == Speech("I found Carrier. Goodbye!")
    text = {"type": "string", "description": "Id"}
    read = function("kb__read", "Read an article.", id=text)
    read["parameters"]["required"] = ["id"]
    assert respond("# Goal\nHelp.", *items, tools=[read]) == CallTool("kb__read", '{"id": "a1"}')


@pytest.mark.parametrize(
    "words",
    [
        "No, that was all, thanks.",
        "That was it.",
        "That would be all, thank you.",
        "No, that's all.",
        "I have no more questions.",
    ],
)
def test_who_says_in_any_tense_that_it_was_all_has_no_more_questions(words: str) -> None:
    done = function("go_done", "The caller has no more questions.")
    assert respond("", heard(words), tools=[done]) == CallTool("go_done")
