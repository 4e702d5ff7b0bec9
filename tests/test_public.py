import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import orchestrator

# One class per message of the Realtime service: all of them are what these offer.
WIRE = {"orchestrator.realtime.objects", "orchestrator.realtime.protocol"}


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert orchestrator.__version__ == project["version"]


def test_the_public_names_load_nothing_heavy() -> None:
    code = "import sys, orchestrator; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"anyio", "asyncio", "mcp", "pydantic", "redis", "yaml"} & set(ran.stdout.split())


def test_the_public_names_are_those_that_the_readme_names() -> None:
    readme = Path("README.md").read_text()
    [sentence] = re.findall(r"^(.*) are all that a file of handlers imports", readme, re.M)
    for_handlers = re.findall("`(.*?)`", sentence)
    [sentence] = re.findall(r"^(.*) are for other programs", readme, re.M)
    for_programs = re.findall("`(.*?)`", sentence)
    names = ["__version__", *for_handlers, *for_programs]
    assert sorted(orchestrator.__all__) == sorted(names)
    assert all(hasattr(orchestrator, name) for name in names)


def test_the_public_names_are_listed_before_they_are_loaded() -> None:
    code = "import orchestrator; print(*sorted(set(orchestrator.__all__) - set(dir(orchestrator))))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"


def test_a_name_that_there_is_not_is_none() -> None:
    assert not hasattr(orchestrator, "Manager")


def modules() -> list[str]:
    """Every module that holds code; a package is its docstring, a `__main__` runs."""
    found = pkgutil.walk_packages(orchestrator.__path__, "orchestrator.")
    return [each.name for each in found if not each.ispkg and not each.name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_every_module_names_what_it_offers(name: str) -> None:
    module = importlib.import_module(name)
    if name in WIRE:
        assert not hasattr(module, "__all__")
        return
    offered: list[str] = module.__all__
    assert offered == list(dict.fromkeys(offered))
    assert [each for each in offered if not hasattr(module, each)] == []
