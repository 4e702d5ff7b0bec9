"""What stays of the conversation when a state is entered."""

import pytest

from orchestrator.flow.commands import AddItem, Ask, DropItems, Hush
from orchestrator.flow.compile import check
from orchestrator.flow.events import (
    AgentSaid,
    Answered,
    AnswerEnded,
    CallerTyped,
    DigitPressed,
    ToolAsked,
)
from tests.flow.scene import Scene
from tests.flow.small import HEAD, play

TALK = """
tools: {{find: {{queue: q, describe: Find., params: {{}}}}}}
start: talk
states:
  talk:
    goal: Talk.
    tools: [find]
    next: [{{intent: On., id: "on_", goto: next}}, {{dtmf: "1", goto: next}}]
  next:
    context: {context}
    goal: Go on.
    next:
      - {{intent: Done., id: done, goto: bye}}
      - {{intent: Once more., id: again, goto: next}}
      - {{intent: Forget it., id: forget, goto: blank}}
  blank: {{context: reset, goal: Start anew., next: [{{intent: Done., id: done, goto: bye}}]}}
  bye: {{end: {{reason: completed}}}}
"""


def talk(context: str) -> Scene:
    scene = play(TALK.format(context=context))
    answer(scene, "a1")
    scene.apply(CallerTyped(scene.at, "Hello."))
    return scene


def answer(scene: Scene, item: str, call: str = "", **fields: str) -> None:
    """The open answer says something as this item, and makes this call."""
    assert scene.speaking
    speak = scene.speaking
    scene.items[item] = ""
    scene.apply(AgentSaid(scene.at, speak, "Well.", item))
    if call:
        scene.asked[item] = 0
        scene.items[f"{item}_call"] = item
        scene.apply(ToolAsked(scene.at, speak, item, call, "{}", f"{item}_call"))
    scene.apply(AnswerEnded(scene.at, speak, "completed"))


def dropped(scene: Scene) -> list[str]:
    return [item for c in scene.commands if isinstance(c, DropItems) for item in c.items]


def kept(scene: Scene) -> list[str]:
    return [each.item for each in scene.snapshot.items]


def summaries(scene: Scene) -> list[str]:
    return [c.id for c in scene.commands if isinstance(c, Ask) and c.purpose == "summary"]


def test_all_stays_unless_said_otherwise() -> None:
    scene = talk("keep")
    answer(scene, "a2", "go_on_")
    assert dropped(scene) == []
    assert kept(scene)[0] == "a1"


def test_a_reset_drops_what_was_before_a_call_together_with_its_output() -> None:
    scene = talk("reset")
    answer(scene, "a2", "go_on_")
    assert len(dropped(scene)) == 5, "two answers, a turn, a call and its output"
    assert kept(scene) == []
    answer(scene, "a3")
    assert kept(scene) == ["a3"]


def test_the_last_ones_are_kept_and_no_call_is_cut_in_half() -> None:
    scene = talk("{keep_last: 1}")
    answer(scene, "a2", "go_on_")
    assert len(dropped(scene)) == 3
    assert kept(scene)[0] == "a2_call"


def test_a_call_without_output_stays_whatever_its_age() -> None:
    scene = talk("reset")
    answer(scene, "a2", "find")
    scene.apply(DigitPressed(scene.at, "1"))
    assert scene.state == "next"
    assert kept(scene) == ["a2_call"]


def test_a_summary_takes_the_place_of_what_it_is_of_and_nobody_waits_for_it() -> None:
    scene = talk("{keep_last: 2, summary: true}")
    answer(scene, "a2", "go_on_")
    [ask] = summaries(scene)
    assert dropped(scene) == []
    assert scene.answers[-1].purpose == "goal", "the entry does not wait"
    scene.apply(Answered(scene.at, ask, True, "They said hello. "))
    assert dropped(scene)[0] == "a1"
    note = [c for c in scene.commands if isinstance(c, AddItem)][-1]
    assert (note.role, note.first) == ("system", True)
    assert note.text == "What was said before, in short: They said hello."
    assert kept(scene)[0] == note.item


@pytest.mark.parametrize("late", [True, False])
def test_without_a_summary_everything_stays(late: bool) -> None:
    scene = talk("{keep_last: 2, summary: true}")
    answer(scene, "a2", "go_on_")
    if late:
        scene.wait(10)
    else:
        scene.apply(Answered(scene.at, summaries(scene)[0], False, "server_error"))
    assert dropped(scene) == []
    assert len(scene.reports("context.kept")) == 1


def test_what_is_to_be_forgotten_is_not_summed_up() -> None:
    scene = talk("{keep_last: 2, summary: true}")
    answer(scene, "a2", "go_on_")
    answer(scene, "a3", "go_forget")
    assert [c.speak for c in scene.commands if isinstance(c, Hush)] == summaries(scene)
    assert kept(scene) == []


def test_one_summary_is_made_at_a_time() -> None:
    scene = talk("{keep_last: 1, summary: true}")
    answer(scene, "a2", "go_on_")
    answer(scene, "a3", "go_again")
    assert len(summaries(scene)) == 1


def test_a_number_of_items_is_needed() -> None:
    problems = check(HEAD + TALK.format(context="{summary: true}"), "f")
    assert [(p.code, p.message) for p in problems if p.level == "error"] == [
        ("S001", "'keep_last' is missing here")
    ]


def test_a_conversation_that_is_shorter_than_what_is_kept_is_left_alone() -> None:
    scene = talk("{keep_last: 5}")
    answer(scene, "a2")
    assert len(scene.snapshot.items) == 3
    scene.apply(DigitPressed(scene.at, "1"))
    assert scene.state == "next"
    assert not [c for c in scene.commands if isinstance(c, DropItems)]


def test_what_is_to_be_kept_is_not_summed_up() -> None:
    scene = talk("{keep_last: 5, summary: true}")
    answer(scene, "a2")
    scene.apply(DigitPressed(scene.at, "1"))
    assert scene.state == "next"
    assert not [c for c in scene.commands if isinstance(c, Ask)]
