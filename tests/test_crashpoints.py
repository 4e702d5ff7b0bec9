"""Crash points in processes of their own, as drills use them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator.crashpoints import POINTS

PROGRAM = """
from orchestrator.crashpoints import crashpoint
for _ in range(3):
    crashpoint("worker.claimed")
    crashpoint("worker.after_effect")
    print("alive", flush=True)
"""


def run(at: str | None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "ORCHESTRATOR_CRASH_AT"}
    environ |= {"ORCHESTRATOR_CRASH_AT": at} if at else {}
    program = [sys.executable, "-c", PROGRAM]
    return subprocess.run(program, env=environ, text=True, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("at", "lived", "code"),
    [
        (None, 3, 0),
        ("worker.claimed", 0, -signal.SIGKILL),
        ("worker.after_effect:3", 2, -signal.SIGKILL),
        ("sweep.found", 3, 0),
    ],
)
def test_a_process_dies_at_the_point_that_its_environment_names(
    at: str | None, lived: int, code: int
) -> None:
    ended = run(at)
    assert (ended.stdout.count("alive"), ended.returncode) == (lived, code)


def test_a_point_that_there_is_not_is_refused_so_that_no_drill_tests_nothing() -> None:
    assert "no point worker.clamed" in run("worker.clamed").stderr


def test_every_point_that_is_listed_stands_in_the_code_and_the_other_way_round() -> None:
    files = Path(orchestrator.__file__).parent.rglob("*.py")
    code = "".join(path.read_text() for path in files)
    assert set(re.findall(r"\bcrashpoint\(\s*\"([a-z._]+)\"\s*\)", code)) == set(POINTS)
