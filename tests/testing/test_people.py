"""People beside the caller, and what is known of the caller, in tests of flows."""

from textwrap import dedent

from orchestrator.errors import Problem
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import Event
from orchestrator.flow.replaying import decide
from orchestrator.testing.judge import Failure
from orchestrator.testing.recording import case_of
from orchestrator.testing.trial import Trial, try_case
from tests.flow.small import small
from tests.testing.suites import flow_trial, read_suite

HEAD = """\
dsl: 1
tests: small.flow.yaml
cases:
"""


def desk() -> Flow:
    return small("""
vars:
  name: {type: text, scope: caller, missing: you}
  shop: {type: text, from: call.header.X-Shop, default: Lyon}
tools:
  reset:
    queue: identity
    describe: Reset the password.
    params: {user: text}
    approval: {by: human, timeout: 90s, reason: "Reset of ${args.user}"}
on_end: {do: [{set: {name: gone}}]}
on_error: bye
start: talk
states:
  talk:
    do: [{say: "Hello ${name} in ${shop}."}]
    goal: Talk.
    tools: [reset]
    next:
      - {event: tool.reset.done, goto: bye}
      - {event: tool.reset.denied, do: [{say: "Not possible, ${event.note}."}], goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
""")


def tried(case: str) -> Trial:
    suite, problems = read_suite(HEAD + dedent(case), "x.test.yaml", desk())
    assert suite and not problems, problems
    return try_case(desk(), suite, suite.cases[0])


def failures(case: str) -> tuple[Failure, ...]:
    return tried(case).failures


def problems(case: str) -> tuple[Problem, ...]:
    return read_suite(HEAD + dedent(case), "x.test.yaml", desk())[1]


ASKED = """\
      - case: x
        tools: {reset: [{}]}
        turns:
          - caller: Reset it, please.
            model: [{call: reset, args: {user: ana}}]
            expect: {approvals: [{reset: {user: ana}}], not_called: [reset]}
"""


def test_a_person_agrees() -> None:
    assert not failures(
        ASKED + "          - {approve: reset, expect: {tools: [reset], ended: completed}}\n"
    )


def test_a_person_says_no_and_why() -> None:
    deny = "{deny: {tool: reset, note: not today}, expect: {said: not today, tools: []}}"
    assert not failures(f"{ASKED}          - {deny}\n")
    assert not failures(f"{ASKED}          - {{deny: reset, expect: {{ended: completed}}}}\n")


def test_a_person_who_says_nothing_has_said_no() -> None:
    assert not failures(ASKED + "          - {wait: 91s, expect: {ended: completed, tools: []}}\n")


def test_nobody_can_decide_about_what_nobody_asked() -> None:
    [failure] = failures("      - {case: x, turns: [{approve: reset}]}\n")
    assert failure.what == "no call of reset waits for a person"
    assert (failure.mark.line, failure.mark.column) == (4, 31)


def test_who_was_asked_about_something_else_is_told() -> None:
    [failure] = failures(ASKED.replace("[{reset: {user: ana}}]", "[{reset: {user: ben}}]"))
    assert (failure.what, failure.expected) == ("approvals", 'reset {"user": "ben"}')
    [failure] = failures(ASKED.replace("[{reset: {user: ana}}]", "[]"))
    assert (failure.expected, failure.found) == ("nothing", 'reset {"user": "ana"}')


def test_each_deed_has_a_turn_of_its_own() -> None:
    [problem] = problems("      - {case: x, turns: [{caller: Well?, approve: reset}]}\n")
    assert problem.code == "S001"
    assert "beside 'caller'" in problem.message


def test_names_of_tools_and_of_what_is_remembered_are_checked() -> None:
    found = problems("""\
      - case: x
        remembered: {nam: Ana, shop: Lyon}
        turns: [{approve: rest}, {deny: rest}, {deny: {tool: rest}}, {expect: {approvals: [rest]}}]
    """)
    assert sorted(p.code for p in found) == ["T001"] * 4 + ["V001"] * 2


def test_a_caller_is_known_and_the_call_has_headers() -> None:
    assert not failures("""\
      - case: x
        call: {caller: "+33612345678", headers: {X-Shop: Nice}}
        remembered: {name: Ana}
        turns: [{expect: {said: Hello Ana in Nice.}}]
    """)


def test_of_a_caller_without_a_number_nothing_is_known() -> None:
    assert not failures("""\
      - case: x
        remembered: {name: Ana}
        turns: [{expect: {said: Hello you in Lyon.}}]
    """)


def test_a_session_may_end_in_several_ways_that_nobody_chose() -> None:
    ways = {"hangup": "hangup", "interrupted": "interrupted", "lost": "provider_lost"}
    for then, ended in ways.items():
        assert not failures(f"""\
      - case: x
        turns: [{{then: {then}, expect: {{ended: {ended}, vars: {{name: gone}}}}}}]
    """)


CHECKED = """
vars: {code: {type: text, validate: {tool: look}}}
tools: {look: {queue: desk, params: {value: text}, returns: {ok: bool}, safe: true}}
start: talk
states:
  talk:
    goal: Ask for the code.
    collect: {vars: [code]}
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
"""
TWICE = """\
      - case: x
        tools: {look: [{ok: false}, {ok: true}]}
        turns:
          - {}
          - caller: AB1.
            model: [{call: set_talk, args: {code: AB1}}]
            expect: {tools: [{look: {value: AB1}}], vars: {code: null}, events: [value.rejected]}
          - caller: AB2.
            model: [{call: set_talk, args: {code: AB2}}]
            expect: {attempts: {look: 1}, vars: {code: AB2}, ended: completed}
"""


def test_what_a_tool_says_of_a_value_is_canned_and_recorded_like_any_answer() -> None:
    flow = small(CHECKED)
    suite, problems = read_suite(HEAD + dedent(TWICE), "x.test.yaml", flow)
    assert suite and not problems, problems
    trial = try_case(flow, suite, suite.cases[0])
    assert not trial.failures
    happened = [item.what for item in trial.items if isinstance(item.what, Event)]
    made = case_of(flow, tuple(decide(flow, happened)))
    assert made["tools"] == {"look": [{"ok": False}, {"ok": True}]}


def test_what_was_collected_is_confirmed_as_a_call_is() -> None:
    flow = small("""
vars: {size: int}
start: talk
states:
  talk:
    goal: Ask how many.
    collect: {vars: [size], confirm: true}
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
""")
    case = """\
      - case: x
        turns:
          - caller: Four.
            model: [{call: set_talk, args: {size: 4}}, {say: Four?}]
            expect: {state: talk, offered: [set_talk, confirm_talk, decline_talk]}
          - caller: Yes.
            model: [{call: confirm_talk}]
            expect: {path: [talk, bye], ended: completed}
    """
    assert flow_trial(flow, case).failures == ()
