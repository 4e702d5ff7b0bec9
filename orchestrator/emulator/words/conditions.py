"""Tools that a goal leads to under a condition: `If …, open a ticket with desk.`

The rules cannot judge a condition. Such a tool is offered to the caller when all else has been
tried, and called when the caller asks for it or says yes.
"""

import re

from orchestrator.emulator.words.findings import next_step, steps_told
from orchestrator.emulator.words.layout import Tool, View
from orchestrator.emulator.words.numbers import find_numbers
from orchestrator.emulator.words.text import sentences

__all__ = ["is_conditional", "is_named", "is_offered", "offer"]

_IF = re.compile(r"(?:if|when|once|unless)\b(?P<condition>[^,]+), (?:then )?(?P<deed>.+)", re.I)


def is_named(tool: Tool, text: str) -> bool:
    """Whether the text speaks of the tool by name, or by the first part of `server__tool`."""
    names = {tool.name, tool.name.partition("__")[0]}
    return not tool.role and any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def is_conditional(tool: Tool, goal: str) -> bool:
    """Whether the goal names the tool, and only under a condition."""
    named = [each for each in sentences(goal) if is_named(tool, each)]
    return bool(named) and all(_IF.match(each) for each in named)


def offer(view: View) -> str:
    """`Shall I open a ticket?`, where that is due and the tool is there; else empty."""
    for tool in view.tools:
        for sentence in sentences(view.goal) if tool.at_goal else ():
            if is_named(tool, sentence) and (match := _IF.match(sentence)) and _due(view, match):
                return _question(tool, match)
    return ""


def is_offered(tool: Tool, view: View) -> bool:
    """Whether this tool is what we have just offered."""
    ifs = [match for each in sentences(view.goal) if (match := _IF.match(each))]
    return tool.at_goal and any(view.turn.after.endswith(_question(tool, match)) for match in ifs)


def _question(tool: Tool, match: re.Match[str]) -> str:
    label = re.escape(tool.name.partition("__")[0])
    deed = re.sub(rf" (?:with|using|in|by|through) {label}\b", "", match["deed"].rstrip(" ."))
    return f"Shall I {deed}?"


def _due(view: View, match: re.Match[str]) -> bool:
    """After as many suggestions as the condition says; else when there are no more."""
    enough = [item.value for item in find_numbers(match["condition"])]
    if not any(_was_tried(tool, view) for tool in view.tools):
        return False
    return not next_step(view) or any(steps_told(view) >= most for most in enough)


def _was_tried(tool: Tool, view: View) -> bool:
    return not tool.role and any(turn.called(tool.name) for turn in view.turns)
