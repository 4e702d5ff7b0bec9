"""`prompting: stable`: told once what never changes, and by messages what does."""

import json
from collections.abc import Mapping

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.emulator.model import CallTool, Output, Prompt, Speech
from orchestrator.emulator.rule import RuleModel
from orchestrator.flow.commands import AddItem, AnswerCall, Command, Say, Speak
from orchestrator.flow.estimate import estimate
from orchestrator.flow.events import AgentSaid, AnswerEnded, Event, ToolAsked
from orchestrator.flow.stable import every_tool, fixed
from orchestrator.realtime.translate import Realtime
from tests.flow import families
from tests.flow.scene import Scene
from tests.flow.small import play, small

SHOP = """
session: {mode: text, prompting: HOW, persona: You sell tickets.}
vars:
  count: {type: int, describe: Number of tickets}
  day: {type: date, describe: Day of the show}
tools:
  buy: {queue: q, describe: Buy., params: {count: int}, args: {count: "${count}"}, approval: caller}
start: order
states:
  order:
    goal: Sell tickets.
    collect: {vars: [count, day]}
    next:
      - {event: collected, goto: pay}
      - {intent: The caller gives up., id: done, goto: bye}
  pay:
    goal: Sell them.
    tools: [buy]
    next:
      - {event: tool.buy.done, goto: bye}
      - {event: tool.buy.denied, goto: order}
      - {intent: The caller wants other tickets., id: change, fill: [count], goto: order}
      - {intent: That is all., id: done, goto: bye}
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
"""


def shop(how: str = "stable") -> Scene:
    return play(SHOP.replace("HOW", how))


def told(scene: Scene) -> list[str]:
    return [text for text in scene.notes if text.startswith("# ")]


def test_a_session_is_opened_with_the_persona_and_every_function() -> None:
    words, tools = fixed(shop().flow)
    assert words == "# Role\nYou sell tickets."
    names = ["go_done", "set_order", "go_change", "buy", "confirm_buy", "decline_buy"]
    assert [tool["name"] for tool in tools] == names
    assert fixed(shop("per_state").flow) == ("You sell tickets.", ())


def test_one_name_in_several_states_is_one_tool_with_all_that_is_said_of_it() -> None:
    [done] = [tool for tool in every_tool(shop().flow) if tool["name"] == "go_done"]
    assert done["description"] == "The caller gives up. Or: That is all."


def test_an_answer_is_asked_for_without_instructions_and_tools() -> None:
    [speak] = shop().answers
    assert (speak.instructions, speak.tools, speak.whole) == ("", (), False)


def test_what_to_do_is_a_message_before_the_answer_with_what_is_offered_now() -> None:
    [words] = told(shop())
    assert words.startswith("# Date and zone\n")
    assert "# Goal\nSell tickets.\n" in words
    assert "# Still needed\n- count: Number of tickets\n- day: Day of the show\n" in words
    assert words.endswith("# Offered now\n- go_done\n- set_order")
    assert "# Role" not in words


def test_it_is_told_again_only_when_it_has_changed() -> None:
    scene = shop()
    scene.model("Hello.")
    scene.caller("Well.")
    assert len(told(scene)) == 1
    scene.model(set_order={"count": 2})
    assert len(told(scene)) == 2
    assert "- count: 2" in told(scene)[1]


def test_gates_are_in_the_engine_alone() -> None:
    scene = shop()
    [call] = scene.model(buy={})
    assert scene.output(call)["error"] == "not_available"
    assert not scene.dispatches("buy")


def test_what_was_dropped_is_told_again() -> None:
    scene = play(
        SHOP.replace("HOW", "stable").replace(
            "goal: Sell them.", "context: reset\n    goal: Sell them."
        )
    )
    scene.items["a1"] = ""
    scene.apply(AgentSaid(scene.at, scene.speaking or "", "Hello.", "a1"))
    scene.model(set_order={"count": 2, "day": "2026-12-24"})
    assert scene.state == "pay"
    assert "# Goal\nSell them." in told(scene)[-1]
    assert [kept.item for kept in scene.snapshot.items]


