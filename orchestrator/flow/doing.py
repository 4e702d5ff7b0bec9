"""What the author's steps do, and where they stand in a flow. Pure.

A path names a list of steps or an edge: `state:NAME`, `edge:STATE:INDEX`, `interrupt:ID`,
`silence:STATE:INDEX`, `start`.
"""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow import asking, silence
from orchestrator.flow.aside import classify
from orchestrator.flow.commands import AddItem
from orchestrator.flow.commands import Emit as EmitEvent
from orchestrator.flow.commands import SendDigits as Press
from orchestrator.flow.definition import (
    Classify,
    Edge,
    Emit,
    Flow,
    Interrupt,
    Note,
    Play,
    Prompt,
    Say,
    SendDigits,
    Set,
    Show,
    Step,
    Template,
    UseTool,
    Wait,
)
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.talk import play, say, speak
from orchestrator.flow.variables import give

__all__ = ["assign", "do", "edge_at", "interrupt_at", "speaks", "steps_of", "take_leave"]


def steps_of(flow: Flow, path: str) -> tuple[Step, ...]:
    kind, _, name = path.partition(":")
    match kind:
        case "state":
            return flow.states[name].do
        case "interrupt":
            return interrupt_at(flow, path).do
        case "silence":
            return silence.item_at(flow, path).do
        case "start":
            return flow.on_start
        case "end":
            return flow.on_end
        case _:
            return edge_at(flow, path).do


def edge_at(flow: Flow, path: str) -> Edge:
    _, state, index = path.split(":")
    return flow.states[state].next[int(index)]


def interrupt_at(flow: Flow, path: str) -> Interrupt:
    name = path.partition(":")[2]
    return next(item for item in flow.interrupts if item.id == name)


def speaks(m: Macrostep, todo: Step) -> bool:
    match todo:
        case Prompt():
            return True
        case Play():
            return m.run.channel != "text"
        case Say(text=text):
            return text.unset(m.scope()) is None
        case _:
            return False


def do(m: Macrostep, todo: Step) -> None:
    match todo:
        case Say(text=text, audio=audio):
            spoken = say(m, text, audio)
            if spoken:
                m.hold(spoken)
        case Prompt(text=text):
            m.hold(speak(m, "prompt", m.text(text)))
        case Note(text=text):
            m.emit(AddItem(m.new_id("item"), "system", m.text(text)))
        case Set(values=values):
            assign(m, values)
        case UseTool():
            asking.use_by_author(m, todo)
        case Emit(name=name, data=data):
            _emit(m, name, data)
        case Classify():
            classify(m, todo)
        case Show(text=text, image=image):
            words = m.text(text) if text else ""
            m.emit(AddItem(m.new_id("item"), "user", words, image=image))
        case SendDigits(digits=digits):
            _send(m, m.text(digits))
        case Play(file=file):
            _play(m, file)
        case Wait(seconds=seconds):
            timer = m.new_id("wait:")
            m.set_timer(timer, seconds)
            m.hold(timer)


def _send(m: Macrostep, digits: str) -> None:
    if m.run.channel == "text":
        m.report("step.skipped", step="dtmf")
    else:
        m.emit(Press(digits))


def _play(m: Macrostep, file: str) -> None:
    if m.run.channel == "text":
        m.report("step.skipped", step="play")
    else:
        m.hold(play(m, file))


def _emit(m: Macrostep, name: str, data: Mapping[str, Template]) -> None:
    scope = m.scope()
    m.emit(EmitEvent(name, {key: template.evaluate(scope) for key, template in data.items()}))


def assign(m: Macrostep, values: Mapping[str, Template], **extra: Json) -> None:
    scope = m.scope(**extra)
    give(m, {name: template.evaluate(scope) for name, template in values.items()})


def take_leave(m: Macrostep) -> None:
    """The flow's `on_end`, once, however it ends: nobody speaks, and nothing is waited for."""
    for todo in m.flow.on_end:
        if todo.when is None or todo.when.evaluate(m.scope()):
            match todo:
                case UseTool():
                    asking.use_at_the_end(m, todo.tool, todo.arguments)
                case Set(values=values):
                    assign(m, values)
                case Emit(name=name, data=data):
                    _emit(m, name, data)
                case _:
                    pass
