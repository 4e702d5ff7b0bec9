"""A conversation that was traced can be replayed by another process."""

import pytest

from tests.interaction.project import SPOKEN_DAY, Project
from tests.redis_server import RedisServer

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


def test_a_session_whose_journal_is_in_redis_becomes_a_test_without_a_number(
    project: Project, own_redis: RedisServer
) -> None:
    told = project.say(
        WISH,
        "My number is +33 6 12 34 56 78.",
        options=("--no-mcp-host",),
        REDIS_URL=own_redis.url,
    )
    made = project.command("record", told.session, REDIS_URL=own_redis.url)
    assert (made.returncode, made.stderr) == (0, "")
    assert "33612345678" not in made.stdout
    assert 'caller: "My number is +15550100000."' in made.stdout
    (project.directory / "flows/call.test.yaml").write_text(made.stdout)
    tested = project.command("test", "flows/call.test.yaml")
    assert tested.returncode == 0, tested.stdout
