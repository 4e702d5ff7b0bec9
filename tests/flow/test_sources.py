"""Flows of several files: what they include, and what their tools and states share."""

from collections.abc import Mapping

import pytest

from orchestrator.errors import FlowInvalid, UsageError
from orchestrator.flow.compile import check, compile_flow, compile_sources
from orchestrator.flow.definition import Flow
from orchestrator.flow.sources import Read

FILE = "flows/shop.flow.yaml"
HEAD = """\
dsl: 1
flow: shop
version: "1"
session: {mode: text}
start: talk
"""
STATES = """\
states:
  talk:
    goal: Talk.
    tools: [find]
    next: [{intent: Done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
TOOLS = """\
dsl: 1
tools:
  find: {queue: shop, describe: Find., safe: true}
"""


def reader(files: Mapping[str, str]) -> Read:
    def read(path: str) -> str:
        if path not in files:
            raise UsageError(f"{path}: there is no such file")
        return files[path]

    return read


def compiled(own: str, **files: str) -> Flow:
    named = {f"flows/{name}.yaml": text for name, text in files.items()}
    return compile_flow(HEAD + own + STATES, FILE, read=reader(named))[0]


def problems(own: str, files: Mapping[str, str], states: str = STATES) -> list[str]:
    return [str(each) for each in check(HEAD + own + states, FILE, read=reader(files))]


def test_what_a_file_declares_is_the_flows_own() -> None:
    flow = compiled("use: [shared.yaml]\n", shared=TOOLS)
    assert flow.states["talk"].tools == ("find",)
    assert str(flow.tools["find"].mark) == "flows/shared.yaml:3"


def test_every_map_of_a_file_is_taken() -> None:
    shared = """\
dsl: 1
x-mine: {anything: 1}
vars: {day: date}
mcp: {menu: {server: menu, allow: [dishes]}}
interrupts: {human: {intent: The caller wants a person., goto: human}}
states: {human: {transfer: {to: "tel:+331"}}}
"""
    lock = {"menu": {"dishes": {"description": "Dishes.", "input_schema": {"type": "object"}}}}
    text = HEAD + "use: [shared.yaml, tools.yaml]\n" + STATES
    read = reader({"flows/shared.yaml": shared, "flows/tools.yaml": TOOLS})
    flow, _ = compile_flow(text, FILE, lock, read)
    assert set(flow.states) == {"talk", "bye", "human"}
    assert set(flow.tools) == {"find", "menu.dishes"}
    assert set(flow.variables) == {"day"}
    assert [interrupt.id for interrupt in flow.interrupts] == ["human"]


def test_a_path_is_meant_from_the_file_that_it_stands_in() -> None:
    files = {
        "flows/shared/tools.yaml": "dsl: 1\nuse: [../more/find.yaml]\n",
        "flows/more/find.yaml": TOOLS,
    }
    assert problems("use: [shared/tools.yaml]\n", files) == []


def test_a_file_that_two_files_use_is_read_once() -> None:
    files = {
        "flows/a.yaml": "dsl: 1\nuse: [tools.yaml]\n",
        "flows/b.yaml": "dsl: 1\nuse: [tools.yaml]\n",
        "flows/tools.yaml": TOOLS,
    }
    assert problems("use: [a.yaml, b.yaml, tools.yaml]\n", files) == []


def test_a_circle_is_told_with_all_that_are_in_it() -> None:
    files = {
        "flows/a.yaml": "dsl: 1\nuse: [b.yaml]\n",
        "flows/b.yaml": "dsl: 1\nuse: [a.yaml]\n",
    }
    assert problems("use: [a.yaml]\n", files) == [
        "flows/b.yaml:2:7: error U002: a circle: a.yaml uses b.yaml uses a.yaml"
    ]


def test_a_name_that_stands_twice_is_told_with_both_places() -> None:
    own = "use: [tools.yaml]\ntools: {find: {queue: mine, describe: Find.}}\n"
    assert problems(own, {"flows/tools.yaml": TOOLS}) == [
        f"{FILE}:7:9: error U003: 'find' stands in flows/tools.yaml:3 already"
    ]


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "~/tools.yaml", "https://host/tools.yaml", "shared/*.yaml", "C:/x", "''"],
)
def test_only_a_path_from_the_file_is_one(path: str) -> None:
    [problem] = problems(f"use: [{path!r}]\n" if path != "''" else "use: ['']\n", {})
    assert " error U001: " in problem


def test_a_file_that_is_not_there_is_told_of_once_and_nothing_that_it_would_have_declared() -> None:
    assert problems("use: [tools.yaml]\n", {}) == [
        f"{FILE}:6:7: error U001: flows/tools.yaml: there is no such file"
    ]


def test_every_problem_of_an_included_file_stands_where_it_is() -> None:
    wrong = """\
dsl: 1
session: {mode: text}
tools:
  find: {queue: shop, describe: Find., timout: 5s}
