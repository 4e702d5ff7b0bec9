"""Small flows, compiled on the spot, for one thing at a time."""

from orchestrator.dispatch.call import Json
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from tests.flow.scene import Scene

HEAD = """
dsl: 1
flow: small
version: "1"
"""

BANK = """
vars:
  allowed: {type: bool, default: true, writable: engine}
  customer: {type: text, from: call.caller}
  amount: {type: int, min: 1}
tools:
  pay:
    queue: bank
    describe: Pay.
    params: {amount: int, customer: {type: text, optional: true}}
    args: {customer: "${customer}"}
    requires: allowed
    approval: caller
  wire:
    queue: bank
    describe: Wire.
    params: {amount: int}
    approval: caller
  order:
    queue: bank
    describe: Order a card.
    params: {amount: int}
    args: {amount: "${amount}"}
    requires: set(amount)
    approval: caller
  balance:
    queue: bank
    describe: Balance.
    returns: {ok: bool}
    safe: true
    timeout: 5s
    assign: {allowed: "${result.ok}"}
interrupts:
  fees:
    intent: The caller asks about fees.
    do: [{prompt: Tell the fees.}]
    return: true
start: desk
states:
  desk:
    do: [{say: Hello.}]
    goal: Help.
    tools: [pay, wire, order, balance]
    next:
      - {intent: The caller says how much., id: amount, fill: [amount], do: [{note: Noted.}]}
      - {intent: The caller is done., id: done, goto: bye}
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""
"""A tool with a gate, three that need a yes, one that shuts the gate, and a detour that speaks."""


def small(text: str) -> Flow:
    flow, _ = compile_flow(HEAD + text, "small.flow.yaml")
    return flow


def play(text: str, **started: Json) -> Scene:
    """The flow with this text under its head, begun; `started` are fields of `SessionStarted`."""
    scene = Scene(small(text))
    scene.start(**started)
    return scene


def bank() -> Scene:
    return play(BANK, caller="+33612345678")
