from pathlib import Path

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.errors import FlowInvalid
from orchestrator.flow.compile import Lock, check, compile_flow
from orchestrator.flow.definition import Flow, Intent, On, Rejected, UseTool

FILE = Path(__file__).parents[2] / "flows/restaurant.flow.yaml"
QUERY = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
LOCK: Lock = {
    "menu": {
        "search_dishes": {"description": "Find dishes.", "input_schema": QUERY},
        "allergens": {"description": "Allergens of a dish.", "input_schema": QUERY},
    }
}
HELLO = """
dsl: 1
flow: hello
version: "1.0.0"
start: talk
states:
  talk:
    goal: Greet the caller, answer questions about our opening hours (noon to eleven).
    next:
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""


@pytest.fixture(scope="module")
def restaurant() -> Flow:
    flow, warnings = compile_flow(FILE.read_text(), FILE.name, LOCK)
    assert warnings == ()
    return flow


def compiled(text: str) -> Flow:
    return compile_flow(text, "f.yaml", LOCK)[0]


def test_ten_lines_are_a_flow_with_one_warning() -> None:
    flow, warnings = compile_flow(HELLO, "hello.flow.yaml")
    assert (flow.name, flow.version, flow.start) == ("hello", "1.0.0", "talk")
    assert [warning.code for warning in warnings] == ["G020"]


def test_an_invalid_flow_tells_everything_at_once_in_file_order() -> None:
    with pytest.raises(FlowInvalid) as invalid:
        compile_flow(HELLO.replace("goto: bye", "goto: by").replace("goal:", "gaol:"), "f.yaml")
    assert [problem.code for problem in invalid.value.problems] == ["G020", "S010", "G001"]
    assert "f.yaml:10:55: error G001: no state 'by' [did you mean 'bye'?]" in str(invalid.value)


def test_states_are_in_the_authors_order_and_know_their_place(restaurant: Flow) -> None:
    assert list(restaurant.states)[:3] == ["welcome", "details", "check"]
    lines = FILE.read_text().splitlines()
    for name, state in restaurant.states.items():
        assert lines[state.mark.line - 1] == f"  {name}:"


def test_edges_keep_their_order_and_triggers(restaurant: Flow) -> None:
    correct, done, failed = restaurant.states["confirm"].next
    assert isinstance(correct.trigger, Intent)
    assert correct.trigger.fill == ("party_size", "day", "at", "guest", "seating")
    assert done.trigger == On("tool.create_booking.done")
    assert failed.goto == "transfer"
    by_size, _ = restaurant.states["details"].next
    assert by_size.trigger is None
    assert by_size.condition is not None
    assert by_size.condition.evaluate({"party_size": 13}) is True
    assert by_size.condition.evaluate({}) is False


def test_a_goal_holds_values(restaurant: Flow) -> None:
    goal = restaurant.states["confirm"].goal
    assert goal is not None
    scope = {"party_size": 4, "day": "2026-11-24", "at": "19:30", "guest": "Ana"}
    assert goal.text(scope) == "Book 4 people, Tuesday 24 November at half past seven, for Ana."
    assert goal.unset({"party_size": 4}) == "day"


def test_tools_everywhere_are_in_every_state_that_talks(restaurant: Flow) -> None:
    assert restaurant.states["confirm"].tools == (
        "create_booking",
        "menu.search_dishes",
        "menu.allergens",
    )
    assert restaurant.states["goodbye"].tools == ()


def test_a_functions_bound_parameters_are_hidden_and_checked(restaurant: Flow) -> None:
    tool = restaurant.tools["create_booking"]
    assert tool.schema["properties"] == {}
    assert set(tool.bound) == {"day", "at", "party_size", "seating", "guest", "phone"}
    assert (tool.queue, tool.handler, tool.alias) == ("booking", "create_booking", "create_booking")
    assert (tool.timeout, tool.retry.max, tool.retry.backoff) == (6.0, 3, 0.5)
    assert (bool(tool.read_back), tool.undo, tool.on_hangup) == (True, "cancel_booking", "keep")
    given = {"day": "2026-11-24", "at": "7:30 pm", "party_size": "4", "seating": "any"}
    assert tool.accept({**given, "guest": "Ana", "phone": None}) == {
        "day": "2026-11-24",
        "at": "19:30",
        "party_size": 4,
        "seating": "any",
        "guest": "Ana",
    }
    with pytest.raises(Rejected, match="guest is missing"):
        tool.accept(given)


def test_a_safe_tool_is_cancelled_on_hangup_and_run_again(restaurant: Flow) -> None:
    tool = restaurant.tools["check_availability"]
    assert (tool.safe, tool.rerun, tool.on_hangup) == (True, True, "cancel")
    assert tool.filler is not None
    assert [line.text({}) for line in tool.filler.lines] == ["Let me look at the book."]
    assert tool.assign["offered"].evaluate({"result": {"alternatives": ["18:30"]}}) == ["18:30"]


def test_undo_sees_the_result_of_what_it_undoes(restaurant: Flow) -> None:
    assert (
        restaurant.tools["cancel_booking"].bound["ref"].evaluate({"result": {"ref": "A1"}}) == "A1"
    )


def test_a_servers_tool_comes_from_the_lock(restaurant: Flow) -> None:
    tool = restaurant.tools["menu.search_dishes"]
    assert (tool.alias, tool.queue, tool.handler) == (
        "menu__search_dishes",
        "mcp.menu",
        "search_dishes",
    )
    assert tool.describe == "Find dishes."
    assert tool.schema == QUERY
    assert tool.accept({"query": "soup", "extra": 1, "none": None}) == {"query": "soup", "extra": 1}
    with pytest.raises(Rejected, match="query is missing"):
        tool.accept({})


def test_a_step_that_uses_a_tool_names_its_result(restaurant: Flow) -> None:
    (step,) = restaurant.states["check"].do
    assert isinstance(step, UseTool)
    assert (step.tool, step.result_name) == ("check_availability", "avail")
    assert step.arguments["party_size"].evaluate({"party_size": 4}) == 4


def test_variables_know_where_they_come_from(restaurant: Flow) -> None:
    phone = restaurant.variables["phone"]
    assert phone.source is not None
    assert phone.source.evaluate({"call": {"caller": "+33612345678"}}) == "+33612345678"
    assert phone.pii
    assert restaurant.variables["seating"].default == "any"
    size = restaurant.variables["party_size"]
    assert size.schema == {
        "type": "integer",
        "description": "Number of guests",
        "minimum": 1,
        "maximum": 20,
    }
    with pytest.raises(Rejected, match="must be at most 20"):
        size.accept(21, {})


def test_interrupts_carry_their_own_intent(restaurant: Flow) -> None:
    human, hours = restaurant.interrupts
    assert isinstance(human.trigger, Intent)
    assert (human.id, human.trigger.id, human.goto, human.returns) == (
        "human",
        "human",
        "transfer",
        False,
    )
    assert (hours.returns, hours.cool_down, len(hours.do)) == (True, 2, 1)


def test_the_hash_is_of_the_text_and_of_what_is_pinned(restaurant: Flow) -> None:
    text = FILE.read_text()
    again, _ = compile_flow(text, "elsewhere.yaml", LOCK)
    assert again.sha256 == restaurant.sha256
    changed: Lock = {
        "menu": {**LOCK["menu"], "allergens": {**LOCK["menu"]["allergens"], "description": "x"}}
    }
    assert compile_flow(text, FILE.name, changed)[0].sha256 != restaurant.sha256
    unused: Lock = {**LOCK, "other": {"tool": {"description": "", "input_schema": {}}}}
    assert compile_flow(text, FILE.name, unused)[0].sha256 == restaurant.sha256


DAY = """vars:
  day: {type: date, validate: days_until(value) >= 0, message: must not be over}
