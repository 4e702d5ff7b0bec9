"""A conversation with sound, for tests of who speaks and who is heard."""

from orchestrator.flow.commands import Hush
from orchestrator.flow.events import (
    AgentFinished,
    AgentSaid,
    AnswerEnded,
    CallerBegan,
    CallerStopped,
    TranscriptFinal,
    TurnCommitted,
)
from tests.flow.scene import Scene
from tests.flow.small import play

DESK = """
tools:
  safe: {queue: desk, describe: Look., safe: true, on_interrupt: cancel}
  write:
    queue: desk
    describe: Write down.
    on_interrupt: cancel
    retry: {max: 2, on: [timeout, cancelled]}
  kept: {queue: desk, describe: Write., filler: {after: 1s, every: 1s, say: One moment.}}
start: desk
states:
  desk:
    goal: Help.
    tools: [safe, kept, write]
    next:
      - {event: tool.write.cancelled, do: [{note: Not written.}]}
      - {event: transcript.final, if: event.text == 'Bye.', goto: bye}
      - {event: tool.safe.cancelled, do: [{note: Stopped.}]}
      - {event: response.cancelled, do: [{note: Cut off.}]}
      - {intent: The caller wants a person., id: person, goto: person}
      - {intent: The caller wants details., id: details, goto: details}
      - {intent: The caller is done., id: done, goto: bye}
  details:
    voice: {interrupt: false}
    do: [{say: First.}, {say: Second.}]
    goal: Tell details.
    next: [{intent: The caller is done., id: done, goto: bye}]
  person:
    do: [{say: One moment.}]
    transfer: {to: "sip:desk@x.example", on_failed: bye}
  bye:
    do: [{say: Goodbye.}]
    end: {reason: completed}
"""


def call(flow: str = DESK) -> Scene:
    return play(flow, channel="websocket")


def says(scene: Scene, words: str = "Well.") -> str:
    """The open answer is given, and not yet heard; its id."""
    answer = scene.speaking
    assert answer
    scene.apply(AgentSaid(scene.at, answer, words))
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    return answer


def heard(scene: Scene, words: str = "Well.") -> None:
    scene.apply(AgentFinished(scene.at, says(scene, words)))


def turn(scene: Scene, words: str = "") -> None:
    """The caller says something; its words come after the turn, if at all."""
    scene.apply(CallerBegan(scene.at))
    scene.apply(CallerStopped(scene.at))
    scene.apply(TurnCommitted(scene.at, "item_1"))
    if words:
        scene.apply(TranscriptFinal(scene.at, "item_1", words))


def hushed(scene: Scene) -> list[str]:
    return [command.speak for command in scene.commands if isinstance(command, Hush)]
