"""What watches the words of both sides, and what follows."""

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import Ask, Hush
from orchestrator.flow.compile import check
from orchestrator.flow.events import (
    AgentSaid,
    AgentSaying,
    Answered,
    AnswerEnded,
    CallerBegan,
    TranscriptFinal,
)
from orchestrator.flow.patterns import finder
from tests.flow.families import ADDRESS, SHOP
from tests.flow.families import play as play_family
from tests.flow.scene import Scene
from tests.flow.small import HEAD, play

DESK = """
vars:
  mood: {{type: enum, values: [calm, angry]}}
  pushy: {{type: bool}}
  tries: {{type: int, default: 0}}
tools:
  inspect: {{queue: q, params: {{text: text}}, returns: {{hit: bool}}, retry: {{max: 1}}}}
guards:
{guards}
start: desk
states:
  desk:
    goal: Help.
    next:
      - {{event: guard.watch, set: {{tries: "${{tries + 1}}"}}}}
      - {{if: pushy, goto: bye}}
      - {{intent: Done., id: done, goto: bye}}
  sorry: {{goal: Apologise., next: [{{intent: Done., id: done, goto: bye}}]}}
  bye: {{end: {{reason: completed}}}}
"""


def desk(guard: str, side: str, **started: Json) -> Scene:
    """The desk, with one guard `watch`, the agent saying hello."""
    guards = f"  {side}:\n    - {{id: watch, {guard}}}"
    text = DESK.format(guards=guards)
    if "goto" in guard:  # and raises no event
        text = "".join(line for line in text.splitlines(True) if "guard.watch" not in line)
    scene = play(text, **started)
    assert scene.speaking
    return scene


def says(scene: Scene, text: str) -> None:
    """The agent is saying this, and not done."""
    assert scene.speaking
    scene.apply(AgentSaying(scene.at, scene.speaking, text))


def asks(scene: Scene) -> list[Ask]:
    return [c for c in scene.commands if isinstance(c, Ask)]


def hushed(scene: Scene) -> list[str]:
    return [c.speak for c in scene.commands if isinstance(c, Hush)]


STOP = 'match: "(?i:password) is", then: {say: Not that., goto: sorry}'


def test_the_agent_is_stopped_while_it_speaks_and_says_and_goes_what_the_author_wants() -> None:
    scene = desk(STOP, "output")
    answer = scene.speaking
    says(scene, "Well, your pass")
    assert hushed(scene) == []
    says(scene, "Well, your password is")
    assert hushed(scene) == [answer]
    assert scene.said == ["Not that."]
    assert scene.path == ["desk", "sorry"]
    assert [r.data["by"] for r in scene.reports("state.entered")] == ["start", "guard:watch"]
    assert scene.answers[-1].purpose == "goal"


def test_what_the_service_still_tells_of_a_stopped_answer_changes_nothing() -> None:
    scene = desk(STOP, "output")
    answer = scene.speaking or ""
    says(scene, "Password is")
    before = scene.snapshot.place
    scene.apply(AgentSaid(scene.at, answer, "Password is"))
    scene.apply(AnswerEnded(scene.at, answer, "cancelled"))
    assert scene.snapshot.place == before
    assert len(scene.reports("guard.hit")) == 1


def test_words_that_come_whole_are_watched_too() -> None:
    scene = desk(STOP, "output")
    scene.apply(AgentSaid(scene.at, scene.speaking or "", "The password is x."))
    assert scene.state == "sorry"


def test_a_move_that_the_stopped_answer_asked_for_is_not_made_where_the_guard_leads() -> None:
    scene = desk(STOP, "output")
    scene.asks("go_done", {})
    says(scene, "Password is")
    assert scene.path == ["desk", "sorry"]


def test_with_a_voice_the_authors_words_are_an_answer_and_the_way_comes_after() -> None:
    scene = desk(STOP, "output", channel="websocket")
    says(scene, "Password is")
    assert [a.purpose for a in scene.answers] == ["goal", "say"]
    scene.model("Not that. The password is what I cannot say.")
    assert [a.purpose for a in scene.answers] == ["goal", "say", "goal"]
    assert len(scene.reports("guard.hit")) == 1, "the author's own words are not watched"


