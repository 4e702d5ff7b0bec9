"""One prompt, one answer."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.emulator.model import CallTool, Output, Prompt, Speech
from orchestrator.emulator.rule import RuleModel

DATE = "# Date and zone\nMonday 23 November 2026, 10:00 (2026-11-23T10:00+01:00, Europe/Paris)\n\n"
AT_GOAL = (
    "Call this as soon as the goal is reached: the caller is asked to confirm before anything "
    "happens."
)

Json = Any


def function(name: str, description: str = "", **properties: Json) -> dict[str, Json]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": {"type": "object", "properties": properties},
    }


def heard(text: str) -> dict[str, Json]:
    return message("user", "input_text", text)


def said(text: str) -> dict[str, Json]:
    return message("assistant", "output_text", text)


def message(role: str, kind: str, text: str) -> dict[str, Json]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def call(name: str, output: Json, **arguments: Json) -> list[dict[str, Json]]:
    return [
        {
            "type": "function_call",
            "call_id": name,
            "name": name,
            "arguments": json.dumps(arguments),
        },
        {"type": "function_call_output", "call_id": name, "output": json.dumps(output)},
    ]


def respond(
    instructions: str,
    *items: dict[str, Json],
    tools: Sequence[dict[str, Json]] = (),
    choice: Json = "auto",
) -> Output:
    (output,) = RuleModel().respond(Prompt(DATE + instructions, tools, choice, items))
    return output


COUNT = {"type": "integer", "description": "Number of tickets"}
SHOW = {"type": "string", "format": "date", "description": "Day of the show"}
NEEDED = "# Still needed\n- count: Number of tickets\n- show: Day of the show\n- seat: Seat"


def test_words_to_be_said_exactly_are_said_and_nothing_else() -> None:
    output = respond(
        "# Goal\nSell tickets.\n\n# Say exactly\nHold on.",
        heard("two"),
        tools=[function("set_sell", count=COUNT)],
    )
    assert output == Speech("Hold on.")


def test_the_first_two_values_that_are_needed_are_asked_for() -> None:
    assert respond(NEEDED) == Speech(
        "Could you tell me the number of tickets and the day of the show?"
    )


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (
            "Thank the caller and say goodbye in one short sentence.",
            "Thank you for calling. Goodbye!",
        ),
        ("Ask gently whether the caller is still there.", "Are you still there?"),
        ("Ask whether they need a moment.", "Do you need a moment?"),
        ("Ask if the line is clear.", "Is the line clear?"),
        ("Find out what the caller wants. Do not collect details yet.", "How can I help?"),
        ("Greet the caller.", "Hello!"),
        ("Ask for the order number.", "Could you tell me the order number?"),
        ("Tell the caller that the office is closed.", "The office is closed."),
        ("Apologise and say goodbye.", "I am sorry about that. Goodbye!"),
        (
            "Nothing is free at 19:30. Offer at most two of: 18:30, 21:30.",
            "Nothing is free at 19:30. I could offer 18:30 or 21:30.",
        ),
        ("Book 2 seats on 2026-11-24.", "Book 2 seats on Tuesday 24 November. Is that right?"),
        (
            (
                "Read this back to the caller and ask whether it is right, a yes or a no: "
                "day 2026-11-24, count 2"
            ),
            "Day Tuesday 24 November, count 2. Is that right?",
        ),
        ("Keep the caller company until the work under way is done.", "One moment, please."),
        ("Our desk is closed today.", "Our desk is closed today."),
    ],
)
def test_a_goal_is_turned_into_words_for_the_caller(goal: str, words: str) -> None:
    assert respond(f"# Goal\n{goal}") == Speech(words)


@pytest.mark.parametrize("items", [(), (heard("blah"),), (said("Hello."), heard("two"))])
def test_none_as_the_choice_calls_nothing(items: tuple[dict[str, Json], ...]) -> None:
    tools = [function("set_sell", count=COUNT)]
    assert isinstance(respond(NEEDED, *items, tools=tools, choice="none"), Speech)


def test_a_named_choice_is_called_with_what_was_heard() -> None:
    tools = [function("go_other"), function("set_sell", count=COUNT)]
    choice = {"type": "function", "name": "set_sell"}
    output = respond(NEEDED, heard("two tickets"), tools=tools, choice=choice)
    assert output == CallTool("set_sell", '{"count": 2}')


def test_a_required_choice_calls_something() -> None:
    tools = [function("go_other", "The caller wants something else.")]
    assert respond(NEEDED, heard("blah"), tools=tools, choice="required") == CallTool("go_other")


def test_values_said_before_the_move_are_stored_after_it() -> None:
    items = [heard("two tickets for tomorrow"), *call("go_buy", {"ok": True})]
    output = respond(NEEDED, *items, tools=[function("set_sell", count=COUNT, show=SHOW)])
    assert output == CallTool("set_sell", '{"show": "2026-11-24", "count": 2}')


def test_values_that_were_stored_are_not_stored_again() -> None:
    items = [heard("two tickets"), *call("set_sell", {"ok": True}, count=2)]
    output = respond(NEEDED, *items, tools=[function("set_sell", count=COUNT)])
    assert isinstance(output, Speech)


def test_a_value_that_is_known_is_not_set_again_unless_it_is_stale() -> None:
    tools = [function("set_sell", count=COUNT)]
    known = "# Known values\n- count: 2"
    assert isinstance(respond(known, heard("two tickets"), tools=tools), Speech)
    output = respond(f"{known} (stale: ask again)", heard("two tickets"), tools=tools)
    assert output == CallTool("set_sell", '{"count": 2}')


def test_a_rejection_is_explained_and_the_value_asked_for_again() -> None:
    rejected = {"rejected": {"count": "must be at most 9"}, "missing": ["count"]}
    items = [heard("twenty tickets"), *call("set_sell", rejected, count=20)]
    output = respond("# Still needed\n- count: Number of tickets", *items)
    assert output == Speech(
        "Sorry, the count must be at most 9. Could you tell me the number of tickets?"
    )


def test_a_failed_call_is_regretted_and_we_go_on() -> None:
    items = [heard("any news?"), *call("news", {"error": "timeout", "message": "4 s passed"})]
    output = respond("# Goal\nAsk for the order number.", *items)
    assert output == Speech(
        "Sorry, that did not work just now. Could you tell me the order number?"
    )


def test_an_error_of_a_call_that_the_service_made_is_never_read_out() -> None:
    error = {"type": "tool_execution_error", "message": "Error executing tool fetch: no such id."}
    made = {"type": "mcp_call", "server_label": "kb", "name": "fetch", "error": error}
    asked = {**made, "arguments": '{"id": "x"}', "output": None}
    words = "Sorry, that did not work just now. Goodbye!"
    assert respond("# Goal\nSay goodbye.", heard("read it"), asked) == Speech(words)


def test_a_message_of_a_program_is_never_read_out() -> None:
    failed = {"error": "tool_error", "message": "Error executing tool find: there is none."}
    output = respond("# Goal\nSay goodbye.", heard("find it"), *call("find", failed))
    assert output == Speech("Sorry, that did not work just now. Goodbye!")


NUMBER = {"type": "string", "pattern": "[0-9]{3}", "description": "Ticket number, three digits"}
GET_NUMBER = "# Goal\nGet the ticket number, then look for it.\n\n"
GOT_NUMBER = f'{GET_NUMBER}# Known values\n- number: "123"'


def test_what_is_known_by_now_is_not_asked_for_again() -> None:
    tools = [function("set_ask", number=NUMBER), function("go_human", "A person is wanted.")]
    items = [heard("123"), *call("set_ask", {"ok": True}, number="123")]
    output = respond(GOT_NUMBER, *items, tools=tools)
    assert output == Speech("Thank you. One moment, please.")
    assert respond(GOT_NUMBER, *items, said("Wait."), heard("ok"), tools=tools) == Speech(
        "One moment, please."
    )
    assert respond(GET_NUMBER) == Speech("Could you tell me the ticket number?")


OPEN = "# Goal\nGreet the caller, and tell them that the shop is open from nine to six."


def test_what_the_goal_tells_answers_a_question_about_it() -> None:
    done = [function("go_done", "The caller is done.")]
    hours = "The shop is open from nine to six."
    assert respond(OPEN, tools=done) == Speech(f"Hello! {hours}")
    items = [said("Hello!"), heard("When are you open?")]
    assert respond(OPEN, *items, tools=done) == Speech(hours)


def test_what_is_to_be_confirmed_is_read_back_once() -> None:
    output = {"status": "needs_confirmation", "read_back": "count 2, day 2026-11-24"}
    items = [heard("two tickets"), *call("buy", output)]
    goal = "# Goal\nRead this back to the caller and ask whether it is right: count 2"
    words = "Count 2, day Tuesday 24 November. Is that right?"
    assert respond(goal, *items, choice="none") == Speech(words)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"result": ["a", "b"]}, "I found a and b."),
        ({"seats": []}, "I found nothing for that."),
        ({"status": "ready"}, "Status: ready."),
        ({"seats": [{"name": "Box 1", "price": 20}]}, "I found Box 1: price 20."),
        ([{"name": "A"}, {"name": "B"}, {"name": "C"}], "I found A, B and C."),
        ({"notes": [{"id": "n1", "title": "Keys"}]}, "I found Keys."),
        ({"result": "All is well."}, "All is well."),
        ({"name": "Hall", "open": True, "floor": None}, "Hall: open."),
        ({"error": "failed", "message": "There is no such hall."}, "Sorry. There is no such hall."),
    ],
)
def test_a_result_is_told_in_a_sentence(output: Json, words: str) -> None:
    spoken = respond("# Goal\nSay goodbye.", heard("which?"), *call("find", output))
    assert spoken == Speech(f"{words} Goodbye!")


def test_a_note_for_the_record_is_not_read_out() -> None:
    note = message("system", "input_text", "Summarise for the engineer: topic network.")
    assert respond("# Goal\nSay goodbye.", note) == Speech("Goodbye!")


def test_the_tool_of_the_goal_is_called_once_nothing_is_needed() -> None:
    tools = [function("buy", f"Buy. {AT_GOAL}")]
    items = [heard("two tickets"), *call("set_sell", {"ok": True}, count=2)]
    assert respond("# Goal\nSell 2 tickets.", *items, tools=tools) == CallTool("buy")
    assert isinstance(respond(NEEDED, *items, tools=tools), Speech)


def test_no_tool_is_called_twice_for_the_same_words() -> None:
    tools = [function("buy", f"Buy. {AT_GOAL}"), function("go_on", "The caller wants more.")]
    items = [heard("more"), *call("go_on", {"ok": True}), *call("buy", {"error": "timeout"})]
    assert isinstance(respond("# Goal\nSell 2 tickets.", *items, tools=tools), Speech)


def test_a_tool_that_the_goal_names_is_called() -> None:
    output = respond(
        "# Goal\nExplain what happens, then call reset.", heard("ok"), tools=[function("reset")]
    )
    assert output == CallTool("reset")


def test_several_values_of_one_kind_go_where_the_words_point() -> None:
    tool = function(
        "set_trip",
        adults={"type": "integer", "description": "Number of adults"},
        bags={"type": "integer", "description": "Pieces of luggage, bags"},
    )
    output = respond(NEEDED, heard("three bags, and then there are two adults"), tools=[tool])
    assert output == CallTool("set_trip", '{"bags": 3, "adults": 2}')


@pytest.mark.parametrize(
    ("schema", "asked", "words", "value"),
    [
        ({"type": "boolean", "description": "Parking wanted"}, "Parking wanted?", "yes", True),
        ({"type": "boolean", "description": "Parking wanted"}, "Parking wanted?", "no", False),
        ({"type": "string", "description": "Reason"}, "The reason?", "A leak.", "A leak"),
        ({"type": "string", "format": "email"}, "Mail?", "a@b.org", "a@b.org"),
        ({"type": ["integer", "null"], "description": "Age"}, "Age?", "I am 33", 33),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "Value?", "33", 33),
        ({"enum": ["red", "dark_blue"], "description": "Colour"}, "?", "dark blue", "dark_blue"),
        ({"enum": ["red", "other"], "description": "Colour"}, "Colour?", "well it glows", "other"),
    ],
)
def test_a_value_is_given_as_its_schema_wants_it(
    schema: Json, asked: str, words: str, value: Json
) -> None:
    output = respond("", said(asked), heard(words), tools=[function("set_s", value=schema)])
    assert output == CallTool("set_s", json.dumps({"value": value}))


def test_a_wish_says_which_of_two_moves_the_values_are_for() -> None:
    tools = [
        function("go_buy", "The caller buys tickets.", show=SHOW),
        function("go_cancel", "The caller cancels an order.", show=SHOW),
    ]
    output = respond("", heard("please cancel what I had for tomorrow"), tools=tools)
    assert output == CallTool("go_cancel", '{"show": "2026-11-24"}')


TIME = {"type": "string", "format": "time", "description": "Time of the show"}


def test_yes_to_a_read_back_is_no_choice_of_the_time_in_it() -> None:
    tools = [function("go_correct", "The caller corrects it.", at=TIME), function("confirm_buy")]
    asked = said("Two seats at five o'clock. Is that right?")
    known = '# Known values\n- at: "17:00"'
    assert respond(known, asked, heard("yes"), tools=tools) == CallTool("confirm_buy")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Yes please.", CallTool("confirm_sell")),
        ("No.", CallTool("decline_sell")),
        ("No, five tickets.", CallTool("set_sell", '{"count": 5}')),
    ],
)
def test_values_that_are_read_back_are_confirmed_declined_or_corrected(
    words: str, expected: CallTool
) -> None:
    tools = [function("set_sell", count=COUNT), function("confirm_sell"), function("decline_sell")]
    known = "# Goal\nSell tickets.\n\n# Known values\n- count: 4"
    assert respond(known, said("Four. Is that right?"), heard(words), tools=tools) == expected


def test_yes_takes_the_one_time_that_was_offered() -> None:
    tools = [function("set_sell", at=TIME)]
    output = respond("", said("I could offer half past five."), heard("yes please"), tools=tools)
    assert output == CallTool("set_sell", '{"at": "17:30"}')


def test_a_phrase_that_excludes_a_tool_is_not_likeness() -> None:
    tools = [function("go_sell", "The caller sells. Not when: the caller buys a house")]
    assert isinstance(respond("", heard("I'd like a house"), tools=tools), Speech)


def test_equal_prompts_get_equal_answers() -> None:
    prompt = Prompt(DATE + NEEDED, [function("set_sell", count=COUNT)], "auto", [heard("two")])
    model = RuleModel()
    assert model.respond(prompt) == model.respond(prompt) == RuleModel().respond(prompt)


@pytest.mark.parametrize("words", ["", "???", "\0", "a" * 5000, "1 " * 500, "é ü 中文"])
def test_odd_words_do_not_break_it(words: str) -> None:
    tools = [function("set_sell", count=COUNT, show=SHOW), function("go_x", "The caller is x.")]
    assert respond(NEEDED, heard(words), tools=tools)


def test_an_empty_prompt_is_answered() -> None:
    assert RuleModel().respond(Prompt("", [], "auto", [])) == [Speech("How can I help?")]
