"""What a call costs with each way of prompting, roughly. Pure.

Nothing is measured here: tokens are a quarter of the characters, and a call is imagined. It
compares the two ways of one flow, it does not foretell a bill.
"""

import json
from dataclasses import dataclass

from orchestrator.flow.definition import Flow, State
from orchestrator.flow.prices import cost
from orchestrator.flow.stable import every_tool, state_tools

__all__ = ["ANSWERS", "ASSUMED", "Estimate", "estimate"]

ANSWERS = 24
CALLER_TOKENS, AGENT_TOKENS = {"text": 15, "audio": 40}, {"text": 25, "audio": 100}
"""Of one turn: 60 and 100 characters, or 4 and 5 seconds."""
ASSUMED = (
    f"{ANSWERS} answers, equally many in each state where the model talks, one state after the "
    "other; turns of 60 and 100 characters (of 4 and 5 seconds with a voice); four characters a "
    "token; the cache holds what has not changed, and in a state that collects the values change "
    "with every answer"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """US dollars of one call, by `prompting`."""

    per_state: float
    stable: float


def estimate(flow: Flow, model: str) -> Estimate | None:
    """None if the model never talks in this flow."""
    talking = [state for state in flow.states.values() if state.goal or state.collect]
    if not talking or flow.session.mode == "transcribe":
        return None
    kind = "audio" if flow.session.mode == "voice" else "text"
    visits = [talking[i * len(talking) // ANSWERS] for i in range(ANSWERS)]
    return Estimate(_per_state(flow, model, visits, kind), _stable(flow, model, visits, kind))


def _per_state(flow: Flow, model: str, visits: list[State], kind: str) -> float:
    """Whole instructions and tools with each answer: when they change, nothing is cached."""
    total, before = 0.0, None
    for number, state in enumerate(visits):
        tools = json.dumps([dict(tool) for tool in state_tools(flow, state)])
        prefix = _tokens(flow.session.persona) + _prose(state) + _tokens(tools)
        cached = state is before and not state.collect
        total += _answer(model, kind, number, prefix, 0, cached=cached)
        before = state
    return total


def _stable(flow: Flow, model: str, visits: list[State], kind: str) -> float:
    """Everything is cached but what is new; what is to be done stays in the conversation."""
    tools = json.dumps([dict(tool) for tool in every_tool(flow)])
    prefix = _tokens(flow.session.persona) + _tokens(tools)
    total, told, before = 0.0, 0, None
    for number, state in enumerate(visits):
        new = _prose(state) if state is not before or state.collect else 0
        total += _answer(model, kind, number, prefix + told, new, cached=number > 0)
        told, before = told + new, state
    return total


def _answer(model: str, kind: str, number: int, prefix: int, new: int, *, cached: bool) -> float:
    """Dollars of the answer with this number: text before the talk, the talk, the new turn."""
    talk = number * (CALLER_TOKENS[kind] + AGENT_TOKENS[kind])
    how = "cached" if cached else "in"
    usage = {"text_in": new, f"{kind}_out": AGENT_TOKENS[kind]}
    parts = ((f"text_{how}", prefix), (f"{kind}_{how}", talk), (f"{kind}_in", CALLER_TOKENS[kind]))
    for name, tokens in parts:
        usage[name] = usage.get(name, 0) + tokens
    return cost(model, usage)


def _prose(state: State) -> int:
    texts = [state.goal.source if state.goal else "", *state.examples]
    return _tokens("".join(texts)) + 40  # headings, the date, values


def _tokens(text: str) -> int:
    return -(-len(text) // 4)
