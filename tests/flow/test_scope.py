"""What expressions see."""

from orchestrator.flow.definition import Extended
from orchestrator.flow.scope import Names
from orchestrator.flow.snapshot import Cursor, Place, Run, Values
from orchestrator.flow.symbols import EVERYWHERE

NOON = 1_764_158_400.0  # of 2025-11-26, in UTC


def names(place: Place | None = None) -> Names:
    values = Values({"day": "2026-12-02"}, {"found": {"free": True}})
    return Names(Run(at=NOON, offset=3600), place or Place(), values, 3)


def test_all_that_an_expression_may_name_everywhere_is_there() -> None:
    assert {*names()} == {*EVERYWHERE, "event", "day", "found"}


def test_variables_and_results_stand_beside_what_is_worked_out() -> None:
    seen = names(Place("talk", visits={"talk": 2}, steps=(Cursor("start", event={"n": 1}),)))
    assert (seen["day"], seen["found"], seen["turns"]) == ("2026-12-02", {"free": True}, 3)
    assert (seen["now"], seen["daypart"]) == ("2025-11-26T13:00:00+01:00", "afternoon")
    assert (seen["visits"], seen["event"]) == (2, {"n": 1})


def test_what_is_added_goes_before_what_was_there() -> None:
    seen = Extended(names(), {"day": "2026-12-03", "value": 1})
    assert (seen["day"], seen["value"], seen["turns"]) == ("2026-12-03", 1, 3)
    assert {*seen} == {*names(), "value"}
    assert len(seen) == len(names()) + 1
