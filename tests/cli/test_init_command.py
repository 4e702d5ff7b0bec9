"""`orchestrator init`: what it lays down works as it stands."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator.mcp_host.lock import parse_lock
from tests.interaction.project import PATIENCE, Project

SHELL = f'#!/bin/sh\nexec {sys.executable} -m orchestrator "$@"\n'


class Workshop(Project):
    """The project of somebody who typed `orchestrator init workshop` elsewhere."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        program = directory / "bin/orchestrator"
        program.parent.mkdir()
        program.write_text(SHELL)
        program.chmod(0o755)
        self.environ["PATH"] = f"{program.parent}:{self.environ['PATH']}"
        told = self.command("init", "workshop")
        assert told.returncode == 0, told.stderr
        self.told, self.directory = told.stdout, directory / "workshop"

    @property
    def flow(self) -> Path:
        return self.directory / "flows/workshop.flow.yaml"


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    project = Workshop(tmp_path)
    yield project
    project.gone(20)


def test_it_says_what_it_laid_down(workshop: Workshop) -> None:
    files = {path for path in workshop.directory.rglob("*") if path.is_file()}
    *shown, after = workshop.told.splitlines()
    assert {workshop.directory.parent / line.strip() for line in shown} == files
    assert after.startswith("next: cd workshop")
    assert not any("%{" in file.read_text() or "NAME" in file.name for file in files)


def test_its_flow_has_no_problem(workshop: Workshop) -> None:
    checked = workshop.command("check", "flows")
    assert (checked.returncode, checked.stdout) == (0, "1 flow, no problems\n")


def make(workshop: Workshop, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in workshop.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=workshop.directory,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_its_tests_pass(workshop: Workshop) -> None:
    made = make(workshop, "test")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "\n4 passed, 0 failed\n" in made.stdout


@pytest.mark.parametrize(("status", "failed"), [(0, False), (3, False), (1, True)])
def test_a_caller_who_hangs_up_is_no_error_of_make(
    workshop: Workshop, status: int, failed: bool
) -> None:
    command = workshop.directory / "command"
    command.write_text(f"#!/bin/sh\nexit {status}\n")
    command.chmod(0o755)
    made = make(workshop, "run", "ORCHESTRATOR=./command")
    assert (made.returncode != 0, "Error" in made.stderr) == (failed, failed)


def test_its_compose_file_has_the_processes_of_a_conversation(workshop: Workshop) -> None:
    compose = yaml.safe_load((workshop.directory / "docker-compose.yml").read_text())
    assert list(compose["services"]) == ["redis", "worker", "mcp-host", "run"]
    flow = compose["services"]["run"]["command"][1]
    assert (workshop.directory / flow).is_file()


@pytest.mark.processes
def test_its_lock_is_what_its_server_says(workshop: Workshop) -> None:
    lock = workshop.directory / "mcp.lock.json"
    before = lock.read_text()
    assert list(parse_lock(before, lock.name)[1]) == []
    [row] = json.loads(workshop.command("mcp", "list", "--connect", "--json").stdout)
    assert (row["status"], row["changes"]) == ("up", {})
    assert workshop.command("mcp", "pin").returncode == 0
    assert lock.read_text() == before


@pytest.mark.processes
def test_its_agent_asks_the_server_and_notes_a_callback_after_a_yes(workshop: Workshop) -> None:
    told = workshop.say(
        "When are you open?",
        "Please call me back.",
        "I am Ada, at +33 6 12 34 56 78.",
        "Yes, please.",
    )
    assert (told.status, told.ended) == (0, "completed"), told.errors
    assert told.path == ["welcome", "details", "confirm", "bye"]
    assert [call["tool"] for call in told.named("call.done")] == [
        "workshop.opening_hours",
        "request_callback",
    ]
    assert (workshop.directory / ".orchestrator/callbacks.sqlite3").exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Shop", "words of small letters"),
        ("my-shop", "words of small letters"),
        ("shop_", "words of small letters"),
        ("../shop", "words of small letters"),
        ("s" * 33, "at most 32"),
        ("json", "is a module of Python"),
        ("mcp", "is a module of Python"),
    ],
)
def test_a_name_that_cannot_be_used_everywhere_is_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    project = Project(tmp_path)
    before = {*tmp_path.rglob("*")}
    told = project.command("init", name)
    assert told.returncode == 2
    assert told.stderr.startswith(f"error: '{name}' ")
    assert why in told.stderr
    assert {*tmp_path.rglob("*")} == before


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "workshop").mkdir()
    (tmp_path / "workshop/mine").touch()
    told = project.command("init", "workshop")
    assert told.returncode == 2
    assert told.stderr == "error: workshop is there already, and not empty; choose another name\n"
    assert [*(tmp_path / "workshop").iterdir()] == [tmp_path / "workshop/mine"]


def test_an_empty_directory_is_used(tmp_path: Path) -> None:
    (tmp_path / "workshop").mkdir()
    assert Workshop(tmp_path).flow.is_file()
