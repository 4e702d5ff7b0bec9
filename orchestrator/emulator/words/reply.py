"""What the rule model says when it calls nothing."""

import re
from collections.abc import Sequence

from orchestrator.emulator.words.acts import (
    GREETING,
    OFFER,
    ask_for,
    details,
    look_up,
    news,
    perform,
)
from orchestrator.emulator.words.choices import answer
from orchestrator.emulator.words.conditions import offer
from orchestrator.emulator.words.filling import asked_for
from orchestrator.emulator.words.findings import is_used, next_step
from orchestrator.emulator.words.layout import Made, Turn, View
from orchestrator.emulator.words.telling import done, is_bare, problem, read_back, tell, waits_for
from orchestrator.emulator.words.text import sentences

__all__ = ["speak"]

_NOT_CAUGHT = "Sorry, I did not catch that."
_WAIT = "One moment, please."
_HELP = "How can I help?"
_NOTHING_YET = ("", _NOT_CAUGHT, GREETING, "Of course.")  # what more has to follow
_SOCIAL = [
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in [
        (
            r"^(?:(?:hi|hello|hey|good (?:morning|afternoon|evening|day))(?: there)?[ ,.!]*)+$",
            GREETING,
        ),
        (r"\b(?:thanks|thank you|cheers)\b", "You are welcome."),
        (
            r"\b(?:one|a|just a|wait a) (?:moment|second|minute|sec)\b|\bhang on\b|\bhold on\b",
            "Take your time.",
        ),
        (
            r"\b(?:pardon|say (?:that|it) again|repeat that|what did you say|come again)\b",
            "Of course.",
        ),
        (
            r"\bare you (?:a |an )?(?:robot|machine|bot|computer|ai|real)\b",
            "I am an automatic assistant.",
        ),
    ]
]


def speak(view: View) -> str:
    """Words for this answer; never the same ones three times in a row."""
    opening = _opening(view)
    goal = "" if opening.endswith("?") else _goal(view, opening)
    return _varied(" ".join(part for part in (opening, goal) if part), view)


def _opening(view: View) -> str:
    """What has to be said before the goal: outcomes, trouble, words not understood."""
    turn = view.turn
    untold = turn.untold if view.news or not turn.fresh else []
    said = [_outcome(call) for n, call in enumerate(untold) if not is_used(call, untold[n + 1 :])]
    if turn.fresh:
        said.append(_to_words(view, turn))
    return " ".join(dict.fromkeys(filter(None, said)))


def _to_words(view: View, turn: Turn) -> str:
    social = next((words for pattern, words in _SOCIAL if pattern.search(turn.text)), None)
    if social:
        return social
    if fact := look_up(f"{view.goal} {view.role}", turn.text):
        return fact
    return "" if answer(turn.text) else _NOT_CAUGHT


def _outcome(call: Made) -> str:
    if trouble := problem(call.output):
        return trouble
    if call.name.startswith(("set_", "go_")):
        return ""
    if wait := waits_for(call.output):
        return f"{_WAIT} {wait}"
    if call.late and is_bare(call.output):
        return done(call.name)
    if call.output is None:
        return ""
    return read_back(call.output) or tell(call.output, call.arguments)


def _goal(view: View, opening: str) -> str:
    if any(call.name.startswith("decline_") for call in view.turn.untold):
        return "What should I change?"
    acts = _acts(view, opening)
    confirming = any(tool.role == "confirm" for tool in view.tools)
    if not view.needed and (confirming or not acts):
        acts = [details(view.goal) or " ".join(acts) or news(view.goal)]
    if view.awaits("pending") and not confirming:
        acts = _not_said_yet(view, acts)
    if view.needed:
        return " ".join([*(act for act in acts if "?" not in act), _question(view, acts)])
    said = " ".join(act for act in acts if act and act not in opening)
    return said or ("" if _WAIT in opening else _lead_on(view, opening))


def _not_said_yet(view: View, acts: Sequence[str]) -> list[str]:
    """Who waits for a result is not told the same again, nor offered what is under way."""
    said = " ".join(view.said)
    return [act for act in acts if act not in said and not act.startswith(OFFER)]


def _acts(view: View, opening: str) -> list[str]:
    """What the goal comes to, but for what was said and what is known by now."""
    known = [
        each
        for tool in view.tools
        for each in tool.parameters
        if tool.role == "set" and each.name in view.known and each.name not in view.stale
    ]
    return [
        act
        for act in perform(view.goal, known=view.known.values())
        if not (act == GREETING and (view.said or opening))
        and not ("?" in act and asked_for(known, act, ()))
    ]


def _lead_on(view: View, opening: str) -> str:
    """Where the goal has no words of its own: what was asked, a step, an offer, patience."""
    turn = view.turn
    answered = not turn.fresh or answer(turn.text)
    confirming = any(tool.role == "confirm" for tool in view.tools)
    new = "" if confirming or not answered else offer(view) or next_step(view)
    help_ = _HELP if opening in _NOTHING_YET else ""
    return new or _last_question(turn) or _patience(view) or help_


def _patience(view: View) -> str:
    """Where nothing is needed of the caller, and nothing can be done but wait."""
    taken = any(tool.role == "set" for tool in view.tools) and not view.needed
    waits = view.awaits("pending", "started")
    if not waits and (not taken or any(not tool.role for tool in view.tools)):
        return ""
    stored = any(call.name.startswith("set_") for call in view.turn.untold)
    return f"Thank you. {_WAIT}" if stored else _WAIT


def _last_question(turn: Turn) -> str:
    """What we asked before the caller's words, if nothing came of them."""
    asked = sentences(turn.after)[-1:] if turn.fresh else []
    return next((each for each in asked if each.endswith("?")), "")


def _question(view: View, acts: list[str]) -> str:
    """What is needed; what was offered in the same breath is not asked for as if it was not."""
    if any(act.startswith(OFFER) for act in acts):
        return "Which would suit you?"
    return ask_for(view.needed)


def _varied(text: str, view: View) -> str:
    return f"Once more: {text}" if view.said[-2:] == [text, text] else text
