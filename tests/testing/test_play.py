"""What happens when a case is played, turn by turn."""

from orchestrator.flow.commands import Report
from orchestrator.testing.trial import Trial, story
from tests.flow.restaurant import restaurant
from tests.testing.suites import passes, trial

CONFIRM = (
    '{state: confirm, vars: {party_size: 2, day: "2026-11-24", at: "20:00", '
    'guest: Ana, phone: "+33612345678"}}'
)
CHECK = '{state: check, vars: {party_size: 2, day: "2026-11-24", at: "20:00"}}'


def problem(case: str) -> str:
    """Why this case's script could not be followed, and where."""
    tried = trial(case)
    [failure] = tried.failures
    assert not failure.expected
    return f"{failure.mark.line - 8}:{failure.mark.column} {failure.what}"


def at(tried: Trial, name: str) -> list[float]:
    """When reports of this name came, in seconds from the start of the session."""
    return [
        round(item.snapshot.run.at - item.snapshot.run.started, 1)
        for item in tried.items
        if isinstance(item.what, Report) and item.what.name == name
    ]


def test_the_start_is_a_turn_of_its_own_unless_the_caller_has_the_first_word() -> None:
    passes("""\
      - case: x
        turns:
          - expect: {path: [welcome], said: "Chez Ana, hello."}
          - {caller: Hello., expect: {path: [welcome], said: []}}
    """)
    tried = trial("""\
      - case: x
        turns: [{caller: Hello., expect: {said: "Chez Ana, hello."}}]
    """)
    assert [failure.found for failure in tried.failures] == ["nothing"]


def test_answers_are_taken_from_the_script_in_the_order_in_which_they_are_asked_for() -> None:
    passes(f"""\
      - case: x
        start: {CHECK}
        turns:
          - model: [{{say: It is free.}}]
            expect: {{said: It is free., path: [check, confirm]}}
          - caller: Then yes.
            model: [{{call: create_booking}}, {{say: Is that right?}}]
            expect: {{said: [Is that right?], not_called: [create_booking]}}
    """)


def test_what_the_model_says_without_a_script_does_not_matter() -> None:
    passes("""\
      - case: x
        start: {state: details}
        turns: [{caller: Well., expect: {said: [], state: details, events: [answer.asked]}}]
    """)


def test_calls_in_an_inner_list_belong_to_one_answer() -> None:
    passes("""\
      - case: x
        start: {state: details}
        turns:
          - caller: For two. When do you close?
            model: [[{say: Sure.}, {call: set_details, args: {party_size: 2}}, {call: go_hours}]]
            expect: {vars: {party_size: 2}, said: [Sure., eleven], events: [interrupt.taken]}
    """)


def test_an_answer_without_tools_calls_none() -> None:
    told = problem(f"""\
      - case: x
        start: {CONFIRM}
        turns:
          - {{caller: Yes., model: [{{call: create_booking}}, {{call: confirm_create_booking}}]}}
    """)
    assert told == "4:54 no tools in this answer, a readback: put [] or a say before"


def test_what_is_scripted_must_be_asked_for() -> None:
    told = problem("""\
      - case: x
        turns: [{caller: Hello., model: [{say: Hello.}, {say: Are you there?}]}]
    """)
    assert told == "2:51 nothing asks for this answer: the turn brought 1 before it"


def test_a_call_needs_an_answer_that_is_left() -> None:
    told = problem(f"""\
      - case: x
        start: {CHECK}
        tools: {{check_availability: []}}
        turns: [{{}}]
    """)
    expected = "check_availability is called (attempt 1), but no answer of it is left"
    assert told == f"4:11 {expected}: add one under `tools`"


def test_nobody_speaks_after_the_end() -> None:
    told = problem("""\
      - case: x
        turns: [{then: hangup}, {caller: Hello?}]
    """)
    assert told == "2:28 the session has ended before (hangup)"