def test_without_a_state_to_go_to_an_event_is_raised() -> None:
    scene = desk('match: secret, then: {say: "No, no."}', "output")
    says(scene, "It is secret")
    assert scene.said == ["No, no."]
    assert scene.vars["tries"] == 1
    assert scene.state == "desk"


def test_an_agent_that_is_not_stopped_is_only_told_of() -> None:
    scene = desk("match: secret, then: {cancel: false}", "output")
    says(scene, "It is secret")
    assert scene.speaking
    assert hushed(scene) == []
    scene.model("It is secret.")
    assert scene.vars["tries"] == 2, "once while it was said, once when it was whole"


def test_a_question_about_the_agents_words_is_about_them_alone() -> None:
    scene = desk("classify: Is it rude?, then: {say: Excuse me.}", "output")
    says(scene, "You fool")
    assert asks(scene) == [], "words that are not whole are not judged"
    scene.model("You fool.")
    [ask] = asks(scene)
    assert (ask.purpose, ask.about) == ("guard", "You fool.")
    scene.apply(Answered(scene.at, ask.id, True, "yes"))
    assert scene.said == ["Excuse me."]


def test_the_callers_turn_is_answered_while_a_question_is_open() -> None:
    scene = desk("classify: How do they sound?, into: mood", "input")
    scene.model("Hello.")
    scene.caller("This is ridiculous.")
    [ask] = asks(scene)
    assert ask.about == ""
    assert "- calm\n- angry" in ask.instructions
    assert scene.speaking, "nothing waits for it"
    scene.caller("Do you hear me?")
    assert len(asks(scene)) == 1, "it is not asked again before it has answered"
    scene.apply(Answered(scene.at, ask.id, True, "Angry"))
    assert scene.vars["mood"] == "angry"
    scene.model("I am sorry.")
    assert scene.vars["tries"] == 1


@pytest.mark.parametrize(("text", "ok"), [("sad", True), ("server_error", False)])
def test_a_guard_that_cannot_tell_changes_nothing(text: str, ok: bool) -> None:
    scene = desk("classify: How do they sound?, into: mood", "input")
    scene.caller("Well.")
    scene.apply(Answered(scene.at, asks(scene)[0].id, ok, text))
    assert scene.vars["mood"] is None
    assert [r.data["id"] for r in scene.reports("guard.failed")] == ["watch"]


def test_a_pattern_over_the_callers_words_can_move_the_talk() -> None:
    scene = desk("match: now!, into: pushy", "input")
    scene.model("Hello.")
    scene.caller("When you can.")
    assert scene.vars["pushy"] is False
    scene.model("Yes.")
    scene.caller("I want it now!")
    assert scene.state == "bye"


def test_what_was_heard_is_watched_when_its_transcript_is_there() -> None:
    scene = desk("match: now!, into: pushy", "input", channel="websocket")
    scene.apply(TranscriptFinal(scene.at, "item_1", "I want it now!"))
    assert scene.vars["pushy"] is True


def test_it_looks_at_every_so_many_turns_and_while_its_condition_holds() -> None:
    scene = desk("match: a, every: 2 turns, when: tries < 2", "input")
    hits = list[Json]()
    for _ in range(6):
        scene.model("Well.")
        scene.caller("a")
        hits.append(len(scene.reports("guard.hit")))
    assert hits == [0, 1, 1, 2, 2, 2]


def test_a_tool_says_whether_it_hits() -> None:
    scene = desk("tool: inspect", "input")
    scene.caller("Well.")
    [call] = scene.dispatches("inspect")
    assert call.arguments == {"text": "Well."}
    scene.settle("inspect", Outcome("worker", {"hit": True}))
    scene.model("Yes.")
    assert scene.vars["tries"] == 1


@pytest.mark.parametrize(
    "outcome", [Outcome("worker", {"hit": "yes"}), Outcome.failed("worker", "refused", "no")]
)
def test_a_tool_that_does_not_say_fails_and_nobody_is_told_but_people(outcome: Outcome) -> None:
    scene = desk("tool: inspect", "input")
    scene.model("Hello.")
    scene.caller("Well.")
    scene.model("Yes.")
    scene.settle("inspect", outcome)
    assert len(scene.reports("guard.failed")) == 1
    assert scene.state == "desk"
    assert not scene.speaking


