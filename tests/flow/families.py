"""Flows that run others, compiled on the spot."""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.sources import Read
from tests.flow.scene import Scene

SHOP = """\
dsl: 1
flow: shop
version: "1"
session: {mode: text, persona: You sell books.}
vars:
  city: {type: text, default: Lyon}
  street: text
  score: {type: int, default: 0}
tools:
  ship:
    queue: shop
    describe: Ship it.
    mode: background
    assign: {score: "${score + 1}"}
on_error: sorry
interrupts:
  human: {intent: The caller wants a person., goto: human, except: [human]}
  hours:
    intent: The caller asks when we are open.
    do: [{set: {score: "${score + 10}"}}, {prompt: Tell the hours.}]
    return: true
  news:
    intent: The caller wants the newsletter.
    run: letter
    with: {topic: books}
    return: true
start: talk
states:
  talk:
    goal: Greet the caller.
    tools: [ship]
    next:
      - {intent: The caller orders., id: order, goto: where}
      - {intent: The caller has a bill., id: bill, goto: billing}
  where:
    run: address
    with: {city: "${city}"}
    as: found
    next:
      - event: run.address.done
        if: found.reason == 'completed'
        set: {street: "${found.street}"}
        goto: bye
      - {event: run.address.failed, goto: human}
      - {goto: talk}
  billing: {handoff: {flow: bills, with: {who: "${city}"}}}
  bye:
    do: [{say: "To ${street}."}]
    end: {reason: completed}
  human: {transfer: {to: "tel:+331"}}
  sorry: {end: {reason: error}}
on_end:
  do: [{emit: shop.over, with: {score: "${score}"}}]
"""
ADDRESS = """\
dsl: 1
flow: address
version: "1"
session: {mode: text, persona: Nobody hears this.}
vars:
  city: {type: text, from: input}
  street: text
tools:
  check:
    queue: maps
    params: {street: text}
    returns: {ok: bool}
    safe: true
interrupts:
  elsewhere: {intent: The caller moved., goto: refused}
start: ask
states:
  ask:
    goal: Ask for the street in ${city}.
    collect: {vars: [street]}
    next:
      - {event: collected, goto: look}
      - {intent: The caller does not want to say., id: refuse, goto: refused}
      - {after: 60s, goto: refused}
  look:
    do: [{tool: check, with: {street: "${street}"}}]
    next:
      - {event: tool.check.done, goto: known}
  known: {end: {reason: completed, outcome: {street: "${street}", city: "${city}"}}}
  refused: {end: {reason: refused}}
on_end:
  do: [{emit: address.over}]
"""
LETTER = """\
dsl: 1
flow: letter
version: "1"
session: {mode: text}
vars:
  topic: {type: text, from: input}
  mail: email
on_error: sorry
start: ask
states:
  ask:
    goal: Ask for the address.
    collect: {vars: [mail]}
    next:
      - {event: collected, goto: done}
      - {intent: No newsletter., id: none, goto: done}
  done: {end: {reason: completed}}
  sorry: {end: {reason: error}}
"""
BILLS = """\
dsl: 1
flow: bills
version: "1"
session: {mode: text, persona: You know the bills.}
vars:
  who: {type: text, from: input}
on_error: sorry
start: talk
states:
  talk:
    goal: Talk about bills with ${who}.
    next:
      - {intent: The caller wants a book., id: book, goto: back}
      - {intent: The caller is done., id: done, goto: bye}
  back: {handoff: {flow: shop, context: none}}
  bye: {end: {reason: paid}}
  sorry: {end: {reason: error}}
on_end:
  do: [{emit: bills.over}]
"""
FAMILY = {"address": ADDRESS, "letter": LETTER, "bills": BILLS, "shop": SHOP}


def reader(files: Mapping[str, str]) -> Read:
    """Reads `NAME.flow.yaml` where `files` have NAME."""

    def read(path: str) -> str:
        name = path.removesuffix(".flow.yaml")
        if name not in files:
            raise UsageError(f"{path}: there is no such file")
        return files[name]

    return read


def compiled(root: str = SHOP, **others: str) -> Flow:
    flow, _ = compile_flow(root, "shop.flow.yaml", read=reader({**FAMILY, **others}))
    return flow


def play(root: str = SHOP, *, begun: Mapping[str, Json] | None = None, **others: str) -> Scene:
    scene = Scene(compiled(root, **others))
    scene.start(**(begun or {}))
    return scene


def flows(scene: Scene) -> list[str]:
    """Every state that was entered, with its flow."""
    entered = scene.reports("state.entered")
    return [".".join(filter(None, (r.data.get("flow"), str(r.data["state"])))) for r in entered]


def asked_for_the_street(address: str = ADDRESS) -> Scene:
    scene = play(address=address)
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    return scene
