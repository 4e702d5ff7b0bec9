"""Cases that are played with a voice, and what else only happens there."""

from orchestrator.flow.definition import Flow
from orchestrator.testing.coverage import taken, untaken
from tests.flow.small import small
from tests.testing.suites import flow_trial

FLOW = """
silence:
  - {after: 8s, prompt: Ask whether they are there.}
  - {after: 16s, goto: bye}
interrupts:
  closing:
    signal: shop.closing
    do: [{say: "We close in ${event.minutes} minutes."}]
    return: true
start: talk
states:
  talk:
    do: [{say: Hello.}]
    goal: Help.
    next:
      - {event: transcript.final, if: event.text == 'Bye.', goto: bye}
      - {event: response.cancelled, do: [{note: Cut off.}]}
      - {silence: 4s, if: turns > 0, goto: bye}
  bye:
    do: [{say: Goodbye.}]
    end: {reason: completed}
"""


def flow() -> Flow:
    return small(FLOW)


def test_with_a_voice_silence_counts_and_everything_can_be_covered() -> None:
    cases = (
        """\
      - case: silence
        call: {channel: websocket}
        turns:
          - {expect: {path: [talk]}}
          - {wait: 8s, model: [{say: Are you there?}], expect: {said: there}}
          - {wait: 8s, expect: {path: [talk, bye], ended: completed}}
        """,
        """\
      - case: a signal, and someone who cuts in and says goodbye
        call: {channel: websocket}
        turns:
          - signal: {name: shop.closing, data: {minutes: 5}}
            model: [[], [], {say: Yes?}]
          - {caller: Bye., interrupts: true, model: [[], []], expect: {path: [talk, bye]}}
        """,
        """\
      - case: silence after a word
        call: {channel: websocket}
        turns:
          - {caller: Hello., model: [{say: Hello!}]}
          - {wait: 4s, expect: {path: [talk, bye]}}
        """,
    )
    tried = [flow_trial(flow(), case) for case in cases]
    assert [trial.failures for trial in tried] == [(), (), ()]
    ways = [way for trial in tried for way in taken(trial.items)]
    assert untaken(flow(), ways) == ()


def test_in_text_the_same_flow_hears_no_silence() -> None:
    case = """\
      - case: x
        turns: [{wait: 60s, expect: {state: talk, ended: null}}]
    """
    assert flow_trial(flow(), case).failures == ()


def test_a_call_with_an_effect_is_stopped_when_the_caller_cuts_in() -> None:
    desk = small("""
tools: {write: {queue: q, describe: Write it., on_interrupt: cancel}}
start: talk
states:
  talk:
    goal: Help.
    tools: [write]
    next:
      - {event: tool.write.cancelled, goto: bye}
      - {event: tool.write.done, goto: talk}
  bye: {end: {reason: completed}}
""")
    case = """\
      - case: x
        call: {channel: websocket}
        tools: {write: [{after: 5s, result: {}}]}
        turns:
          - {caller: Write it., model: [{call: write}]}
          - caller: "No."
            interrupts: true
            expect: {path: [talk, bye], cancelled: [write]}
    """
    assert flow_trial(desk, case).failures == ()
