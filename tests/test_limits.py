"""A test that waits for what does not come fails in time, says where, and harms no other."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

TESTS = """
import anyio, pytest
from tests.interaction.project import Project

@pytest.fixture
async def beside():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep_forever)
        yield
        tasks.cancel_scope.cancel()

@pytest.mark.timeout(0.2)
async def test_in_a_loop(beside):
    await anyio.Event().wait()

async def test_the_next(beside):
    pass

@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)

def test_a_command(project):
    assert project.command("check", "nowhere.yaml").returncode == 0
"""


def test_a_test_that_waits_for_ever_fails_where_it_waits_and_the_next_one_runs(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_waiting.py").write_text(TESTS)
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest"]
    command = [*pytest, "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "after 0.2 s it still waited:" in ended.stdout, ended.stdout + ended.stderr
    assert "await anyio.Event().wait()" in ended.stdout
    assert "- Said: 01 check.err -" in ended.stdout and "nowhere.yaml" in ended.stdout
    assert "2 failed, 1 passed" in ended.stdout
