"""What the page on the client shows, with a worker, a Redis, and the library that it names."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Generator
from pathlib import Path

import pytest

from orchestrator import Client
from tests.interaction.project import PATIENCE, Project
from tests.redis_server import RedisServer
from tests.test_readme import blocks, commands

pytestmark = pytest.mark.processes

PAGE = (Path(__file__).parents[2] / "docs/client.md").read_text()
FREE = {"free": True, "alternatives": list[str]()}

# As the SDK does it when the model has asked for the tool.
ASK_TOOL = """
import asyncio, json, sys
sys.path.append(sys.argv[1])  # what this environment lacks: Redis's client
import agents_tool
from agents.tool_context import ToolContext

arguments = json.dumps({"day": "2026-11-28", "at": "19:30", "party_size": int(sys.argv[2])})
tool = agents_tool.check_availability
context = ToolContext(None, tool_name=tool.name, tool_call_id="c1", tool_arguments=arguments)
print(asyncio.run(tool.on_invoke_tool(context, arguments)))
"""


@pytest.fixture
def project(tmp_path: Path, own_redis: RedisServer) -> Generator[Project]:
    """A project with the page's files, and a worker at the booking desk."""
    made = Project(tmp_path)
    made.environ["REDIS_URL"] = own_redis.url
    for block in blocks(PAGE, "python"):
        assert block.file
        (tmp_path / block.file).write_text(block.text)
    with made.part("worker", "workers/booking.py"):
        yield made
    made.gone(20)


def run(project: Project, python: str, *arguments: str) -> str:
    ended = subprocess.run(
        [python, *arguments],
        cwd=project.directory,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_program_asks(project: Project) -> None:
    [command] = commands(PAGE)
    python, file = command.line.split()
    assert python == "python"
    assert run(project, sys.executable, file) == command.shown


def test_a_program_leaves_a_call_and_another_fetches_its_outcome(project: Project) -> None:
    call = run(project, sys.executable, "leave.py").strip()
    assert run(project, sys.executable, "later.py", call) == f"{FREE}\n"


async def test_another_process_asks_what_came_of_it(project: Project) -> None:
    wanted = {"day": "2026-11-28", "at": "19:30", "party_size": 4}
    async with Client.connect(project.environ["REDIS_URL"]) as client:
        await client.call("booking", "check_availability", wanted, timeout=20, id="c1")
    assert run(project, sys.executable, "later.py", "c1") == f"{FREE}\n"


def test_a_tool_of_openai_agents_is_served_by_a_worker(
    project: Project, clients_python: str
) -> None:
    ours = sysconfig.get_path("purelib")
    python = str(Path(clients_python).absolute())
    told = run(project, python, "-c", ASK_TOOL, ours, "4")
    assert json.loads(told) == FREE
    refused = json.loads(run(project, python, "-c", ASK_TOOL, ours, "0"))
    assert refused["error"] == "invalid" and refused["message"].startswith("party_size: ")
