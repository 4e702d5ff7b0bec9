"""`python -m orchestrator.emulator`: ready when it says so, gone when its parent is."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "orchestrator.emulator")


@contextmanager
def started(*arguments: str) -> Generator[subprocess.Popen[str], None, None]:
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *arguments], stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


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
        assert process.wait(10) == 0


def test_it_ends_on_sigterm(script: str) -> None:
    with started("--script", script) as process:
        ready(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


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
        [*COMMAND, "--script", str(path)], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 1
    assert complaint in ended.stderr and "Traceback" not in ended.stderr
