"""A conversation that was traced can be replayed by another process."""

import pytest

from tests.interaction.project import SPOKEN_DAY, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin."


def test_a_trace_replays_to_the_same_end_and_holds_no_number(project: Project) -> None:
    told = project.say(
        WISH,
        "My number is +33 6 12 34 56 78.",
        "Yes, please.",
        options=("--no-mcp-host", "--trace", "call.jsonl"),
    )
    assert told.ended == "completed", told.said
    text = (project.directory / "call.jsonl").read_text()
    assert "33612345678" not in text
    assert "12 34" not in text
    replayed = project.command("replay", "call.jsonl")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert f"booking_ref = {told.values['booking_ref']}\n" in replayed.stdout
    assert replayed.stdout.endswith("■ completed\n")
