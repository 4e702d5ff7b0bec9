"""What the caller's silence brings about, and when it counts."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.events import (
    AgentFinished,
    CallerBegan,
    CallerStopped,
    DigitPressed,
    Signalled,
    TranscriptFinal,
)
from orchestrator.flow.snapshot import Quiet
from tests.flow.scene import Scene
from tests.flow.small import play

QUIET = """
session: {mode: text}
vars: {pressed: {type: int, default: 0}}
tools:
  look: {queue: desk, describe: Look it up., safe: true, timeout: 60s}
  ask: {queue: desk, describe: Ask a person., approval: human}
silence:
  - {after: 8s, prompt: Ask whether they are there.}
  - {after: 12s, say: Hello?}
  - {after: 20s, goto: bye}
start: desk
states:
  desk:
    do: [{say: Hello.}]
    goal: Help.
    tools: [look, ask]
    next:
      - {dtmf: "1", set: {pressed: "${pressed + 1}"}}
      - {silence: 5s, if: pressed > 0, set: {pressed: 0}}
      - {intent: The caller wants to be alone., id: alone, goto: alone}
      - {intent: The caller wants patience., id: patient, goto: patient}
  alone:
    silence: []
    goal: Wait.
    next: [{intent: The caller is done., id: done, goto: bye}]
  patient:
    silence: [{after: 60s, goto: bye}]
    goal: Wait.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: "${turns}"}}
"""


def desk(**started: str) -> Scene:
    return play(QUIET, **started)


def passed(scene: Scene) -> list[float]:
    return [report.data["seconds"] for report in scene.reports("silence.passed")]


def test_the_marks_of_one_silence_follow_each_other_to_its_end() -> None:
    scene = desk()
    scene.wait(8)
    assert scene.answers[-1].purpose == "prompt"
    scene.wait(2)
    scene.model("Are you there?")
    scene.wait(3.9)
    assert passed(scene) == [8]
    scene.wait(0.1)
    assert scene.said[-1] == "Hello?"
    scene.wait(8)
    assert passed(scene) == [8, 12, 20]
    assert (scene.state, scene.ended) == ("bye", True)
    assert scene.reports("state.entered")[-1].data["by"] == "silence"


def test_a_word_or_a_key_of_the_caller_breaks_it() -> None:
    scene = desk()
    scene.wait(7)
    scene.apply(DigitPressed(scene.at, "7"))
    scene.wait(7)
    scene.caller("One moment.")
    scene.model("Take your time.")
    scene.wait(7)
    assert passed(scene) == []
    scene.wait(1)
    assert passed(scene) == [8]


def test_words_of_the_agent_of_its_own_accord_begin_a_new_one() -> None:
    scene = desk()
    scene.wait(8)
    scene.model("Are you there?")
    scene.caller("Look it up.")
    scene.model(look={})
    scene.settle("look", Outcome("worker", {}))
    scene.model("Found it.")
    scene.wait(7.9)
    assert passed(scene) == [8]
    scene.wait(0.1)
    assert passed(scene) == [8, 8]


def test_it_does_not_count_while_a_call_is_waited_for() -> None:
    scene = desk()
    scene.caller("Look it up.")
    scene.model(look={})
    scene.wait(30)
    assert passed(scene) == []
    scene.settle("look", Outcome("worker", {}))
    scene.model("Found it.")
    scene.wait(8)
    assert passed(scene) == [8]


def test_it_does_not_count_while_a_person_is_asked() -> None:
    scene = desk()
    scene.caller("Ask somebody.")
    scene.model(ask={})
    scene.model("I am asking.")
    scene.wait(30)
    assert passed(scene) == []


def test_an_edge_takes_its_own_mark_if_its_condition_holds() -> None:
    scene = desk()
    scene.wait(6)
    scene.apply(DigitPressed(scene.at, "1"))
    scene.wait(5)
    assert scene.vars["pressed"] == 0
    assert scene.reports("edge.taken")[-1].data["index"] == 1


def test_a_state_may_have_none_or_another_of_its_own() -> None:
    scene = desk()
    scene.caller("Leave me alone.")
    scene.model(go_alone={})
    scene.model("Sure.")
    scene.wait(600)
    assert passed(scene) == []
    other = desk()
    other.caller("Be patient.")
    other.model(go_patient={})
    other.model("Sure.")
    other.wait(60)
    assert passed(other) == [60]


def test_in_text_only_a_flow_for_text_hears_silence() -> None:
    scene = play(QUIET.replace("session: {mode: text}\n", ""))
    assert "silence:" not in scene.snapshot.timers
    scene.wait(600)
    assert not scene.ended


def test_where_there_is_a_voice_it_counts_from_when_the_agent_was_heard() -> None:
    scene = desk(channel="websocket")
    scene.model("Hello.")
    scene.wait(20)
    assert passed(scene) == []
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    scene.wait(8)
    assert passed(scene) == [8]


SLOW = """
session: {mode: text}
vars: {code: {type: text, validate: {tool: check}}}
tools:
  check: {queue: q, params: {value: text}, returns: {ok: bool}, timeout: 60s}
