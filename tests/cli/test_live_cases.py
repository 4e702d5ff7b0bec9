"""Live cases: three sessions of a Realtime service, played here by three scripts."""

from collections.abc import Sequence

from orchestrator.cli.live import HANG_UP, Service, try_live
from orchestrator.emulator.model import CallTool, Output, Speech
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.emulator.server import serve
from orchestrator.testing.trial import Trial
from tests.flow.small import small
from tests.testing.suites import read_suite

FLOW = """
vars: {name: {type: text, scope: caller, missing: you}, ref: text}
tools:
  book: {queue: desk, describe: Book., returns: {ref: text}, assign: {ref: "${result.ref}"}}
on_error: bye
start: talk
states:
  talk:
    do: [{say: "Hello, ${name}."}]
    goal: Book a table.
    tools: [book]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {do: [{say: Goodbye.}], end: {reason: completed}}
"""
CASE = """\
dsl: 1
tests: small.flow.yaml
cases:
  - case: books
    live: true
    persona: You want a table.
    call: {id: s1, caller: "+33612345678"}
    remembered: {name: Ana}
    tools: {book: [{ref: AB12}]}
    max_turns: 3
    expect: EXPECT
"""
Script = Sequence[Sequence[Output]]
AGENT: Script = (
    (CallTool("book", "{}"),),
    (Speech("It is booked."),),
    (CallTool("go_done", "{}"),),
)
CALLER: Script = ((Speech("A table, please."),), (Speech("Thank you."),))


async def held(expect: str, *scripts: Script) -> tuple[Trial, list[ScriptedModel]]:
    """The case with this expectation, and the models: the caller, the agent, the judge."""
    flow = small(FLOW)
    suite, problems = read_suite(CASE.replace("EXPECT", expect), "x.test.yaml", flow)
    assert suite and not problems, problems
    models = [ScriptedModel(script) for script in scripts]
    waiting = iter(models)
    async with serve(lambda: next(waiting)) as url:
        service = Service(url, "key", "gpt-realtime-2.1")
        return await try_live(flow, suite, suite.cases[0], service), models


async def test_a_caller_whom_a_model_plays_talks_to_the_flow_until_it_ends() -> None:
    expect = "{path: [talk, bye], tools: [book], vars: {ref: AB12}, said: booked, ended: completed}"
    trial, (caller, agent) = await held(expect, CALLER, AGENT)
    assert (trial.outcome, trial.failures) == ("passed", ())
    assert "You want a table." in caller.prompts[0].instructions
    assert "Hello, Ana." in str(caller.prompts[0])
    assert "It is booked." in str(caller.prompts[1])
    assert len(agent.prompts) == 3


async def test_what_is_expected_and_is_not_so_is_told() -> None:
    trial, _ = await held("{said: [Sorry], not_called: [book]}", CALLER, AGENT)
    assert [failure.what for failure in trial.failures] == ["said", "not_called"]


async def test_a_judge_decides_about_each_statement() -> None:
    judge: Script = ((Speech("Yes, it does."),), (Speech("No, it never asks."),))
    expect = "{judge: [Books the table., Asks for the name.]}"
    trial, (_, _, judged) = await held(expect, CALLER, AGENT, judge)
    [failure] = trial.failures
    assert (failure.what, failure.expected) == ("judge", "Asks for the name.")
    assert failure.found == "No, it never asks."
    assert "Caller: A table, please." in str(judged.prompts[0])


async def test_a_caller_may_hang_up() -> None:
    caller: Script = ((Speech(f"Never mind. {HANG_UP}"),),)
    agent: Script = ((Speech("As you like."),),)
    trial, _ = await held("{ended: hangup, said: [As you like.]}", caller, agent)
    assert trial.failures == ()


async def test_a_caller_has_no_more_turns_than_the_case_allows() -> None:
    words: Script = [(Speech("Well."),)] * 9
    trial, (caller, _) = await held("{ended: hangup}", words, words)
    assert trial.failures == ()
    assert len(caller.prompts) == 3


async def test_a_model_that_says_nothing_is_a_failure_of_the_case() -> None:
    trial, _ = await held("{ended: hangup}", (), AGENT)
    [failure] = trial.failures
    assert failure.what.startswith("no answer (completed")


async def test_a_service_that_is_not_there_is_a_failure_of_the_case() -> None:
    flow = small(FLOW)
    suite, _ = read_suite(CASE.replace("EXPECT", "{ended: hangup}"), "x.test.yaml", flow)
    assert suite
    service = Service("ws://127.0.0.1:9/v1/realtime", "key", "gpt-realtime-2.1")
    trial = await try_live(flow, suite, suite.cases[0], service)
    assert trial.outcome == "failed"