def test_a_tool_that_is_tried_again_is_judged_when_it_has_come_back() -> None:
    scene = desk("tool: inspect", "input")
    scene.caller("Well.")
    scene.settle("inspect", Outcome.failed("worker", "unavailable", ""))
    assert scene.reports("guard.failed") == []
    scene.wait(1)
    scene.settle("inspect", Outcome("worker", {"hit": False}))
    assert scene.reports("guard.failed") == scene.reports("guard.hit") == []


@pytest.mark.parametrize(
    ("side", "guard", "problem"),
    [
        (
            "input",
            "match: x, tool: inspect",
            "a guard looks in one way; this one has 'match' already",
        ),
        ("input", "every: 2 turns", "a guard has one of match, classify, tool"),
        ("input", "match: x, every: 2", 'should be a number of turns, as "3 turns"'),
        (
            "input",
            "match: x, into: mood",
            "whether it hits is true or false, not enum (calm, angry)",
        ),
        ("input", "match: x, into: tries", "an answer goes into an enum or a bool, not int"),
        ("input", "match: '(a+)+'", "the pattern repeats what repeats or branches"),
        ("output", "match: x, then: {}", "an agent that is stopped needs a `say` or a `goto`"),
        ("output", "match: x, then: {cancel: false, say: x}", "are for an agent that is stopped"),
        ("output", 'match: x, then: {say: "${mood}"}', "'mood'"),
        ("output", "match: x, then: {goto: nowhere}", "no state 'nowhere'"),
    ],
)
def test_a_guard_that_cannot_be_is_refused(side: str, guard: str, problem: str) -> None:
    text = DESK.format(guards=f"  {side}:\n    - {{id: watch, {guard}}}")
    errors = [p.message for p in check(HEAD + text, "f") if p.level == "error"]
    assert [message for message in errors if problem in message], errors


def test_the_event_of_a_guard_that_goes_somewhere_is_never_raised() -> None:
    guards = "  output:\n    - {id: watch, match: x, then: {goto: sorry}}"
    found = check(HEAD + DESK.format(guards=guards), "f")
    assert [p.code for p in found if p.level == "error"] == ["G006"]


@pytest.mark.parametrize("before", [0, 50, 150, 190, 199, 390, 1500])
def test_a_pattern_is_found_wherever_it_stands_in_a_long_text(before: int) -> None:
    find = finder("[A-Z0-9]{16,}")
    assert not isinstance(find, str)
    words = "some words and more of them " * 80
    assert find(words[:before] + " ABCDEFGH12345678 " + words[:200])
    assert not find(words)
    assert find("x" * before + "ABCDEFGH12345678" + "x" * 200)


def test_what_a_guard_has_to_say_is_not_said_into_the_callers_words() -> None:
    scene = desk("classify: Is it rude?, then: {say: Excuse me.}", "output", channel="websocket")
    scene.model("You fool.")
    scene.apply(CallerBegan(scene.at))
    [ask] = asks(scene)
    scene.apply(Answered(scene.at, ask.id, True, "yes"))
    assert [answer.purpose for answer in scene.answers] == ["goal"]
    assert len(scene.reports("guard.hit")) == 1


def test_guards_of_two_flows_may_have_one_name() -> None:
    guard = 'guards: {input: [{id: mood, classify: "WHAT?"}]}\nstart: '
    root = SHOP.replace("start: ", guard.replace("WHAT", "Angry"), 1)
    address = ADDRESS.replace("start: ", guard.replace("WHAT", "Lost"), 1)
    scene = play_family(root, address=address)
    scene.model(go_order={})
    scene.caller("Hm.")
    asked = " ".join(ask.instructions for ask in asks(scene))
    assert "Lost?" in asked
    assert "Angry?" in asked


PAYS = """
vars: {{amount: {{type: int, default: 20}}}}
tools: {{pay: {{queue: bank, describe: Pay., params: {{amount: int}}{tool}}}}}
guards: {{output: [{{id: watch, match: "twenty", then: {{say: Not that.}}}}]}}
start: desk
states:
  desk:
    do: [{step}]
    goal: Help.
    tools: [pay]
    {collect}
    next:
      - {edge}
      - {{intent: Done., id: done, goto: bye}}
  sorry: {{goal: Apologise., next: [{{intent: Done., id: done, goto: bye}}]}}
  bye: {{end: {{reason: completed}}}}
"""
DENIED = "{event: tool.pay.denied, if: event.by == 'guard', goto: sorry}"
STEP = "{tool: pay, with: {amount: 20}, approval: caller}"