"""


def test_validate_sees_the_value_and_speaks_the_authors_words() -> None:
    flow = compiled(HELLO.replace("start:", DAY + "start:"))
    accept = flow.variables["day"].accept
    now = {"now": "2026-11-23T10:00:00+01:00"}
    assert accept("2026-11-23", now) == "2026-11-23"
    with pytest.raises(Rejected, match="must not be over"):
        accept("2026-11-22", now)


def test_a_value_with_templates_deep_inside_keeps_its_shape() -> None:
    flow = compiled(
        HELLO.replace("start:", "vars: {bag: {type: any}}\nstart:").replace(
            "id: done,", 'id: done, set: {bag: {n: ["${turns}", "t${turns}"], flag: true}},'
        )
    )
    (edge,) = flow.states["talk"].next
    assert edge.set["bag"].evaluate({"turns": 3}) == {"n": [3, "t3"], "flag": True}
    assert edge.set["bag"].unset({}) == "turns"


ROOM = """vars:
  words: text
tools:
  reserve:
    queue: rooms
    describe: Reserve a room.
    params: {arrive: date}
    returns: {ref: text, until: date}
    approval: {by: caller, read_back: "A room from ${args.arrive | spoken}."}
    idempotency: "${args.arrive | spoken}"
    assign: {words: "${args.arrive | spoken} to ${result.until | spoken}"}
    undo: release
  release:
    queue: rooms
    params: {ref: text, reason: text}
    args: {ref: "${result.ref}", reason: "${args.arrive | spoken}"}
