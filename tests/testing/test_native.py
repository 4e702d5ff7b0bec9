"""Cases in which the model uses tools that the Realtime service calls itself."""

from tests.flow.test_native import talking
from tests.testing.suites import flow_trial

FLOW = talking().flow


def test_what_the_service_calls_is_answered_as_the_case_says() -> None:
    tried = flow_trial(
        FLOW,
        """\
      - case: x
        tools: {kb.search: [{final: false}, {error: unavailable}]}
        turns:
          - caller: My laptop is broken.
            model: [[{call: kb__search, args: {q: laptop}}, {say: Turn it off.}]]
            expect: {said: Turn it off., tools: [{kb.search: {q: laptop}}], state: talk}
          - caller: And now?
            model: [{call: kb__search}]
            expect: {state: sorry, events: [call.failed]}
    """,
    )
    assert tried.failures == ()


def test_what_needs_the_callers_yes_waits_for_it() -> None:
    tried = flow_trial(
        FLOW,
        """\
      - case: x
        tools: {kb.file: [{id: T1}]}
        turns:
          - caller: File a report.
            model: [{call: kb__file, args: {title: laptop}}, {say: Is that right?}]
            expect:
              not_called: [kb.file]
              offered: [confirm_kb__file, decline_kb__file, kb__search, kb__delete, set_talk]
          - caller: Yes.
            model: [{call: confirm_kb__file}]
            expect: {tools: [{kb.file: {title: laptop}}], ended: completed}
    """,
    )
    assert tried.failures == ()
