"""Flows by chance: small, whole, and as tangled as the checker allows."""

from itertools import pairwise
from random import Random

from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from tests.flow.families import LETTER, reader

HEAD = """\
dsl: 1
flow: chance
version: "1"
session: {{mode: {mode}, persona: Anybody.}}
vars:
  n: {{type: int, default: 0, max: 50}}
  day: {{type: date, clears: [fine]}}
  fine: {{type: bool, validate: {{tool: check}}}}
tools:
  check: {{queue: q, params: {{value: bool}}, returns: {{ok: bool}}, safe: true}}
  look:
    queue: q
    describe: Look.
    safe: true
    on_interrupt: cancel
    timeout: 3s
    retry: {{max: 1}}
    assign: {{n: "${{n + 1}}"}}
  send:
    queue: q
    describe: Send.
    params: {{day: {{type: date, optional: true}}}}
    args: {{day: "${{day}}"}}
    mode: background
    concurrency: 1
    undo: take_back
  buy:
    queue: q
    describe: Buy.
    params: {{day: date}}
    args: {{day: "${{day}}"}}
    requires: set(day)
    approval: caller
    on_hangup: cancel
  sign:
    queue: q
    describe: Sign.
    approval: {{by: human, timeout: 20s}}
    filler: {{after: 1s, say: A moment.}}
  take_back: {{queue: q}}
on_error: last
"""
OPTIONS = (
    "on_start: {do: [{say: Hello.}, {tool: look}]}",
    "on_end: {do: [{set: {n: 0}}, {tool: send}, {emit: over}]}",
    "limits: {visits: 5, turns: 12, tool_calls: 9}",
    "silence: [{after: 5s, say: Still there?}, {after: 30s, goto: last}]",
    "guards: {output: [{id: bad, match: password, then: {say: No., goto: last}}]}",
    "guards: {input: [{id: nice, match: '[Pp]lease', into: fine}]}",
)
INTERRUPTS = (
    "{intent: A question., do: [{prompt: Answer.}], return: true}",
    "{intent: Stop., goto: last, except: [s0]}",
    "{if: n > 3, do: [{set: {n: 0}}, {say: Enough.}], return: true}",
    "{event: tool.look.done, do: [{note: Looked.}, {wait: 1s}], return: true, cool_down: 1}",
    "{intent: The letter., run: letter, with: {topic: news}, return: true}",
    '{dtmf: "#", goto: s0}',
)
STEPS = (
    "{say: Well.}",
    '{say: "It is ${n}."}',
    "{prompt: Say something.}",
    "{note: Noted.}",
    "{wait: 1s}",
    "{tool: look, as: seen}",
    "{tool: send}",
    "{tool: sign, if: n < 2}",
    '{tool: buy, if: "set(day)"}',
    '{set: {n: "${n + 1}"}}',
    '{set: {day: "2026-11-24"}}',
    "{emit: passed}",
)
EDGES = (
    "{{intent: With a day., id: filled, fill: [day, fine], goto: {to}}}",
    '{{intent: Stay., id: stay, set: {{n: "${{n + 1}}"}}}}',
    "{{intent: Steps., id: steps, do: [{step}], goto: {to}}}",
    "{{if: n > 2, goto: {to}}}",
    "{{event: tool.look.failed, goto: {to}}}",
    "{{event: tool.sign.denied, do: [{step}]}}",
    "{{event: tool.buy.done, if: n > 0, goto: {to}}}",
    "{{after: 4s, goto: {to}}}",
    '{{dtmf: "1", do: [{step}], goto: {to}}}',
    "{{silence: 3s, do: [{step}]}}",
    "{{event: text, if: event.text == 'menu', goto: {to}}}",
    "{{event: response.cancelled, do: [{step}]}}",
    "{{event: signal.news, goto: {to}}}",
)
COLLECTS = (
    "collect: {vars: [day]}",
    "collect: {vars: [day, fine], optional: [fine], fresh: [day]}",
    "collect: {vars: [fine], attempts: 2, on_failed: last}",
)
KEYS = (
    "goal: Talk of ${n}.",
    "limits: {turns: 2, time: 60s}",
    "context: reset",
    "context: {keep_last: 3, summary: true}",
    "voice: {interrupt: false}",
)
FINALS = (
    "end: {reason: completed}",
    'transfer: {to: "tel:+331", on_failed: s0}',
    "handoff: {flow: letter, with: {topic: all}}",
)


def some(chance: Random, items: tuple[str, ...], most: int) -> list[str]:
    return chance.sample(items, chance.randrange(most + 1))


def generated(seed: int) -> Flow:
    text = _text(Random(seed))
    return compile_flow(text, "chance.flow.yaml", read=reader({"letter": LETTER}))[0]


def _text(chance: Random) -> str:
    names = [f"s{number}" for number in range(chance.randrange(2, 5))]
    mode = chance.choice(("text", "voice"))
    interrupts = [f"  i{n}: {INTERRUPTS[n]}" for n in chance.sample(range(len(INTERRUPTS)), 3)]
    lines = [HEAD.format(mode=mode), *_unlike(some(chance, OPTIONS, 3)), "interrupts:", *interrupts]
    lines += ["start: s0", "states:"]
    for name, following in pairwise([*names, "last"]):
        lines += [f"  {name}:", *_state(chance, following, [*names, "last"])]
    lines += ["  last:", "    do: [{prompt: Bye.}]", f"    {chance.choice(FINALS)}"]
    return "\n".join(lines)


def _state(chance: Random, following: str, others: list[str]) -> list[str]:
    """One that collects and has tools, from where there is a way to the next."""
    keys = [f"    {key}" for key in _unlike([*some(chance, KEYS, 4), chance.choice(COLLECTS)])]
    edges = [
        edge.format(to=chance.choice(others), step=chance.choice(STEPS))
        for edge in ("{{event: collected, goto: {to}}}", *some(chance, EDGES, 5))
    ]
    edges.insert(
        chance.randrange(len(edges) + 1), f"{{intent: On., id: further, goto: {following}}}"
    )
    do = ", ".join(some(chance, STEPS, 3))
    tools = "    tools: [look, send, buy, sign]"
    return [*keys, tools, f"    do: [{do}]", "    next:", *(f"      - {edge}" for edge in edges)]


def _unlike(lines: list[str]) -> list[str]:
    """One of each key."""
    return list({line.partition(":")[0]: line for line in lines}.values())
