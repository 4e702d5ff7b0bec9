"""What newcomers write, and what they are told: the message leads to what works."""

import pytest

from orchestrator.flow.compile import Lock, check
from orchestrator.flow.loader import load

LOCK: Lock = {"rules": {"search": {"description": "Search.", "input_schema": {"type": "object"}}}}
FLOW = """\
dsl: 1
flow: newcomer
version: "1"
session: {mode: text}
start: talk
on_error: bye
vars:
  arrive: {type: date, describe: The day of arrival}
tools:
  reserve: {queue: rooms, describe: Reserve a room., params: {day: date}}
states:
  talk:
    goal: Talk.
    collect: {vars: [arrive]}
    tools: [reserve]
    next:
      - {event: collected, goto: bye}
      - {event: tool.reserve.failed, goto: bye}
  bye: {end: {reason: completed}}
"""
SERVER = "mcp:\n  house: {server: rule, allow: [search]}\n"
TYPES = (
    "should be 'text', 'int', 'number', 'bool', 'date', 'time', 'datetime', 'duration', 'phone',"
    " 'email', 'enum', 'list', 'object' or 'any'"
)
SLIPS = [
    ("event: collected", "on: collected", "unknown key 'on' [write event: collected]"),
    ("collected, goto: bye", "collected, then: bye", "unknown key 'then' [write goto: bye]"),
    ("collected, goto: bye", "collected, to: bye", "unknown key 'to' [write goto: bye]"),
    ("collected, goto: bye", "collected, target: bye", "unknown key 'target' [write goto: bye]"),
    (
        "reserve.failed",
        "reserve.succes",
        "a tool has no event 'succes'; there are started, done, failed, denied, cancelled",
    ),
    (
        "start: talk\n",
        "start: talk\ntools_everywhere: [house.search]\n" + SERVER,
        "'search' of server 'rule' is not in mcp.lock.json [did you mean the server 'rules'?]",
    ),
    (
        "start: talk\n",
        "start: talk\ntools_everywhere: [house.search]\n" + SERVER.replace("rule", "first_aid"),
        (
            "'search' of server 'first_aid' is not in mcp.lock.json [register it with"
            " `orchestrator mcp add first_aid …`, then run `orchestrator mcp pin`]"
        ),
    ),
    (
        "start: talk\n",
        "start: talk\n" + SERVER.replace("[search]", "first_aid"),
        "should be a list of tools, or {read_only: true}",
    ),
    (
        "start: talk\n",
        "start: talk\n" + SERVER.replace("[search]", "[1]"),
        'should be text [write "1"]',
    ),
    (
        "params: {day: date}",
        "params: {day: date}, retry: 3",
        "should be never or a mapping [write {max: 3}]",
    ),
    *(
        ("{day: date}", f"{{day: date, other: {{type: {word}, optional: true}}}}", f"{TYPES} [{h}]")
        for word, h in (
            ("string", "did you mean 'text'?"),
            ("integer", "did you mean 'int'?"),
            ("boolean", "did you mean 'bool'?"),
            ("array", "did you mean 'list'?"),
            ("phon", "did you mean 'phone'?"),
        )
    ),
    (
        "params: {day: date}",
        "params: {day: date}, approval: true",
        "should be none, caller, human or a mapping",
    ),
    (
        "collect: {vars: [arrive]}",
        "collect: [arrive]",
        "should be a mapping [write {vars: [arrive]}]",
    ),
    (
        "    goal: Talk.",
        "    do: {say: Hello.}\n    goal: Talk.",
        "should be a list [each step begins with '-']",
    ),
    (
        "describe: The day of arrival",
        "describe: The day of arrival, validate: value >= now",
        "date and datetime cannot be compared [days_until(value) >= 0]",
    ),
    (
        "goal: Talk.",
        "goal: {say: Talk to {{ arrive }}.}",
        "this bracket is never closed, or a comma is missing [a text with { or ': ' needs quotes]",
    ),
    (
        "    goal: Talk.",
        "     goal: Talk.",
        (
            "this does not fit what stands before it"
            " [it begins in column 5, what is around it in 3: look at indentation and quotes]"
        ),
    ),
]


@pytest.mark.parametrize(("right", "wrong", "told"), SLIPS, ids=lambda text: text.strip()[:30])
def test_a_slip_is_told_once_and_with_what_to_write(right: str, wrong: str, told: str) -> None:
    assert check(FLOW, "f.yaml", LOCK) == ()
    assert right in FLOW
    errors = [p for p in check(FLOW.replace(right, wrong, 1), "f.yaml", LOCK) if p.level == "error"]
    assert [f"{p.message} [{p.hint}]" if p.hint else p.message for p in errors] == [told]


SEARCH = "{do: [{tool: reserve, with: {day: 2026-12-01}, as: found}], next: [{goto: bye}]}"


@pytest.mark.parametrize(
    ("states", "where"),
    [
        ({"search": SEARCH}, "state 'search'"),
        ({"search": SEARCH, "again": SEARCH}, "states 'search', 'again'"),
        ({"search": "{run: shop, as: found, next: [{goto: bye}]}"}, "state 'search'"),
    ],
)
@pytest.mark.parametrize(
    "use", ["goto: bye, if: found", "goto: bye, set: {arrive: '${found.day}'}"]
)
def test_a_result_in_another_state_is_told_with_where_it_is_known(
    states: dict[str, str], where: str, use: str
) -> None:
    more = "".join(f"  {name}: {body}\n" for name, body in states.items())
    text = FLOW.replace("goto: bye", use, 1).replace("  bye:", f"{more}  bye:")
    [problem] = [p for p in check(text, "f.yaml", LOCK) if p.code == "E002"]
    assert (problem.message, problem.hint) == (
        "nothing is called 'found' here",
        f"it is known only in {where}; keep it there in a variable, with `set`",
    )


def test_a_yes_that_somebody_says_is_no_slip() -> None:
    text = "turns:\n  - {caller: yes}\n  - {pii: yes}\n"
    assert [(p.code, p.line) for p in load(text, "f.yaml", frozenset({"caller"})).problems] == [
        ("Y006", 3)
    ]