"""
SCOPE: dict[str, Json] = {
    "now": "2026-11-23T10:00:00+01:00",
    "args": {"arrive": "2027-01-03"},
    "result": {"until": "2027-01-04"},
}


def test_filters_know_what_a_tools_arguments_and_results_are() -> None:
    flow = compiled(HELLO.replace("start:", ROOM + "start:"))
    reserve = flow.tools["reserve"]
    assert reserve.read_back and reserve.read_back.words and reserve.key
    assert reserve.read_back.words.evaluate(SCOPE) == "A room from Sunday 3 January."
    assert reserve.key.evaluate(SCOPE) == "Sunday 3 January"
    assert reserve.assign["words"].evaluate(SCOPE) == "Sunday 3 January to Monday 4 January"
    assert flow.tools["release"].bound["reason"].evaluate(SCOPE) == "Sunday 3 January"


def test_an_argument_that_the_tool_does_not_have_is_told() -> None:
    room = ROOM.replace("from ${args.arrive", "from ${args.arive")
    problems = check(HELLO.replace("start:", room + "start:"), "f.yaml")
    assert ("E002", "no field 'arive'", "did you mean 'arrive'?") in [
        (problem.code, problem.message, problem.hint) for problem in problems
    ]


def test_a_persona_stands_as_written(restaurant: Flow) -> None:
    assert restaurant.session.persona.startswith("You answer the phone for Chez Ana")
    assert (restaurant.session.voice, restaurant.limits.duration) == ("marin", 900.0)


def test_no_lock_is_told_with_what_to_do() -> None:
    problems = check(FILE.read_text(), FILE.name)
    hint = "register it with `orchestrator mcp add menu …`, then run `orchestrator mcp pin`"
    assert [(p.code, p.hint) for p in problems] == [("T021", hint)] * 2


def test_what_is_no_flow_is_told() -> None:
    for text in ("", "[1, 2]", "hello", "- a"):
        assert [p.code for p in check(text, "f.yaml")] == ["S001"]


def test_a_file_of_tests_is_told_apart_from_a_flow() -> None:
    [problem] = check("dsl: 1\ntests: a.flow.yaml\ncases: []\n", "a.test.yaml")
    assert (problem.code, problem.line, problem.hint) == ("S001", 2, "orchestrator test plays it")
