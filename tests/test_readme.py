"""Whatever the README shows is what happens: its files are written, its commands are run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.cli.main import COMMANDS, EXIT_CODES
from orchestrator.flow.compile import check
from orchestrator.mcp_host.lock import read_lock
from tests.interaction.project import PATIENCE, Project
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MCP_PAGE = (ROOT / "docs/mcp.md").read_text()
FENCE = re.compile(
    r"(?:`(?P<file>[\w/.]+)`:\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
SHELL = f'#!/bin/sh\nexec {sys.executable} -m orchestrator "$@"\n'

# What differs from one conversation to the next.
VARYING = {
    r"\d{4}-\d\d-\d\d": "2026-11-28",
    r"\b[A-Z]\w+day \d+ [A-Z]\w+": "Saturday 28 November",
    r"after [\d.]+ s": "after 0.1 s",
    r'"(at|seconds)":[\d.]+': r'"\1":0.1',
    r'"call_\w+"': '"call_1"',
    r"Session: \w+": "Session: s1",
    r'("ref": "|booking_ref = )[A-Z]{2}\d\d': r"\1AB12",
    r"reference is [A-Z] [A-Z] \d \d": "reference is A B 1 2",
    r"Valkey [\d.]+": "Valkey 9.1.2",
}


# How each would stand in the README's flow: what it would be written instead of.
class Block(NamedTuple):
    language: str
    text: str
    file: str | None


class Command(NamedTuple):
    line: str
    shown: str


def blocks(page: str, language: str) -> list[Block]:
    """The fenced blocks of a language; `file` is the name that stands right before one."""
    found = [Block(m["language"], m["text"], m["file"]) for m in FENCE.finditer(page)]
    return [block for block in found if block.language == language]


def commands(page: str) -> Iterator[Command]:
    """What is typed after each `$ `, with its here-document, and what is shown to follow."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            typed = re.match(r".*<<'END'\n(?:.*\n)*?END\n|.*\n", part)
            assert typed
            yield Command(typed[0], part[typed.end() :])


def alike(text: str) -> list[str]:
    for pattern, instead in VARYING.items():
        text = re.sub(pattern, instead, text)
    return text.splitlines()


class Reader(Project):
    """Somebody who has the repository's files, and does what a page says."""

    def __init__(self, directory: Path, page: str) -> None:
        super().__init__(directory)
        for language in ("yaml", "python"):
            for block in blocks(page, language):
                if block.file:
                    (directory / block.file).write_text(block.text)
        self._set_up()
        path = f"{directory / '.venv/bin'}:{os.environ['PATH']}"
        kept = {k: v for k, v in self.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        self.environ = {**kept, "PATH": path}

    def _set_up(self) -> None:
        """As `make` leaves it, with the command of the tests' own environment."""
        shutil.copytree(ROOT / "requirements", self.directory / "requirements")
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, self.directory / name)
        program = self.directory / ".venv/bin/orchestrator"
        program.parent.mkdir(parents=True)
        program.write_text(SHELL)
        program.chmod(0o755)
        (self.directory / ".venv/.run").touch()

    def types(self, line: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.directory,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def runs(self, line: str, **environ: str) -> Generator[subprocess.Popen[str]]:
        """A command that stays, once it has said that it is ready; SIGTERM ends it well."""
        with subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=self.directory,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout
                assert process.stdout.readline().startswith("serving ")
                yield process
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path, README)
    yield made
    made.gone(20)


@pytest.fixture
def attended(reader: Reader) -> Iterator[Reader]:
    """Where a worker and an MCP host are at work already, and callers are not told to wait after
    a second: on a busy machine they would be, and what is shown would differ."""
    reader.time_for("check_availability", "create_booking", "menu", limit="100s")
    reader.edit_flow(("filler: {after: 1s", "filler: {after: 100s"))
    with reader.runs("orchestrator worker"), reader.runs("orchestrator mcp-host"):
        yield reader


def test_flows_have_no_problem() -> None:
    shown = [block for block in blocks(README, "yaml") if block.text.startswith("dsl:")]
    assert shown
    for block in shown:
        assert check(block.text, str(block.file)) == ()


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_commands_print_what_is_shown(attended: Reader) -> None:
    shown = list(commands(README))
    assert len(shown) == 3
    for command in shown:
        ended = attended.types(command.line)
        assert alike(ended.stdout) == alike(command.shown), ended.stderr


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_a_worker_and_a_host_of_their_own_serve_a_conversation(
    reader: Reader, own_redis: RedisServer
) -> None:
    [block] = [b for b in blocks(README, "sh") if "REDIS_URL" in b.text]
    exported, worker, host, run = (line.partition("#")[0] for line in block.text.splitlines())
    assert exported.startswith("export REDIS_URL=redis://")
    [call] = [each for each in commands(README) if each.line.startswith("make run")]
    here = call.line.removeprefix("make run")
    with ExitStack() as stack:
        for line in (worker, host):
            stack.enter_context(reader.runs(line, REDIS_URL=own_redis.url))
        ended = reader.types(run + here, REDIS_URL=own_redis.url)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith("■ completed\n")
    logs = {path.name for path in (reader.directory / ".orchestrator/logs").iterdir()}
    assert not {"worker.log", "mcp-host.log"} & logs


def test_targets_of_make_exist() -> None:
    rules = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    named = re.findall(r"^(?:\$ )?make ([a-z]+)", README, re.M)
    assert {"run", "test"} <= set(named) <= set(rules)


def test_commands_options_and_exit_codes_are_those_of_the_program(reader: Reader) -> None:
    rows = re.findall(r"^\| `orchestrator ([a-z-]+)[^|]*\|(.*)\|$", README, re.M)
    assert sorted(name for name, _ in rows) == sorted(COMMANDS)
    for name, about in rows:
        options = set(re.findall(r"`(--[a-z-]+)`", about))
        if options:
            told = reader.command(name, "--help").stdout
            offered = set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", told, re.M))
            assert options == offered - {"--help"}
    [listed] = re.findall(r"^Exit codes: (.*?)\n\n", README, re.M | re.S)
    assert re.findall(r"\b\d+\b", listed) == re.findall(r"^ +(\d+)", EXIT_CODES, re.M)


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_the_page_on_mcp_adds_a_server_to_the_flow_of_the_readme(tmp_path: Path) -> None:
    reader = Reader(tmp_path, README + MCP_PAGE)
    written = MCP_PAGE[MCP_PAGE.index("## Write one") :]
    for command in commands(written):
        assert alike(reader.types(command.line).stdout) == alike(command.shown)
    addition, step = blocks(written, "yaml")
    flow = (tmp_path / "flows/parcel.flow.yaml").read_text() + addition.text
    lock = read_lock(tmp_path / "mcp.lock.json").definitions()
    assert check(flow, "parcel", lock) == ()
    told = check(flow.replace("states:\n", step.text, 1), "parcel", lock)
    assert [problem.code for problem in told] == ["G002"], "no way leads to the state yet"
    reader.gone(20)


def registry() -> Mapping[str, object]:
    [shown] = blocks(MCP_PAGE, "json")
    loaded: Mapping[str, object] = json.loads(shown.text)
    return loaded


def test_the_registry_on_the_page_on_mcp_is_one(reader: Reader) -> None:
    (reader.directory / ".mcp.json").write_text(json.dumps(registry()))
    ended = reader.command("mcp", "list", DESK_TOKEN="t")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "desk  http  https://desk.example/mcp" in ended.stdout
