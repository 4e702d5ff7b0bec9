"""What the page on handlers shows: its files are written, tested as it says, and served."""

import json
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path

import anyio
import pytest

from orchestrator import Client, Outcome
from orchestrator.cli.worker import command
from orchestrator.worker.handlers import Handlers
from orchestrator.worker.load import load
from tests.interaction.project import PATIENCE, Project
from tests.processes import signs
from tests.redis_server import RedisServer
from tests.test_docs import rows, words
from tests.test_readme import blocks

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/workers.md").read_text()


@pytest.fixture
def project(tmp_path: Path, own_redis: RedisServer) -> Generator[Project]:
    """A project with the page's files and no others in `workers/`."""
    made = Project(tmp_path)
    made.environ["REDIS_URL"] = own_redis.url
    for file in (tmp_path / "workers").iterdir():
        if file.is_file():
            file.unlink()
    for block in blocks(PAGE, "python"):
        assert block.file
        (tmp_path / block.file).write_text(block.text)
    yield made
    made.gone(20)


def test_the_tests_that_it_shows_pass(project: Project) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_handlers.py"],
        cwd=project.directory,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert "5 passed" in ended.stdout


async def test_what_it_shows_is_served(project: Project) -> None:
    party = {"guest": "Ana", "size": 4}
    with project.part("worker"):
        async with Client.connect(project.environ["REDIS_URL"]) as client:
            saturday = {"day": "2026-11-28", "party": party}
            found = await client.call("desk", "find_table", saturday, timeout=20)
            assert found == Outcome("worker", {"number": 4, "terrace": False})
            crowd = {"day": "2026-11-28", "party": {**party, "size": 13}}
            refused = await client.call("desk", "find_table", crowd, timeout=20)
            assert refused.error and refused.error.code == "refused"
            august = {"day": "2026-08-01", "party": party}
            later = await client.call("desk", "find_table", august, timeout=20)
            assert later.error and (later.error.code, later.error.after) == ("unavailable", 2)
            nobody = {"day": "2026-11-28", "party": {**party, "size": 0}}
            invalid = await client.call("desk", "find_table", nobody, timeout=20)
            assert invalid.error and invalid.error.code == "invalid"


async def test_an_order_that_runs_twice_is_placed_once(project: Project) -> None:
    """Under one key, in two calls of which neither knows what the other came to."""
    with project.part("worker"):
        async with Client.connect(project.environ["REDIS_URL"]) as client:
            numbers: list[object] = []

            async def place() -> None:
                outcome = await client.call(
                    "orders", "place_order", {"item": "tea"}, key="k", timeout=20
                )
                numbers.append(outcome.result)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(place)
                tasks.start_soon(place)
    assert numbers == [1, 1]


async def test_what_is_shielded_is_done_although_the_call_is_withdrawn(project: Project) -> None:
    source = project.directory / "workers/payments.py"
    marked = source.read_text().replace(
        "    paid.append(amount)\n", '    paid.append(amount)\n    open("paid", "w").close()\n'
    )
    slow = 'open("begun", "w").close()\n    await anyio.sleep(0.5)'
    source.write_text(marked.replace("await anyio.sleep(0.05)", slow))
    with signs(project.directory, "begun", "paid") as [begun, paid], project.part("worker"):
        async with Client.connect(project.environ["REDIS_URL"]) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(client.call, "payments", "pay", {"amount": 5}, timeout=20))
                await begun.given()
                tasks.cancel_scope.cancel()
            await paid.given()


def test_its_handlers_have_the_names_that_it_says(project: Project) -> None:
    handlers = Handlers.of(*load([], project.directory))
    assert handlers.queues["desk"] == ["find_table"]
    assert json.dumps([each.schema for each in handlers.all])


def test_it_describes_every_option() -> None:
    described = {words(row[0])[0] for row in rows(PAGE, "Run")}
    offered = {name for each in command.params for name in each.opts if name.startswith("--")}
    assert described == offered
