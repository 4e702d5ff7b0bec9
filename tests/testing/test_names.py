import re
from pathlib import Path

from orchestrator.testing.names import EVENTS, offerable
from tests.flow.restaurant import restaurant

ROOT = Path(__file__).parents[2]


def test_the_events_are_those_that_run_prints() -> None:
    table = (ROOT / "docs/events.md").read_text().partition("orchestrator run --json")[2]
    rows = re.findall(r"^\| (`[a-z.`, ]+`) \|", table, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([a-z.]+)`", row) if name != "event"]
    assert sorted(names) == sorted(EVENTS)


def test_the_model_may_be_offered_intents_collects_tools_and_approvals() -> None:
    names = set(offerable(restaurant()))
    assert {"go_book", "go_human", "set_details", "create_booking", "menu__allergens"} <= names
    assert {"confirm_create_booking", "decline_create_booking"} <= names
    assert "confirm_cancel_booking" not in names
