"""What the model hears of its calls, and whether it speaks because of it. Pure."""

from orchestrator.dispatch.call import Error, Json
from orchestrator.flow.commands import AddItem, AnswerCall
from orchestrator.flow.definition import Tool
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.operations import as_json
from orchestrator.flow.snapshot import OpenCall
from orchestrator.flow.talk import owe

__all__ = ["answer", "failure", "note", "note_result", "tell"]

SUMMARY = 200
"""Characters of a failure's message that the model hears unless the author says otherwise."""


def answer(m: Macrostep, call: str, output: Json) -> None:
    """Give a call of the model its output."""
    text = output if isinstance(output, str) else as_json(output)
    m.emit(AnswerCall(m.new_id("item"), call, text))


def note(m: Macrostep, text: str) -> None:
    if not m.ended:
        m.emit(AddItem(m.new_id("item"), "system", text))


def note_result(m: Macrostep, name: str, output: Json) -> None:
    """What the model called by this name some time ago has come to this."""
    note(m, f"{name} has come back: {as_json(output)}")


def tell(m: Macrostep, call: OpenCall, output: Json, *, aloud: bool = True) -> None:
    """The call came to this; `aloud`: the model speaks because of it."""
    if call.answers:
        answer(m, call.answers, output)
    elif call.told:
        note_result(m, m.tool(call).alias, output)
    if aloud and (call.answers or call.told):
        owe(m, "answer" if call.answers else "result")


def failure(tool: Tool, error: Error) -> Json:
    """As much of an error as the author lets the model know."""
    message = error.message or "it failed"
    match tool.errors:
        case "hide":
            return {"error": "failed", "message": "it failed"}
        case "summary":
            return {"error": error.code, "message": message[:SUMMARY]}
        case "pass":
            after = {} if error.after is None else {"after": error.after}
            return {"error": error.code, "message": message, **after}
