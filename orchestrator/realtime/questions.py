"""What is asked beside the conversation: responses out of band. Pure.

They take no turn: any number may be under way beside the conversation's own response, and
nothing of them enters it. Each question has exactly one end.
"""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Ask
from orchestrator.flow.events import Answered
from orchestrator.realtime.ends import ending, usage
from orchestrator.realtime.objects import Response

__all__ = ["Questions"]


class Questions:
    """The open ones of a session, by their ids."""

    def __init__(self) -> None:
        self._open: dict[str, str | None] = {}  # and the responses to them, once known

    def __contains__(self, ask: str | None) -> bool:
        return ask in self._open

    def ask(self, question: Ask) -> dict[str, Json]:
        self._open[question.id] = None
        return _create(question)

    def stop(self, ask: str) -> tuple[dict[str, Json], ...]:
        """Nobody waits for it any more; before its response has begun there is nothing to stop."""
        response = self._open[ask]
        return ({"type": "response.cancel", "response_id": response},) if response else ()

    def begun(self, ask: str, response: Response) -> None:
        self._open[ask] = response.id

    def done(self, ask: str, response: Response, at: float) -> tuple[Answered, ...]:
        text = "".join(item.words for item in response.output if item.type == "message")
        how, error = ending(response)
        if how == "completed" and text.strip():
            return self._end(Answered(at, ask, True, text, usage(response)))
        why = error or how.replace("completed", "empty")
        return self._end(Answered(at, ask, False, why, usage(response)))

    def failed(self, ask: str, why: str, at: float) -> tuple[Answered, ...]:
        return self._end(Answered(at, ask, False, why))

    def lost(self, why: str, at: float) -> tuple[Answered, ...]:
        return tuple(answered for ask in [*self._open] for answered in self.failed(ask, why, at))

    def _end(self, answered: Answered) -> tuple[Answered, ...]:
        del self._open[answered.ask]
        return (answered,)


def _create(question: Ask) -> dict[str, Json]:
    """What it is about stands in for the conversation."""
    metadata: Mapping[str, Json] = {"purpose": question.purpose, "id": question.id}
    response: dict[str, Json] = {
        "conversation": "none",
        "instructions": question.instructions,
        "metadata": metadata,
        "output_modalities": ["text"],
        "tools": [],
        "tool_choice": "none",
    }
    if question.about:
        content = [{"type": "input_text", "text": question.about}]
        response["input"] = [{"type": "message", "role": "user", "content": content}]
    return {"type": "response.create", "event_id": question.id, "response": response}