def test_a_tool_answers_at_once_or_after_a_while() -> None:
    passes(f"""\
      - case: x
        start: {CHECK}
        tools: {{check_availability: [{{after: 1500ms, free: true, alternatives: []}}]}}
        turns:
          - expect: {{state: check}}
          - {{wait: 1s, expect: {{state: check, said: Let me look}}}}
          - {{wait: 500ms, expect: {{path: [check, confirm]}}}}
    """)


def test_timers_and_answers_come_when_they_are_due() -> None:
    tried = trial(f"""\
      - case: x
        start: {CHECK}
        tools:
          check_availability:
            - {{error: timeout}}
            - {{error: unavailable}}
            - {{after: 2s, free: true, alternatives: []}}
        turns: [{{wait: 14s}}]
    """)
    assert at(tried, "call.dispatched") == [0.0, 4.2, 4.6]
    assert at(tried, "call.done") == [6.6]


def test_an_error_that_nobody_repeats_is_told_in_its_own_words() -> None:
    passes(f"""\
      - case: x
        start: {CHECK}
        tools: {{check_availability: [{{error: refused, message: closed}}]}}
        turns: [{{expect: {{path: [check, transfer], attempts: {{check_availability: 1}}}}}}]
    """)


def test_an_answer_comes_behind_what_the_caller_does_then() -> None:
    passes(f"""\
      - case: x
        start: {CONFIRM}
        turns:
          - {{caller: Please do., model: [{{call: create_booking}}]}}
          - caller: Yes.
            model: [{{call: confirm_create_booking}}]
            then: hangup
            expect: {{kept: [create_booking], ended: hangup, vars: {{booking_ref: AB12}}}}
    """)


def test_what_is_kept_is_followed_to_its_end() -> None:
    tried = trial(f"""\
      - case: x
        start: {CONFIRM}
        tools: {{create_booking: [{{error: timeout}}, {{after: 2s, ref: AB12}}]}}
        turns:
          - {{caller: Please do., model: [{{call: create_booking}}]}}
          - {{caller: Yes., model: [{{call: confirm_create_booking}}], then: hangup}}
    """)
    assert not tried.failures
    assert at(tried, "call.done") == [8.5]


def test_a_transfer_succeeds_unless_it_is_said_to_fail() -> None:
    passes("""\
      - case: x
        turns: [{caller: A person!, model: [{call: go_human}], expect: {ended: transferred}}]
    """)
    passes("""\
      - case: x
        transfer: failed
        turns: [{caller: A person!, model: [{call: go_human}], expect: {ended: transfer_failed}}]
    """)


def test_start_values_replace_defaults_and_sources() -> None:
    passes("""\
      - case: x
        call: {caller: "+33612345678"}
        turns: [{expect: {vars: {phone: "+33612345678", seating: any}}}]
    """)
    passes("""\
      - case: x
        call: {caller: "+33612345678"}
        start: {vars: {phone: "+33 7 12 34 56 78", seating: terrace, party_size: null}}
        turns: [{expect: {vars: {phone: "+33712345678", seating: terrace, party_size: null}}}]
    """)


def test_a_case_has_its_own_moment() -> None:
    tried = trial("""\
      - case: x
        now: "2026-12-24T18:00:00+01:00"
        turns: [{caller: Hello.}]
    """)
    assert tried.items[0].snapshot.run.at == 1798131600.0
    assert tried.items[0].snapshot.run.offset == 3600


def test_a_live_case_is_not_run() -> None:
    tried = trial("""\
      - {case: x, live: true, persona: You are in a hurry., expect: {judge: [Is brief.]}}
    """)
    assert (tried.outcome, tried.items) == ("not_run", ())


def test_the_story_tells_who_said_what_and_what_the_model_called() -> None:
    tried = trial("""\
      - case: x
        turns: [{caller: A table?, model: [[{say: Sure.}, {call: go_book}]]}]
    """)
    told = [record["event"] for record in story(restaurant(), tried)]
    assert told == [
        "session.started", "state.entered", "agent.said", "caller.said",
        "answer.asked", "agent.said", "model.called", "answer.ended", "edge.taken",
        "state.entered", "answer.asked", "agent.said", "answer.ended",
    ]  # fmt: skip