silence: [{after: 8s, goto: bye}]
start: desk
states:
  desk:
    goal: Take the code.
    collect: {vars: [code]}
    next:
      - {event: collected, goto: bye}
      - {dtmf: "1", do: [{wait: 20s}, {say: There.}]}
  bye: {end: {reason: completed}}
"""


def test_it_does_not_count_while_steps_wait() -> None:
    scene = play(SLOW)
    scene.model("Your code?")
    scene.apply(DigitPressed(scene.at, "1"))
    scene.wait(19)
    assert passed(scene) == []
    scene.wait(8)
    assert (scene.said, passed(scene)) == (["There."], [])


def test_it_does_not_count_while_a_tool_looks_at_a_value() -> None:
    scene = play(SLOW)
    scene.model("Your code?")
    scene.caller("A1.")
    scene.model(set_desk={"code": "A1"})
    scene.wait(20)
    assert passed(scene) == []


YES = """
session: {mode: text}
tools: {pay: {queue: bank, describe: Pay.}}
silence:
  - {after: 8s, prompt: Ask whether they are there.}
  - {after: 20s, goto: bye}
start: desk
states:
  desk:
    do: [{tool: pay, approval: caller}, {say: Paid.}]
    goal: Help.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def waiting_for_a_yes() -> Scene:
    scene = play(YES)
    scene.model("I pay, is that right?")
    scene.wait(8)
    assert scene.answers[-1].purpose == "prompt"
    scene.model("Are you there?")
    return scene


def test_a_step_that_waits_for_the_callers_yes_does_not_wait_for_ever() -> None:
    scene = waiting_for_a_yes()
    scene.wait(12)
    assert (passed(scene), scene.ended) == ([8, 20], True)
    assert not scene.dispatches("pay")


def test_a_yes_that_comes_after_a_silence_counts() -> None:
    scene = waiting_for_a_yes()
    scene.caller("Yes.")
    scene.model(confirm_pay={})
    scene.settle("pay", Outcome("worker", {}))
    assert scene.said == ["Paid."]
    assert passed(scene) == [8]


def test_a_pause_in_it_is_left_out_of_the_count() -> None:
    news = "interrupts: {news: {signal: news, do: [{wait: 3s}], return: true}}\nsilence:"
    scene = play(QUIET.replace("silence:", news, 1))
    scene.wait(5)
    scene.apply(Signalled(scene.at, "news"))
    scene.wait(5.9)
    assert passed(scene) == []
    scene.wait(0.1)
    assert passed(scene) == [8]


def test_with_a_voice_the_mode_of_the_session_does_not_matter() -> None:
    scene = play(QUIET.replace("mode: text", "mode: voice"), channel="websocket")
    scene.model("Hello.")
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    scene.wait(8)
    assert passed(scene) == [8]


def test_it_does_not_count_while_a_read_back_that_failed_is_about_to_be_tried_again() -> None:
    scene = play(YES.replace("8s", "200ms"))
    scene.fail("server_error")
    scene.wait(0.5)
    scene.model("I pay, is that right?")
    assert passed(scene) == []
    scene.wait(0.2)
    assert passed(scene) == [0.2]


def heard() -> Scene:
    """The agent has greeted the caller by voice, and was heard."""
    scene = desk(channel="websocket")
    scene.model("Hello.")
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    return scene


def test_the_caller_who_speaks_for_long_is_not_silent() -> None:
    scene = heard()
    scene.apply(CallerBegan(scene.at))
    scene.wait(30)
    assert passed(scene) == []


def test_a_sound_of_the_caller_that_becomes_no_turn_begins_a_new_one() -> None:
    scene = heard()
    scene.wait(7)
    scene.apply(CallerBegan(scene.at))
    scene.apply(CallerStopped(scene.at))
    scene.wait(2 + 7.9)
    assert passed(scene) == []
    scene.wait(0.1)
    assert passed(scene) == [8]


def test_it_does_not_count_while_a_call_is_waited_for_that_nothing_will_be_said_about() -> None:
    scene = play(QUIET.replace("safe: true, timeout: 60s", "timeout: 60s, answer: silent"))
    scene.caller("Make a note.")
    scene.model("I note it.", look={})
    scene.wait(30)
    assert passed(scene) == []
    scene.settle("look", Outcome("worker", {}))
    scene.wait(8)
    assert passed(scene) == [8]


def test_what_an_edge_says_of_it_does_not_begin_a_new_one() -> None:
    edge = "- {silence: 5s, if: pressed > 0, set: {pressed: 0}}"
    scene = play(QUIET.replace(edge, "- {silence: 5s, do: [{say: Hm?}]}"))
    scene.wait(8)
    assert scene.said[-1] == "Hm?"
    assert passed(scene) == [8]


