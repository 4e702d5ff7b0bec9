"""A record with changes is what `dataclasses.replace` makes, for every record of the engine."""

import dataclasses
from typing import Any

import pytest

from orchestrator.flow import snapshot
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Cursor, Frame, Place, Quiet, Snapshot, Talk, Values


@dataclasses.dataclass(frozen=True, slots=True)
class Single:
    only: int


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        (Snapshot(), {"timers": {"again": 1.0}}),
        (Talk(turns=2), {"owed": "goal", "quiet": Quiet(passed=3.0)}),
        (Place("talk", visits={"talk": 1}), {}),
        (Cursor("state:talk"), {"waiting": None, "index": 4, "path": "edge:talk:0"}),
        (Frame(Place(), Values({"a": 1})), {"confirming": None}),
        (Single(1), {"only": 2}),
        (Single(1), {}),
    ],
)
def test_a_record_is_the_same_but_for_what_changes(record: Any, changes: dict[str, Any]) -> None:
    made = replace(record, **changes)
    assert made == dataclasses.replace(record, **changes)
    assert type(made) is type(record)


def test_what_does_not_change_is_not_copied() -> None:
    record = Place(visits={"talk": 1})
    assert replace(record, state="talk").visits is record.visits


def test_the_record_itself_stays_as_it_is() -> None:
    record = Single(1)
    assert replace(record, only=2) != record
    assert record == Single(1)


def test_a_name_that_is_no_field_is_refused() -> None:
    with pytest.raises(AttributeError, match="'Place' object has no attribute 'colour'"):
        replace(Place(), **dict[str, Any](colour="red"))


@pytest.mark.parametrize("thing", [3, Place])
def test_only_records_can_be_changed(thing: Any) -> None:
    with pytest.raises(TypeError):
        replace(thing, state="talk")


def test_no_record_of_a_snapshot_has_fields_that_are_not_given_to_it() -> None:
    """Which `replace` would have to leave out."""
    records = [kind for kind in vars(snapshot).values() if dataclasses.is_dataclass(kind)]
    assert len(records) > 10
    assert all(field.init for kind in records for field in dataclasses.fields(kind))
