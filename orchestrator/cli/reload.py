"""`orchestrator worker --reload`: the worker as a process beside us, started again on change.

A process of its own, because only a new interpreter forgets what the old modules have done.
A worker that could not start is started again when somebody has mended a file.
"""

import logging
import os
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import TypeAlias

import anyio
from anyio.abc import Process

from orchestrator.cli.flows import stamp
from orchestrator.worker.process import told

__all__ = ["python_files", "run_reloading"]

log = logging.getLogger(__name__)

PAUSE = 0.3
"""Seconds between two looks at the files."""
PASSED_OVER = ("node_modules", "__pycache__")

Stamps: TypeAlias = Mapping[Path, object]


async def run_reloading(
    arguments: Sequence[str],
    modules: Sequence[str],
    project: Path,
    environ: Mapping[str, str],
    *,
    lifeline: bool = False,
) -> None:
    """Run `orchestrator worker ARGUMENTS` until told to stop, anew whenever a file changes."""
    stopped = anyio.Event()
    async with told(stopped.set, lifeline):
        while not stopped.is_set():
            before = _stamps(modules, project)
            async with _worker(arguments, environ) as worker, anyio.create_task_group() as beside:
                beside.start_soon(_tell_end, worker)
                await _change(before, modules, project, stopped)
                beside.cancel_scope.cancel()
            if not stopped.is_set():
                log.info("files have changed: starting the worker again")


def python_files(modules: Sequence[str], project: Path) -> Iterator[Path]:
    """Every file of Python in the project, but for those of environments and hidden ones; and
    the modules that were named by their file."""
    for directory, directories, files in os.walk(project):
        directories[:] = [each for each in directories if _is_watched(Path(directory) / each)]
        yield from (Path(directory) / file for file in files if file.endswith(".py"))
    yield from (Path(module) for module in modules if module.endswith(".py"))


def _is_watched(directory: Path) -> bool:
    hidden = directory.name.startswith(".") or directory.name in PASSED_OVER
    return not hidden and not (directory / "pyvenv.cfg").exists()


def _stamps(modules: Sequence[str], project: Path) -> Stamps:
    return {file: stamp(file) for file in python_files(modules, project)}


async def _change(
    before: Stamps, modules: Sequence[str], project: Path, stopped: anyio.Event
) -> None:
    """Wait until a file differs, or until we are told to stop."""
    while not stopped.is_set() and _stamps(modules, project) == before:
        with anyio.move_on_after(PAUSE):
            await stopped.wait()


@asynccontextmanager
async def _worker(arguments: Sequence[str], environ: Mapping[str, str]) -> AsyncGenerator[Process]:
    """A worker that is told to stop in the end, and finishes what it does; it dies with us."""
    process = await anyio.open_process(
        [sys.executable, "-m", "orchestrator", "worker", *arguments, "--lifeline"],
        stdin=PIPE,
        stdout=None,
        stderr=None,
        env=environ,
        start_new_session=True,  # a Ctrl-C on the terminal is for us, not for it
    )
    try:
        yield process
        if process.returncode is None:
            process.terminate()
        await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()


async def _tell_end(worker: Process) -> None:
    status = await worker.wait()
    log.warning("the worker has ended (exit code %s): waiting for a file to change", status)