"""
    found = problems("use: [tools.yaml]\n", {"flows/tools.yaml": wrong})
    assert found == ["flows/tools.yaml:2:1: error S010: unknown key 'session'"]
    wrong = wrong.replace("session: {mode: text}\n", "")
    found = problems("use: [tools.yaml]\n", {"flows/tools.yaml": wrong})
    assert found == [
        "flows/tools.yaml:3:40: error S010: unknown key 'timout' [did you mean 'timeout'?]"
    ]


def test_a_secret_is_found_in_every_file() -> None:
    shared = TOOLS + "# sk-aaaaaaaaaaaaaaaaaaaaaaaa\n"
    [problem] = problems("use: [tools.yaml]\n", {"flows/tools.yaml": shared})
    assert problem.startswith("flows/tools.yaml:4:3: error K001")


def test_there_is_an_end_to_files_and_to_what_they_hold() -> None:
    names = [f"f{number}.yaml" for number in range(60)]
    files = {f"flows/{name}": "dsl: 1\n" for name in names}
    [problem] = problems(f"use: {names}\n", files, STATES.replace("[find]", "[]"))
    assert "more than 32 files" in problem
    big = "dsl: 1\nvars:\n" + "".join(f"  v{n}: {{type: text, default: x}}\n" for n in range(5000))
    files = {f"flows/{name}": big.replace("  v", f"  {name[:-5]}v") for name in names[:3]}
    found = problems(f"use: {names[:3]}\n", files)
    assert any(" error Y008: " in problem for problem in found)


def test_the_hash_is_of_every_file() -> None:
    first = compiled("use: [shared.yaml]\n", shared=TOOLS)
    same = compiled("use: [shared.yaml]\n", shared=TOOLS)
    other = compiled("use: [shared.yaml]\n", shared=TOOLS.replace("Find.", "Look."))
    assert first.sha256 == same.sha256 != other.sha256


def test_a_flow_is_made_again_from_its_sources_wherever_it_lay() -> None:
    flow = compiled("use: [shared.yaml]\n", shared=TOOLS)
    assert set(flow.sources.texts) == {"shop.flow.yaml", "shared.yaml"}
    again = compile_sources(flow.sources)
    assert again.sha256 == flow.sha256
    assert again.tools.keys() == flow.tools.keys()


DEFAULTS = """\
defaults:
  tool: {queue: shop, timeout: 3s, retry: {max: 2}}
  state: {tools: [find], examples: [Hello]}
tools:
  find: {describe: Find., safe: true}
  book: {describe: Book., queue: other, retry: never}
tools_everywhere: [book]
"""
PLAIN = STATES.replace("    tools: [find]\n", "")


def test_what_a_tool_or_a_state_does_not_say_its_defaults_say() -> None:
    flow, _ = compile_flow(HEAD + DEFAULTS + PLAIN, FILE)
    find, book = flow.tools["find"], flow.tools["book"]
    assert (find.queue, find.timeout, find.retry.max) == ("shop", 3.0, 2)
    assert (book.queue, book.timeout, book.retry.max) == ("other", 3.0, 0)
    assert flow.states["talk"].tools == ("find", "book")
    assert flow.states["talk"].examples == ("Hello",)


def test_a_state_that_ends_has_no_defaults() -> None:
    flow, _ = compile_flow(HEAD + DEFAULTS + PLAIN, FILE)
    assert flow.states["bye"].examples == ()


def test_a_key_is_taken_whole_or_not_at_all() -> None:
    own = DEFAULTS.replace("retry: never", "retry: {max: 1, on: [timeout]}")
    flow, _ = compile_flow(HEAD + own.replace("{max: 2}", "{max: 2, backoff: 9s}") + PLAIN, FILE)
    assert flow.tools["book"].retry.backoff == 0.2


def test_what_is_included_does_not_have_the_defaults_of_the_flow() -> None:
    own = "use: [shared.yaml]\ndefaults: {tool: {timeout: 3s}}\n"
    flow = compiled(own, shared=TOOLS)
    assert flow.tools["find"].timeout == 10.0


def test_a_problem_of_the_defaults_is_told_once_and_there() -> None:
    own = DEFAULTS.replace("timeout: 3s", "timout: 3s")
    assert problems(own, {}, PLAIN) == [
        f"{FILE}:7:23: error S010: unknown key 'timout' [did you mean 'timeout'?]"
    ]


def test_defaults_are_no_way_around_the_budget() -> None:
    words = ", ".join("a" for _ in range(900))
    states = "".join(f"  s{n}: {{goal: Talk., next: [{{goto: bye}}]}}\n" for n in range(50))
    own = f"defaults: {{state: {{examples: [{words}]}}}}\n"
    found = problems(own, {}, STATES.replace("[find]", "[]") + states)
    assert any(" error Y008: " in problem for problem in found)


def test_other_kinds_of_documents_cannot_be_included() -> None:
    with pytest.raises(FlowInvalid, match="S001"):
        compiled("use: [shared.yaml]\n", shared="- a list\n")
