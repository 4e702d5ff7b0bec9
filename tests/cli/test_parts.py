"""A part of a run that ends again and again, as a process of its own."""

from functools import partial
from pathlib import Path

import pytest

from orchestrator.cli.parts import ENDS, keep
from orchestrator.launch import part

pytestmark = pytest.mark.processes

READY = "import sys\nprint('{}', flush=True)\n"


class Run:
    """A part that does what `script` says, and what is told of it."""

    def __init__(self, directory: Path, script: str) -> None:
        (directory / "brief.py").write_text(script)
        self.log = directory / "logs/brief.log"
        self.start = partial(part, "brief", ["brief"], directory / "logs", directory=directory)
        self.told = list[str]()
        self.ups = 0

    def up(self) -> None:
        self.ups += 1


async def test_a_part_that_ends_as_soon_as_it_is_up_is_not_started_for_ever(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path, f"{READY}sys.exit(3)\n")
    await keep(run.start, run.told.append, run.up)
    ended = f"the brief has ended (exit code 3), see {run.log}; "
    again = [f"{ended}it is started again"] * (ENDS - 1)
    assert run.told == [*again, f"{ended}{ENDS} times in a row: not again"]


async def test_a_part_that_does_not_come_up_is_not_started_again(tmp_path: Path) -> None:
    run = Run(tmp_path, "import sys\nsys.exit('error: nothing to do')\n")
    await keep(run.start, run.told.append, run.up)
    assert run.told == ["the brief did not start: nothing to do"]
    assert run.ups == 1


async def test_nor_one_that_came_up_before_and_cannot_any_more(tmp_path: Path) -> None:
    once = "from pathlib import Path\nPath('once').touch(exist_ok=False)\n"
    run = Run(tmp_path, f"{once}{READY}")
    await keep(run.start, run.told.append, run.up)
    ended, told = run.told
    assert ended == f"the brief has ended (exit code 0), see {run.log}; it is started again"
    assert told.startswith("the brief did not start: FileExistsError")
