"""`python -m orchestrator.emulator`: ready when it says so, gone when its parent is."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.processes import running

COMMAND = (sys.executable, "-m", "orchestrator.emulator")


@contextmanager
def started(*arguments: str) -> Generator[subprocess.Popen[str], None, None]:
    pipe = subprocess.PIPE
    with running([*COMMAND, *arguments], stdin=pipe, stdout=pipe) as process:
        yield process


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.json"
    path.write_text('[[{"say": "Hello."}]]')
    return str(path)


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    url: str = json.loads(process.stdout.readline())["url"]
    return url


def test_it_says_where_it_listens(script: str) -> None:
    with started("--script", script) as process:
        assert ready(process).startswith("ws://127.0.0.1:")
        assert process.poll() is None


def test_it_ends_when_its_standard_input_does(script: str) -> None:
    with started("--script", script) as process:
        ready(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0


def test_it_does_not_outlive_a_parent_that_is_killed(script: str) -> None:
    parent = (
        "import subprocess, sys\nsubprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\ninput()\n"
    )
    command = [sys.executable, "-c", parent, *COMMAND, "--script", script]
    pipe = subprocess.PIPE
    with running(command, stdin=pipe, stdout=pipe) as process:
        ready(process)
        process.kill()
        assert process.stdout
        assert process.stdout.read() == "", "the emulator held this pipe open, and is gone"


def test_without_a_script_it_answers_by_rules() -> None:
    with started() as process:
        url = ready(process)
        headers = {"Authorization": "Bearer any"}
        with connect(f"{url}?model=gpt-realtime-2.1", additional_headers=headers) as socket:
            response = {"instructions": "# Say exactly\nGood evening.\n"}
            socket.send(json.dumps({"type": "response.create", "response": response}))
            events = [json.loads(socket.recv())]
            while events[-1]["type"] != "response.done":
                events.append(json.loads(socket.recv()))
    (said,) = events[-1]["response"]["output"]
    assert said["content"] == [{"type": "output_audio", "transcript": "Good evening."}]


def test_it_ends_on_sigterm(script: str) -> None:
    with started("--script", script) as process:
        ready(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("content", "complaint"), [("{}", "must be an array"), (None, "No such file")]
)
def test_a_script_that_cannot_be_used_is_told_without_a_traceback(
    tmp_path: Path, content: str | None, complaint: str
) -> None:
    path = tmp_path / "script.json"
    if content is not None:
        path.write_text(content)
    ended = subprocess.run(
        [*COMMAND, "--script", str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert complaint in ended.stderr and "Traceback" not in ended.stderr