MUTE = """
session: {mode: MODE}
on_error: bye
silence: [{after: 8s, goto: bye}]
start: one
states:
  one: {next: [{after: 5s, goto: two}, {event: signal.out, goto: bye}]}
  two: {next: [{event: signal.out, goto: bye}, {event: transcript.final, do: [{note: A line.}]}]}
  bye: {end: {reason: completed}}
"""


def test_a_state_where_nobody_speaks_begins_a_new_one() -> None:
    scene = play(MUTE.replace("MODE", "text"))
    scene.wait(12.9)
    assert (scene.state, passed(scene)) == ("two", [])
    scene.wait(0.1)
    assert passed(scene) == [8]


def test_where_a_flow_only_transcribes_a_line_breaks_it() -> None:
    scene = play(MUTE.replace("MODE", "transcribe"), channel="websocket")
    scene.wait(12)
    scene.apply(TranscriptFinal(scene.at, "item_1", "A line."))
    scene.wait(7.9)
    assert passed(scene) == []
    scene.wait(0.1)
    assert passed(scene) == [8]


def test_a_transfer_that_is_under_way_is_no_silence() -> None:
    person = 'person: {transfer: {to: "tel:+33123456789", on_failed: bye}}\n  bye:'
    scene = play(QUIET.replace("goto: alone}", "goto: person}").replace("bye:", person, 1))
    scene.caller("A person, please.")
    scene.model(go_alone={})
    assert scene.state == "person"
    assert scene.snapshot.timers == {}


def test_a_flow_that_says_nothing_of_it_does_not_count() -> None:
    scene = play(
        QUIET.replace("goal: Help.", "goal: Help.\n    silence: []").replace(
            "- {silence: 5s, if: pressed > 0, set: {pressed: 0}}", ""
        )
    )
    assert scene.snapshot.talk.quiet == Quiet()


SPEAKS = """
session: {mode: text}
tools:
  ship: {queue: q, describe: Ship., mode: background, filler: FILLER}
  pay: {queue: q}
silence: [{after: 8s, goto: bye}]
on_error: bye
start: desk
states:
  desk:
    goal: Help.
    tools: [ship]
    next:
      - {silence: 5s, do: [{tool: pay, approval: caller}]}
      - {event: signal.news, do: [{say: News.}]}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
NO_EDGE = SPEAKS.replace("      - {silence: 5s, do: [{tool: pay, approval: caller}]}\n", "")


def shipping(filler: str, **started: str) -> Scene:
    """A call is under way that nobody waits for, and the agent has said so."""
    scene = play(NO_EDGE.replace("FILLER", filler).replace("  pay: {queue: q}\n", ""), **started)
    scene.model("Hello.", ship={})
    scene.model("It is on its way.")
    return scene


@pytest.mark.parametrize("filler", ["{after: 3s, auto: true}", "{after: 3s, say: A moment.}"])
def test_a_filler_does_not_begin_a_new_one(filler: str) -> None:
    scene = shipping(filler)
    scene.wait(3)
    if scene.speaking:
        scene.model("It takes a moment.")
    scene.wait(4.9)
    assert passed(scene) == []
    scene.wait(0.1)
    assert passed(scene) == [8]


def test_a_result_that_the_agent_tells_begins_a_new_one() -> None:
    scene = shipping("{after: 60s, auto: true}")
    scene.wait(5)
    scene.settle("ship", Outcome("worker", {}))
    scene.model("It is shipped.")
    scene.wait(7.9)
    assert passed(scene) == []


def test_words_of_the_authors_begin_a_new_one() -> None:
    scene = shipping("{after: 60s, auto: true}")
    scene.wait(5)
    scene.apply(Signalled(scene.at, "news"))
    assert scene.said == ["News."]
    assert not scene.speaking
    scene.wait(7.9)
    assert passed(scene) == []


def test_a_turn_breaks_it_also_while_what_it_led_to_waits_for_a_yes() -> None:
    scene = play(SPEAKS.replace("FILLER", "{after: 60s, auto: true}"))
    scene.model("Hello.")
    scene.wait(5)
    assert scene.answers[-1].purpose == "readback"
    scene.model("I pay. Is that right?")
    scene.caller("What?")
    scene.model("I would pay.")
    scene.wait(4.9)
    assert passed(scene) == []


def test_it_is_seen_to_before_what_has_to_wait_for_the_yes() -> None:
    text = YES.replace("    next: [", "    next: [{dtmf: '1', do: [{say: One.}]}, ")
    scene = play(text)
    scene.model("I pay, is that right?")
    scene.apply(DigitPressed(scene.at, "1"))
    scene.wait(8)
    assert scene.answers[-1].purpose == "prompt"
    assert scene.said == []


def test_nothing_else_is_seen_to_before_the_yes() -> None:
    text = YES.replace("    next: [", "    next: [{dtmf: '1', do: [{say: One.}]}, ")
    scene = play(text)
    scene.model("I pay, is that right?")
    scene.apply(DigitPressed(scene.at, "1"))
    assert scene.said == []
