"""Loads files of handlers, and says what is wrong with them in one line each."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from orchestrator.errors import UsageError

__all__ = ["load"]


def load(names: Sequence[str], project: Path) -> list[ModuleType]:
    """The modules of these names: files (`workers/booking.py`) or dotted names.

    Without names, every file in the project's `workers/` but those that start with `_`.
    Modules can import others of the project. Raises `UsageError` with every problem.
    """
    project = project.resolve()
    names = names or _workers(project)
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
    modules: list[ModuleType] = []
    problems: list[str] = []
    for name in names:
        try:
            modules.append(_load(name, project))
        except UsageError as problem:
            problems.append(str(problem))
    if problems:
        raise UsageError("\n".join(problems))
    return modules


def _workers(project: Path) -> list[str]:
    directory = project / "workers"
    files = sorted(directory.glob("[!_]*.py"))
    if not files:
        lack = f"no *.py in {directory}" if directory.is_dir() else f"no directory {directory}"
        advice = "write them there, or name their file: orchestrator worker FILE"
        raise UsageError(f"no handlers: there is {lack}; {advice}")
    return [str(file) for file in files]


def _load(name: str, project: Path) -> ModuleType:
    """Raises `UsageError` for whatever the code of the module raises."""
    try:
        return _from_file(Path(name), project) if _is_file(name) else importlib.import_module(name)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        # A module may raise anything while it is imported, and only its author can mend it.
        raise UsageError(_explain(error, name, project)) from error


def _is_file(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _from_file(file: Path, project: Path) -> ModuleType:
    """Import exactly this file, whatever else is called `workers` on the path."""
    file = file.resolve()
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    inside = file.relative_to(project) if file.is_relative_to(project) else Path(file.name)
    name = ".".join(inside.with_suffix("").parts)
    if (loaded := sys.modules.get(name)) and loaded.__file__ == str(file):
        return loaded
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file}: not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _explain(error: BaseException, name: str, project: Path) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(error.name):
        return f"{name}: there is no such module, nor below {project}"
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(project)]
    last = [frame for frame in own if frame.filename != __file__][-1:] or frames[-1:]
    return f"{last[0].filename}:{last[0].lineno}: {type(error).__name__}: {error}"
