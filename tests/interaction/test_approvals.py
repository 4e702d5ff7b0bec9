"""A person decides, in a process of their own, while the conversation goes on."""

import json
from pathlib import Path

import pytest

from tests.flow.test_review import FLOW
from tests.interaction.project import Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WORKER = """
from orchestrator import handler


@handler(queue="identity")
def reset(user: str, scope: str | None = None) -> dict[str, str]:
    return {"sent_to": f"the phone of {user}"}
"""


@pytest.fixture
def desk(project: Project) -> Project:
    project.flow.write_text(FLOW)
    Path(project.directory / "workers/identity.py").write_text(WORKER)
    return project


def waiting(desk: Project) -> str:
    rows: list[dict[str, object]] = []
    while not rows:  # what the session has asked for is on its way to Redis
        listed = desk.command("approvals", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        rows = [json.loads(line) for line in listed.stdout.splitlines()]
    [row] = rows
    assert (row["tool"], row["channel"], row["arguments"]) == ("reset", "oncall", {"user": "ana"})
    return str(row["call"])


@pytest.mark.parametrize(
    ("decision", "ended"), [("approve", "done"), ("deny", "denied")], ids=["yes", "no"]
)
def test_a_person_decides_once(desk: Project, decision: str, ended: str) -> None:
    with desk.talk() as talk:
        talk.until("agent.said")
        talk.type("Please reset the password of user ana.")
        talk.until("call.review")
        talk.until("agent.said", text="One moment, please. A person has to approve it first.")
        call = waiting(desk)
        done = desk.command("approvals", decision, call, "--by", "kim")
        assert (done.returncode, "by kim" in done.stdout) == (0, True), done.stderr
        talk.until("session.ended", reason=ended)
        again = desk.command("approvals", "approve", call)
        assert (again.returncode, "does not wait any more" in again.stderr) == (2, True)
        assert talk.finish() == 0
    assert bool(talk.named("call.done", tool="reset")) == (decision == "approve")
