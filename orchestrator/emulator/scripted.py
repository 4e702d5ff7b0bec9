"""A model that says what it was given to say: for tests, and for `--script`. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from orchestrator.dispatch.call import Json
from orchestrator.emulator.model import CallTool, Fail, Output, Prompt, Speech
from orchestrator.errors import UsageError

__all__ = ["ScriptedModel"]


class ScriptedModel:
    """Gives the responses of a script, one after another, and nothing when it is used up.

    `prompts` are those it was asked with, in order.
    """

    def __init__(self, responses: Sequence[Sequence[Output]]) -> None:
        self.prompts: list[Prompt] = []
        self._responses = iter(responses)

    def respond(self, prompt: Prompt) -> Sequence[Output]:
        self.prompts.append(prompt)
        return next(self._responses, ())

    @classmethod
    def from_json(cls, text: str) -> "ScriptedModel":
        """Read a script: an array of responses, each an array of

        `{"say": text}`, `{"call": name, "arguments": {…}}` or
        `{"fail": code, "status": "failed" | "incomplete"}`.

        Raises `UsageError` with everything that is wrong.
        """
        try:
            script = json.loads(text)
        except ValueError as error:
            raise UsageError(f"The script is not valid JSON: {error}") from None
        if problems := list(_problems(script)):
            raise UsageError("\n".join(["The script cannot be used:", *problems]))
        return cls([[_output(step) for step in response] for response in script])


def _problems(script: Json) -> Iterator[str]:
    if not _is_array(script):
        yield "  it must be an array of responses"
        return
    for number, response in enumerate(script, 1):
        if not _is_array(response):
            yield f"  response {number} must be an array of outputs"
            continue
        for place, step in enumerate(response, 1):
            if not _is_output(step):
                yield (
                    f"  response {number}, output {place}: expected an object with one of "
                    f"'say', 'call' and 'fail', got {json.dumps(step)}"
                )


def _is_array(value: Json) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


def _is_output(step: Json) -> bool:
    match step:
        case {"say": str(), **rest}:
            return not rest
        case {"call": str(), **rest}:
            return isinstance(rest.pop("arguments", {}), dict) and not rest
        case {"fail": str(), **rest}:
            return rest.pop("status", "failed") in ("failed", "incomplete") and not rest
        case _:
            return False


def _output(step: Json) -> Output:
    if "say" in step:
        return Speech(step["say"])
    if "call" in step:
        arguments = step.get("arguments", {})
        return CallTool(step["call"], json.dumps(arguments, ensure_ascii=False))
    return Fail(step["fail"], step.get("status", "failed"))
