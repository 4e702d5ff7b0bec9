"""Flows that name others: what is checked of it, and where it is told."""

from orchestrator.errors import Problem
from orchestrator.flow.compile import check, compile_sources
from tests.flow.families import ADDRESS, BILLS, FAMILY, LETTER, SHOP, compiled, reader


def problems(root: str = SHOP, **others: str) -> list[str]:
    return [str(problem) for problem in found(root, **others)]


def found(root: str = SHOP, **others: str) -> tuple[Problem, ...]:
    every = check(root, "shop.flow.yaml", read=reader({**FAMILY, **others}))
    return tuple(problem for problem in every if problem.level == "error")


def test_a_problem_of_a_flow_that_is_run_is_told_in_its_file() -> None:
    assert problems(address=ADDRESS.replace("goto: look", "goto: lok")) == [
        "address.flow.yaml:22:34: error G001: no state 'lok' [did you mean 'look'?]"
    ]


def test_one_that_cannot_be_read_is_told_of_there_and_nowhere_else() -> None:
    assert [p.split(": ")[1] for p in problems(address="dsl: [")] == ["error Y001"]


def test_what_its_outcome_holds_is_known_by_type() -> None:
    root = SHOP.replace("if: found.reason == 'completed'", "if: found.streat == 'x'")
    assert any("E002" in problem for problem in problems(root))
    root = SHOP.replace('street: "${found.street}"', 'score: "${found.street}"')
    assert any("V002" in problem for problem in problems(root))


def test_inputs_are_checked_wherever_a_flow_is_named() -> None:
    root = SHOP.replace("{topic: books}", "{topik: books}")
    root = root.replace('{who: "${city}"}', "{}")
    assert problems(root) == [
        "shop.flow.yaml:24:10: error F003: letter needs topic [add it to `with`]",
        "shop.flow.yaml:25:12: error F003: letter takes no 'topik' [did you mean 'topic'?]",
        "shop.flow.yaml:46:29: error F003: bills needs who [add it to `with`]",
    ]


def test_a_way_back_to_itself_is_told_whole() -> None:
    letter = LETTER.replace(
        "  done: {end: {reason: completed}}",
        "  done: {run: shop, next: [{goto: over}]}\n  over: {end: {reason: completed}}",
    )
    [problem] = problems(letter=letter)
    assert problem.startswith("letter.flow.yaml:17:15: error F004")
    assert "shop runs letter runs shop" in problem


def test_flows_run_each_other_four_deep_at_most() -> None:
    def level(number: int) -> str:
        inner = f"{{run: l{number + 1}, next: [{{goto: bye}}]}}"
        deepest = "{goal: Talk., next: [{intent: Done., id: done, goto: bye}]}"
        return f"""\
dsl: 1
flow: l{number}
version: "1"
session: {{mode: text}}
start: talk
states:
  talk: {inner if number < 5 else deepest}
  bye: {{end: {{reason: completed}}}}
"""

    levels = {f"l{number}": level(number) for number in range(1, 6)}
    assert [p.code for p in check(levels["l1"], "l1.flow.yaml", read=reader(levels))] == []
    levels["l0"] = level(0)
    assert [p.code for p in check(levels["l0"], "l0.flow.yaml", read=reader(levels))] == ["F004"]


def test_handing_over_and_back_is_no_circle() -> None:
    assert problems() == []


def test_a_flow_that_takes_over_keeps_the_voice_where_there_is_one() -> None:
    voice = SHOP.replace("{mode: text,", "{mode: voice, voice: marin,")
    bills = BILLS.replace("{mode: text,", "{mode: voice, voice: cedar,")
    assert [problem.code for problem in found(voice, bills=bills)] == ["H001"]
    assert problems(bills=bills) == []


def test_a_family_is_made_again_from_its_sources() -> None:
    flow = compiled()
    assert set(flow.sources.texts) == {f"{name}.flow.yaml" for name in FAMILY}
    again = compile_sources(flow.sources)
    assert (again.sha256, again.flows.keys()) == (flow.sha256, flow.flows.keys())