class Conversation(Scene):
    """A `Scene` whose model is the rule model, on the items that the service would have."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.log: list[Event | Command] = []

    def apply(self, event: Event) -> tuple[Command, ...]:
        commands = super().apply(event)
        self.log += [event, *commands]
        return commands

    def talk(self) -> None:
        """The model answers until the caller has the word."""
        instructions, tools = fixed(self.flow)
        while self.speaking:
            speak = self.answers[-1]
            asked = speak.instructions if speak.whole else instructions
            offered = speak.tools if speak.whole else tools
            prompt = Prompt(asked, offered, speak.choice, self._seen())
            for output in RuleModel().respond(prompt):
                self._do(speak.id, output)
            self.apply(AnswerEnded(self.at, speak.id, "completed"))

    def _do(self, speak: str, output: Output) -> None:
        match output:
            case Speech(text=text):
                self.says(text)
            case CallTool(name=name, arguments=arguments):
                self.asks(name, json.loads(arguments))
            case _:
                raise AssertionError(output)

    def _seen(self) -> list[Mapping[str, Json]]:
        return [item for each in self.log for item in _items(each)]


def _items(what: Event | Command) -> list[Mapping[str, Json]]:
    match what:
        case AddItem(role=role, text=text):
            return [_message(role, text)]
        case Say(text=text) | AgentSaid(text=text):
            return [_message("assistant", text)]
        case ToolAsked(call=call, name=name, arguments=arguments):
            return [
                {"type": "function_call", "call_id": call, "name": name, "arguments": arguments}
            ]
        case AnswerCall(call=call, output=output):
            return [{"type": "function_call_output", "call_id": call, "output": output}]
        case _:
            return []


def _message(role: str, text: str) -> Mapping[str, Json]:
    return {"type": "message", "role": role, "content": [{"type": "text", "text": text}]}


@pytest.mark.parametrize("how", ["per_state", "stable"])
def test_the_rule_model_carries_a_flow_either_way(how: str) -> None:
    scene = Conversation(small(SHOP.replace("HOW", how)))
    scene.start()
    scene.talk()
    for words in ("Two tickets for December 24, please.", "Yes."):
        scene.caller(words)
        scene.talk()
    assert scene.vars["count"] == 2
    assert scene.path[:2] == ["order", "pay"]
    assert [call.arguments for call in scene.dispatches("buy")] == [{"count": 2}]


def test_an_estimate_tells_the_cheaper_way_of_a_flow_with_many_moves() -> None:
    found = estimate(shop().flow, "gpt-realtime-2.1")
    assert found
    assert 0 < found.stable < found.per_state
    mini = estimate(shop().flow, "gpt-realtime-2.1-mini")
    assert mini and mini.per_state < found.per_state


def test_where_no_model_talks_there_is_nothing_to_estimate() -> None:
    silent = small("start: a\nstates: {a: {do: [{say: Hi.}], end: {reason: x}}}\n")
    assert estimate(silent, "gpt-realtime-2.1") is None


def test_a_stable_session_asks_for_a_response_with_what_it_was_opened_with() -> None:
    speak = Speak("s.1", "goal", 1, "", whole=False)
    (create,) = Realtime().perform(speak)
    assert create["response"].keys() == {"metadata", "output_modalities", "tool_choice"}


def test_what_was_dropped_on_entering_the_same_state_again_is_told_again() -> None:
    scene = play(
        """
session: {mode: text, prompting: stable}
start: talk
states:
  talk:
    context: reset
    goal: Talk.
    next:
      - {intent: The caller starts again., id: again, goto: talk}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
    )
    scene.model(go_again={})
    assert len(told(scene)) == 2
    assert told(scene)[0] == told(scene)[1]


def test_a_sub_flow_has_its_own_instructions_and_functions() -> None:
    scene = families.play(families.SHOP.replace("mode: text,", "mode: text, prompting: stable,", 1))
    scene.model("Hello.")
    assert scene.answers[-1].tools == ()
    scene.caller("A book, please.")
    scene.model(go_order={})
    answer = scene.answers[-1]
    assert answer.whole
    assert "Ask for the street in Lyon." in answer.instructions
    assert {"set_ask", "go_refuse", "go_human"} <= {tool.get("name") for tool in answer.tools}
