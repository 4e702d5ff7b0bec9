"""When a worker's process is told to stop."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from orchestrator.worker.process import told


@pytest.mark.parametrize("path", [os.devnull, "lines.txt", None])
async def test_a_lifeline_that_is_a_file_or_dev_null_or_nothing_is_at_its_end_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    (tmp_path / "lines.txt").write_text("One.\nTwo.\n")
    stopped = anyio.Event()
    with ExitStack() as stack:
        given = stack.enter_context((tmp_path / path).open()) if path else None
        monkeypatch.setattr(sys, "stdin", given)
        with anyio.fail_after(30):
            async with told(stopped.set, lifeline=True):
                await stopped.wait()
