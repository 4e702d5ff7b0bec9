import subprocess
import sys
import tomllib
from pathlib import Path

import orchestrator


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert orchestrator.__version__ == project["version"]


def test_the_public_names_load_nothing_heavy() -> None:
    code = "import sys, orchestrator; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"anyio", "asyncio", "mcp", "pydantic", "redis", "yaml"} & set(ran.stdout.split())