def test_a_step_whose_read_back_is_stopped_goes_on_without_its_call() -> None:
    scene = play(PAYS.format(tool="", step=STEP, collect="", edge=DENIED))
    says(scene, "I pay twenty")
    assert (scene.said, scene.state) == (["Not that."], "sorry")
    assert [a.purpose for a in scene.answers] == ["readback", "goal"]
    assert scene.snapshot.work.confirming is None


def test_a_call_of_the_model_whose_read_back_is_stopped_is_denied() -> None:
    scene = play(PAYS.format(tool=", approval: caller", step="", collect="", edge=DENIED))
    scene.model(pay={"amount": 20})
    says(scene, "I pay twenty")
    assert scene.state == "sorry"
    assert scene.notes == ["pay was not called: it may not be read back."]
    assert [a.purpose for a in scene.answers].count("readback") == 1


def test_a_read_back_that_is_stopped_while_it_is_heard_is_not_repeated() -> None:
    text = PAYS.format(tool="", step=STEP, collect="", edge=DENIED)
    text = text.replace('match: "twenty"', "classify: Is it an amount?")
    scene = play(text, channel="websocket")
    read_back = scene.speaking
    scene.model("I pay twenty.")
    scene.apply(Answered(scene.at, asks(scene)[-1].id, True, "yes"))
    assert hushed(scene) == [read_back]
    assert scene.state == "desk" and scene.answers[-1].purpose == "say"
    scene.model("Not that.")
    assert scene.state == "sorry"


def test_values_whose_read_back_is_stopped_wait_for_the_callers_next_turn() -> None:
    collect = "collect: {vars: [amount], confirm: true}"
    edge = "{event: collected, goto: bye}"
    scene = play(PAYS.format(tool="", step="", collect=collect, edge=edge))
    scene.model(set_desk={"amount": 20})
    says(scene, "So it is twenty")
    assert (scene.said, scene.speaking) == (["Not that."], None)
    scene.caller("What?")
    scene.model("Let me repeat that.")
    assert scene.answers[-1].purpose == "readback"


def test_a_stopped_answer_is_known_and_what_waited_for_it_goes_on() -> None:
    scene = play(
        """
guards: {output: [{id: watch, match: secret, then: {say: Not that.}}]}
start: desk
states:
  desk:
    do: [{prompt: Tell.}, {note: After.}]
    goal: Help.
    next: [{intent: Done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
    )
    answer = scene.speaking
    says(scene, "It is secret")
    assert scene.notes == ["After."]
    assert scene.snapshot.talk.stopped == answer


def test_what_was_being_heard_when_a_guard_stopped_it_is_not_heard_any_more() -> None:
    scene = desk("classify: Is it rude?, then: {goto: sorry}", "output", channel="websocket")
    scene.model("You fool.")
    assert scene.snapshot.talk.hearing
    scene.apply(Answered(scene.at, asks(scene)[0].id, True, "yes"))
    assert scene.snapshot.talk.hearing is None
    assert scene.state == "sorry"


def test_a_guard_of_a_flow_that_is_over_stops_nobody() -> None:
    guard = "guards: {output: [{id: rude, classify: Rude?, then: {goto: refused}}]}\nstart: "
    scene = play_family(address=ADDRESS.replace("start: ", guard, 1))
    scene.model("Hello.")
    scene.caller("A book.")
    scene.model(go_order={})
    scene.model("Where to, fool?")
    [ask] = asks(scene)
    scene.caller("I do not say.")
    scene.model(go_refuse={})
    assert scene.state == "talk"
    speaking = scene.speaking
    scene.apply(Answered(scene.at, ask.id, True, "yes"))
    assert (scene.state, scene.speaking) == ("talk", speaking)
    assert hushed(scene) == []


def test_a_guard_does_not_deny_what_is_not_being_read_back() -> None:
    text = PAYS.format(tool=", approval: caller", step="", collect="", edge=DENIED)
    scene = play(text)
    scene.model(pay={"amount": 20})
    scene.model("I pay, is that right?")
    scene.caller("Hm?")
    says(scene, "I said twenty")
    assert scene.snapshot.work.confirming
    assert not scene.notes
