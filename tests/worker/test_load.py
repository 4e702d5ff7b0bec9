import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.worker.load import load


@pytest.fixture(autouse=True)
def untouched_imports() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(project: Path, **files: str) -> None:
    (project / "workers").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (project / "workers" / f"{name}.py").write_text(text)


def problems(names: list[str], project: Path) -> list[str]:
    with pytest.raises(UsageError) as wrong:
        load(names, project)
    return str(wrong.value).splitlines()


def test_by_default_every_file_in_workers_is_loaded_but_private_ones(tmp_path: Path) -> None:
    write(tmp_path, b="", a="", _shared="raise RuntimeError")
    assert [module.__name__ for module in load([], tmp_path)] == ["workers.a", "workers.b"]


def test_files_can_import_others_of_the_project(tmp_path: Path) -> None:
    write(tmp_path, desk="from workers._shared import PRICE", _shared="PRICE = 7")
    [module] = load([], tmp_path)
    assert module.PRICE == 7


def test_a_file_outside_of_the_project_and_a_dotted_name_are_loaded(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    write(project, desk="")
    elsewhere.mkdir()
    (elsewhere / "spare.py").write_text("")
    modules = load([str(elsewhere / "spare.py"), "workers.desk"], project)
    assert [module.__name__ for module in modules] == ["spare", "workers.desk"]


def test_a_file_is_loaded_once(tmp_path: Path) -> None:
    write(tmp_path, desk="")
    file = str(tmp_path / "workers" / "desk.py")
    assert load([file], tmp_path) == load([file], tmp_path)


def test_nothing_to_load_says_where_it_looked(tmp_path: Path) -> None:
    [missing] = problems([], tmp_path)
    assert f"no directory {tmp_path / 'workers'}; " in missing
    write(tmp_path, _shared="")
    [empty] = problems([], tmp_path)
    assert f"no *.py in {tmp_path / 'workers'}; " in empty


def test_every_file_that_cannot_be_loaded_is_told_with_its_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        deep="def f():\n    return {}['x']\n\n\nf()\n",
        leaves="import sys\nsys.exit('no')\n",
        needs="\nimport a_module_that_is_nowhere\n",
        outside="import json\n\njson.loads('{')\n",
        syntax="def f(:\n",
    )
    workers = tmp_path / "workers"
    deep, leaves, needs, outside, syntax = problems([], tmp_path)
    assert deep == f"{workers}/deep.py:2: KeyError: 'x'"
    assert leaves == f"{workers}/leaves.py:2: SystemExit: no"
    assert needs.startswith(f"{workers}/needs.py:2: ModuleNotFoundError: No module named 'a_mod")
    assert outside.startswith(f"{workers}/outside.py:3: JSONDecodeError: ")
    assert syntax.startswith(f"{workers}/syntax.py:1: ")


def test_missing_files_and_modules_are_told_together(tmp_path: Path) -> None:
    file, module, below = problems(["no/such.py", "no_such_module", "no_such.module"], tmp_path)
    assert file.endswith("no/such.py: there is no such file")
    assert module.startswith("no_such_module: there is no such module")
    assert below.startswith("no_such.module: there is no such module")
