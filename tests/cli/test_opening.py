"""How a session with the service is opened, for the family of flows that it may lead to."""

import pytest

from orchestrator.cli.live import Service, try_live
from orchestrator.cli.opening import open_session
from orchestrator.emulator.model import CallTool, Speech
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.emulator.server import serve
from orchestrator.flow.commands import Speak
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import AgentSaying, AnswerEnded, Event
from orchestrator.realtime.connection import connect
from tests.flow.families import ADDRESS, SHOP, compiled
from tests.testing.suites import read_suite

MODEL = "gpt-realtime-2.1"
GUARDED = ADDRESS.replace("start: ask", "guards: {output: [{id: x, match: secret}]}\nstart: ask", 1)
CASE = """\
dsl: 1
tests: shop.flow.yaml
cases:
  - case: orders
    live: true
    persona: You want a book.
    call: {id: s1, caller: "+33612345678"}
    tools: {check: [{ok: true}]}
    max_turns: 3
    expect: {tools: [check], said: To Main Street 1., ended: completed}
"""


async def said_in_parts(flow: Flow) -> bool:
    """Whether words of an answer are told as they come."""
    long = Speech("Well, well. " * 20)
    async with (
        serve(lambda: ScriptedModel([[long]])) as url,
        connect(url, "key", model=MODEL) as connection,
    ):
        adapter = await open_session(flow, connection, MODEL)
        for frame in adapter.perform(Speak("answer_1", "goal", 0, "Say something.")):
            await connection.send(frame)
        seen = list[Event]()
        async for frame in connection:
            seen += adapter.receive(frame, 0.0)[0]
            if any(isinstance(event, AnswerEnded) for event in seen):
                break
        return any(isinstance(event, AgentSaying) for event in seen)


@pytest.mark.parametrize(("address", "watched"), [(ADDRESS, False), (GUARDED, True)])
async def test_the_words_are_watched_if_a_guard_of_any_flow_looks_at_them(
    address: str, watched: bool
) -> None:
    assert await said_in_parts(compiled(address=address)) is watched


async def test_a_live_case_has_the_tools_of_a_stable_session_and_those_of_its_sub_flows() -> None:
    flow = compiled(SHOP.replace("session: {", "session: {prompting: stable, ", 1))
    suite, problems = read_suite(CASE, "x.test.yaml", flow)
    assert suite and not problems, problems
    caller = ScriptedModel([[Speech("A book, please.")], [Speech("Main Street 1.")]])
    agent = ScriptedModel(
        [
            [Speech("Hello.")],
            [CallTool("go_order", "{}")],
            [Speech("Where to?")],
            [CallTool("set_ask", '{"street": "Main Street 1"}')],
        ]
    )
    models = iter((caller, agent))
    async with serve(lambda: next(models)) as url:
        trial = await try_live(flow, suite, suite.cases[0], Service(url, "key", MODEL))
    assert trial.failures == ()
    assert "go_order" in {tool["name"] for tool in agent.prompts[0].tools}
