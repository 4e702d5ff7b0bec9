"""A project on disk and conversations in it, through real processes."""

import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tests.processes import gone_within, processes_in

ROOT = Path(__file__).parents[2]
ORCHESTRATOR = [sys.executable, "-m", "orchestrator"]
PATIENCE = 60
LAST_WORDS = 4000
PARTS = ("emulator", "worker", "mcp-host", "menu.py", "redis_keeper", "valkey-server")

# A Wednesday, so that the restaurant is open, and far enough ahead to be no "today".
DAY = next(day for n in range(3, 10) if (day := date.today() + timedelta(days=n)).weekday() == 2)
SPOKEN_DAY = f"{DAY.day} {DAY:%B}"


class Booked(NamedTuple):
    """A line of the book; `start` counts the minutes of the day."""

    guest: str
    day: str
    start: int
    party_size: int


class Project:
    """A copy of the repository's own flow, worker and MCP server; `environ` has no key."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("flows", "workers", "mcp_servers"):
            shutil.copytree(ROOT / name, directory / name)
        shutil.copy(ROOT / "mcp.lock.json", directory)
        menu = {"command": "python", "args": ["mcp_servers/menu.py"]}
        (directory / ".mcp.json").write_text(json.dumps({"mcpServers": {"menu": menu}}))
        kept = {k: v for k, v in os.environ.items() if k not in ("OPENAI_API_KEY", "REDIS_URL")}
        self.environ = {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        self._said = directory.with_name(f"{directory.name}.said")
        self._said.mkdir()
        self._numbers = count(1)
        self._talks: list[Talk] = []

    @property
    def flow(self) -> Path:
        return self.directory / "flows/restaurant.flow.yaml"

    @property
    def bookings(self) -> Path:
        return self.directory / ".orchestrator/booking.sqlite3"

    def booked(self) -> list[Booked]:
        """What the book holds and was not given back, in the order it was written."""
        query = "SELECT guest, day, start, party_size FROM bookings WHERE NOT cancelled"
        with closing(sqlite3.connect(self.bookings)) as book:
            return [Booked(*row) for row in book.execute(f"{query} ORDER BY rowid")]

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        path = self.directory / name
        text = path.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)

    def edit_flow(self, *changes: tuple[str, str]) -> None:
        self.edit("flows/restaurant.flow.yaml", *changes)

    def time_for(self, *tools: str, limit: str) -> None:
        """How long an attempt may take, of these tools or of those of an MCP server."""
        text = self.flow.read_text()
        for tool in tools:
            head, rest = text.split(f"\n  {tool}:\n", 1)
            own = re.match(r"(?:    .*\n)*", rest)
            assert own, tool
            kept = re.sub(r"    timeout: .*\n", "", own[0])
            text = f"{head}\n  {tool}:\n    timeout: {limit}\n{kept}{rest[own.end() :]}"
        self.flow.write_text(text)

    def gate(self, handler: str) -> "Gate":
        """From now on this handler of the booking desk waits before it does anything."""
        path = self.directory / f"{handler}.gate"
        os.mkfifo(path)
        source = self.directory / "workers/booking.py"
        head = re.compile(rf'def {handler}\(.*?\n    """[^\n]*"""\n', re.DOTALL)
        wait = f'    open("{path}", "rb").read()\n'
        source.write_text(head.sub(lambda found: found[0] + wait, source.read_text()))
        return Gate(path)

    def process(self, *words: str) -> int:
        """The id of the one process of this project that has these words in its command."""
        [process] = [
            p for p, line in processes_in(self.directory).items() if set(words) <= set(line.split())
        ]
        return process

    def command(
        self, *arguments: str, typed: str = "", redirect: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """A command from its start to its end, with `typed` or what the shell's `redirect`
        says on its standard input."""
        stdout, stderr = self._files(arguments[0])
        with stdout.open("w") as out, stderr.open("w") as err:
            ended = subprocess.run(
                ["sh", "-c", f'exec "$0" "$@" {redirect}', *ORCHESTRATOR, *arguments],
                cwd=self.directory,
                env={**self.environ, **environ},
                input=typed,
                stdout=out,
                stderr=err,
                text=True,
                check=False,
            )
        told = stdout.read_text(), stderr.read_text()
        return subprocess.CompletedProcess(ended.args, ended.returncode, *told)

    def _files(self, command: str) -> tuple[Path, Path]:
        """Where a command's standard output and its standard error go."""
        name = f"{next(self._numbers):02} {command}"
        return self._said / f"{name}.out", self._said / f"{name}.err"

    def said(self) -> Iterator[tuple[str, str]]:
        """For a test that fails: the last words of every process, by where they stand."""
        logs = self.directory.glob(".orchestrator/logs/*")
        for path in (*sorted(self._said.iterdir()), *sorted(logs)):
            if text := path.read_text(errors="replace"):
                yield path.name, text[-LAST_WORDS:]
        for talk in self._talks:
            yield "the last events of a talk", "\n".join(map(str, talk.events[-10:]))

    def screen(self, *arguments: str, **environ: str) -> str:
        """What a command shows on a terminal."""
        ours, theirs = pty.openpty()
        with (
            subprocess.Popen(
                [*ORCHESTRATOR, *arguments],
                cwd=self.directory,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
            ),
            open(ours, "rb", buffering=0) as screen,
        ):
            os.close(theirs)
            shown = b""
            with suppress(OSError):  # how a terminal says that nobody writes to it any more
                while chunk := screen.read(65536):
                    shown += chunk
        return shown.decode()

    def parts(self) -> set[str]:
        """What is running here, by the words that tell one from another."""
        lines = " ".join(processes_in(self.directory).values())
        return {word for word in PARTS if word in lines}

    def gone(self, seconds: float) -> None:
        gone_within(self.directory, seconds)

    @contextmanager
    def part(self, *arguments: str, **environ: str) -> Generator[subprocess.Popen[str]]:
        """A part that runs by itself, from the moment that it is ready."""
        _, stderr = self._files(arguments[0])
        with stderr.open("w") as errors:
            process = subprocess.Popen(
                [*ORCHESTRATOR, *arguments, "--ready"],
                cwd=self.directory,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        with process:
            try:
                assert process.stdout
                assert process.stdout.readline(), stderr.read_text()
                yield process
            finally:
                process.terminate()

    def say(self, *turns: str, options: tuple[str, ...] = (), **environ: str) -> "Told":
        """A whole conversation, each turn given when the agent has finished."""
        words = [part for turn in turns for part in ("--say", turn)]
        flow = str(self.flow.relative_to(self.directory))
        ended = self.command("run", flow, "--json", *options, *words, **environ)
        assert "Traceback" not in ended.stderr, ended.stderr
        events = [json.loads(line) for line in ended.stdout.splitlines()]
        return Told(events, ended.returncode, ended.stderr)

    @contextmanager
    def talk(self, *options: str, **environ: str) -> Generator["Talk"]:
        """A conversation at a terminal: turns are given whenever the test likes."""
        ours, theirs = pty.openpty()
        flow = str(self.flow.relative_to(self.directory))
        _, stderr = self._files("run")
        with stderr.open("w") as errors:
            process = subprocess.Popen(
                [*ORCHESTRATOR, "run", flow, "--json", *options],
                cwd=self.directory,
                env={**self.environ, **environ},
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        os.close(theirs)
        self._talks.append(talk := Talk(process, ours, stderr))
        try:
            with process:
                try:
                    yield talk
                finally:
                    if process.poll() is None:
                        process.kill()
                    talk.read_on()
        finally:
            os.close(ours)


class Gate:
    """Where a handler waits. It is a FIFO: each side waits for the other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self) -> Generator[None]:
        """A call stands before the gate; it goes on when the block ends."""
        with self._path.open("wb"):
            yield

    def open(self) -> None:
        with self.held():
            pass


class Told:
    """What a conversation printed."""

    def __init__(self, events: list[dict[str, Any]], status: int, errors: str) -> None:
        self.events: list[dict[str, Any]] = events
        self.status = status
        self.errors = errors

    def named(self, name: str, /, **fields: Any) -> list[dict[str, Any]]:
        return [event for event in self.events if _matches(event, name, fields)]

    @property
    def session(self) -> str:
        return str(self.events[0]["session"])

    @property
    def path(self) -> list[str]:
        return [event["state"] for event in self.named("state.entered")]

    @property
    def said(self) -> str:
        return "\n".join(event["text"] for event in self.named("agent.said"))

    @property
    def ended(self) -> str:
        """The reason; calls that were kept may come to something afterwards."""
        return "".join(event["reason"] for event in self.named("session.ended"))

    @property
    def values(self) -> dict[str, Any]:
        return {event["name"]: event["value"] for event in self.named("value.set")}


class Talk(Told):
    """A conversation under way."""

    def __init__(self, process: subprocess.Popen[str], terminal: int, stderr: Path) -> None:
        super().__init__([], 0, "")
        self.process = process
        self._terminal = terminal
        self._stderr = stderr

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode() + b"\n")

    def take_turns(self, *turns: str) -> None:
        """Say these, each when the agent has asked for something."""
        for text in turns:
            self.asked()
            self.type(text)

    def asked(self) -> None:
        """Read on to the end of the agent's next question: on a slow machine it says "Let me look
        at the book." in between, which is nobody's turn."""
        while not (said := self.until("agent.said"))["text"].endswith("?"):
            pass
        if said["by"] == "model":
            self.until("answer.ended")

    def hang_up(self) -> None:
        os.write(self._terminal, b"\x04")

    def until(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """The next event of that name, read on from where the last one was."""
        assert self.process.stdout
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if _matches(event, name, fields):
                return dict(event)
        raise AssertionError(f"it ended without {name} {fields}")

    def read_on(self) -> None:
        """To the end."""
        assert self.process.stdout
        for line in self.process.stdout:
            with suppress(ValueError):  # cut off, where the process was killed
                self.events.append(json.loads(line))

    def finish(self) -> int:
        """Read to the end; the exit code."""
        self.read_on()
        status = self.process.wait()
        self.errors = self._stderr.read_text()
        return status

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)


def _matches(event: Mapping[str, Any], name: str, fields: Mapping[str, Any]) -> bool:
    return event["event"] == name and all(event.get(k) == v for k, v in fields.items())
