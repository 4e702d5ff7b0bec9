"""Whole conversations with a help desk: a code with a pattern, a topic, tools that search, read
and open tickets.
"""

import pytest

from tests.emulator.talk import AT_GOAL, Json, State, Talk, tool

ID = {"type": "string", "description": "Of an article that was found", "required": True}
QUERY = {"type": "string", "description": "The problem in a few words", "required": True}
TITLE = {"type": "string", "description": "The problem in one line", "required": True}
WORDS = {"type": "string", "description": "Words of the title; empty for all", "required": True}
DESK_TOOLS = (
    tool("desk__find_tickets", "Find tickets by words of their title.", query=dict(WORDS)),
    tool(
        "desk__create_ticket",
        f"Open a ticket for the service desk. {AT_GOAL}",
        priority={"enum": ["low", "normal", "high"], "default": "normal"},
        title=dict(TITLE),
    ),
    tool("kb__search", "Search the knowledge base.", query=dict(QUERY)),
    tool("kb__fetch", "Read an article of the knowledge base.", id=dict(ID)),
)
SLOW = {
    "id": "slow",
    "title": "The laptop is slow",
    "steps": ["Close what is not needed.", "Restart the laptop.", "Leave it on power overnight."],
}
FOUND = {
    "results": [
        {"id": "slow", "title": "The laptop is slow"},
        {"id": "wifi", "title": "The laptop has no wireless network in the office"},
    ]
}


def helpdesk(at: str = "identify", **values: Json) -> Talk:
    return Talk(
        states={
            "identify": State(
                say="IT service desk. What is your employee number?",
                goal="Get the employee number, then start verification.",
                collect=("employee_id",),
            ),
            "triage": State(
                goal="Understand the problem. Use kb to find a fix and walk the caller through "
                "one step at a time. If it is not solved after two suggestions, open a ticket "
                "with desk.",
                collect=("topic",),
                tools=DESK_TOOLS,
                gos={
                    "not_fixed": ("The fix did not work.", "triage"),
                    "solved": ("The problem is solved.", "bye"),
                },
                confirms="bye",
            ),
            "human": State(say="I'm connecting you with an engineer.", end=True),
            "bye": State(goal="Say goodbye in one sentence.", end=True),
        },
        schemas={
            "employee_id": {
                "type": "string",
                "pattern": "E[0-9]{5}",
                "description": "Employee number, E and five digits",
            },
            "topic": {
                "enum": ["password", "laptop", "network", "other"],
                "description": "topic",
            },
        },
        at=at,
        interrupts={
            "human": (
                "The caller asks for a person or mentions an outage for many users.",
                "human",
            )
        },
        results={
            "kb__search": lambda _: {"result": "Restart the router."},
            "kb__fetch": lambda arguments: {"slow": SLOW}[arguments["id"]],
            "desk__find_tickets": lambda _: {"tickets": []},
            "desk__create_ticket": lambda _: {"id": "T12", "title": "x", "priority": "normal"},
        },
        collected=lambda talk: "triage",
        values=dict(values),
    )


def test_an_employee_number_is_taken_however_it_is_said() -> None:
    for words in ("it's E12345", "e 1 2 3 4 5", "E one two three four five"):
        talk = helpdesk()
        talk.hear(words)
        assert talk.log == [("set_identify", {"employee_id": "E12345"})]


def test_a_problem_is_looked_up_as_the_goal_says_and_followed() -> None:
    talk = helpdesk("triage")
    said = talk.hear("my laptop won't start")
    assert talk.values["topic"] == "laptop"
    assert talk.arguments("kb__search") == {"query": "laptop start"}
    assert said.startswith("Restart the router.")
    talk.hear("it still doesn't work")
    assert talk.calls[-1] == "go_not_fixed"
    talk.hear("great, it works now")
    assert talk.calls[-1] == "go_solved"


def slow_laptop() -> Talk:
    """A caller whose problem is in the knowledge base; the first step has been told."""
    talk = helpdesk("triage")
    talk.results["kb__search"] = lambda _: FOUND
    talk.hear("My laptop is slow.")
    return talk


def test_what_was_found_is_read_and_its_steps_are_told_one_at_a_time() -> None:
    talk = slow_laptop()
    assert talk.log == [
        ("set_triage", {"topic": "laptop"}),
        ("kb__search", {"query": "laptop slow"}),
        ("kb__fetch", {"id": "slow"}),
    ]
    assert talk.said[-1] == "The laptop is slow. Close what is not needed. Does it work now?"
    assert talk.hear("That did not help.") == "Restart the laptop. Does it work now?"
    assert talk.calls[3:] == ["go_not_fixed"]


def test_after_two_suggestions_a_ticket_is_offered_as_the_goal_says() -> None:
    talk = slow_laptop()
    talk.hear("That did not help.")
    assert talk.hear("It still does not work.") == "Shall I open a ticket?"
    talk.hear("Please open a ticket.")
    assert talk.log[-1] == ("desk__create_ticket", {"title": "laptop slow"})
    talk.hear("Yes.")
    assert talk.calls[-1] == "confirm_desk__create_ticket"


def test_yes_to_an_offer_is_the_wish_for_it() -> None:
    talk = slow_laptop()
    talk.hear("No.")
    talk.hear("No, it is still slow.")
    assert talk.said[-1] == "Shall I open a ticket?"
    talk.hear("Yes.")
    assert talk.log[-1] == ("desk__create_ticket", {"title": "laptop slow"})


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Yes.", "go_solved"),
        ("Yes, thank you.", "go_solved"),
        ("It works again.", "go_solved"),
        ("No.", "go_not_fixed"),
        ("Nope, same problem.", "go_not_fixed"),
        ("Nor did that work.", "go_not_fixed"),
        ("No, put me through to a person.", "go_human"),
    ],
)
def test_whether_a_step_helped_is_understood(words: str, name: str) -> None:
    talk = slow_laptop()
    talk.hear(words)
    assert talk.calls[3:] == [name]


def test_words_not_understood_bring_no_new_step() -> None:
    said = slow_laptop().hear("Bananas.")
    assert said == "Sorry, I did not catch that. Does it work now?"


def test_nothing_is_read_by_an_id_that_nobody_found() -> None:
    talk = helpdesk("triage")
    talk.results["kb__search"] = lambda _: {"results": []}
    said = talk.hear("My laptop is slow.")
    assert talk.calls == ["set_triage", "kb__search"]
    assert said == "I found nothing for that. Shall I open a ticket?"


def test_a_trouble_is_looked_up_though_no_goal_says_so() -> None:
    desk = helpdesk("triage", topic="laptop")
    desk.states["triage"].goal = "Help the caller."
    desk.states["triage"].tools = DESK_TOOLS[2:]
    desk.hear("My screen is broken.")
    assert desk.log == [("kb__search", {"query": "screen broken"})]
