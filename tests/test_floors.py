"""Who may import whom: the floors of docs/architecture.md, read from the imports themselves."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "orchestrator"
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))

PURE = ("flow", "realtime.protocol", "realtime.objects", "realtime.native", "realtime.settings",
        "realtime.translate", "realtime.sequencer", "realtime.questions", "realtime.ends",
        "dispatch.call", "dispatch.keys", "interfaces",
        "errors", "projection", "disguise", "placeholders", "mcp_host.positions",
        "testing")  # fmt: skip
TESTING_SEES = ("testing", "flow", "dispatch.call", "errors", "projection")
DRIVERS = ("session", "recollection", "worker", "mcp_host")
EMULATOR_SEES = ("realtime.protocol", "realtime.objects", "dispatch.call", "errors", "emulator")

PURE_MAY_IMPORT = {
    *("abc", "ast", "base64", "collections", "contextlib", "dataclasses", "datetime", "difflib"),
    *("enum", "functools", "hashlib", "inspect", "itertools", "json", "keyword", "math"),
    *("operator", "posixpath", "re", "string", "types", "typing", "typing_extensions"),
    "unicodedata",
    "graphlib",
    *(
        "importlib",
        "warnings",
        "zlib",
        "weakref",
        "zoneinfo",
        "bisect",
        "calendar",
        "heapq",
        "decimal",
        "textwrap",
    ),
    *("pydantic", "pydantic_core", "annotated_types", "yaml", "orchestrator"),
}
DOORS = {
    "redis": ("link", "server", "cluster", "addresses"),
    "hiredis": ("link", "wire"),
    "websockets": ("realtime.connection", "emulator.server"),
    "mcp": ("mcp_host", "emulator.native"),
    "mcp_types": ("mcp_host",),
    "httpx2": ("mcp_host", "emulator.native"),
    "click": ("cli",),
    "yaml": ("flow.loader",),
}


def name_of(path: Path) -> str:
    """`flow.engine` for orchestrator/flow/engine.py; packages go by their own name."""
    parts = path.with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module that is imported anywhere in the file, those of ours with their full name."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(name: str, *roots: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def ours(path: Path) -> list[str]:
    names = (name for name in imports(path) if name.startswith("orchestrator."))
    return [name.removeprefix("orchestrator.") for name in names]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_its_floor_allows(path: Path) -> None:
    name = name_of(path)
    if under(name, *PURE):
        for imported in imports(path):
            assert imported.partition(".")[0] in PURE_MAY_IMPORT, imported
    if under(name, "flow"):
        assert all(under(other, "flow", "dispatch.call", "errors") for other in ours(path))
    if under(name, "testing"):
        assert all(under(other, *TESTING_SEES) for other in ours(path))
    if under(name, "emulator"):
        assert all(under(other, *EMULATOR_SEES) for other in ours(path) if other != "realtime")
    if not under(name, "cli", "__main__"):
        assert not any(under(other, "cli") for other in ours(path))
    if name and not under(name, "cli", "__main__", *DRIVERS):
        assert not any(under(other, *DRIVERS) for other in ours(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_an_io_library_has_few_doors(path: Path) -> None:
    for imported in imports(path):
        doors = DOORS.get(imported.partition(".")[0])
        assert doors is None or under(name_of(path), *doors), imported


@pytest.mark.parametrize("folder", ["workers", "mcp_servers"])
def test_an_authors_code_uses_public_names_only(folder: str) -> None:
    for path in sorted((ROOT / folder).glob("*.py")):
        for imported in imports(path.relative_to(ROOT)):
            assert not imported.startswith("orchestrator.") or imported.count(".") == 1, imported


def test_the_engine_imports_where_only_pydantic_and_pyyaml_are() -> None:
    """Everything else is blocked in a fresh interpreter, Redis and sockets first of all."""
    block = (
        "import sys\n"
        "for name in ('redis', 'mcp', 'anyio', 'websockets', 'click', 'asyncio'):\n"
        "    sys.modules[name] = None\n"
        "import orchestrator.flow.engine, orchestrator.flow.compile\n"
    )
    subprocess.run([sys.executable, "-c", block], check=True, cwd=ROOT)


NEEDLESS = {
    *("anyio", "asyncio", "hiredis", "logging", "mcp", "redis"),
    *("orchestrator.flow.estimate", "orchestrator.flow.macrostep", "orchestrator.flow.snapshot"),
    *("orchestrator.mcp_host.registry", "orchestrator.worker.declare"),
}  # fmt: skip


def test_a_flow_is_checked_without_what_runs_it() -> None:
    program = (
        "import sys\n"
        "from orchestrator.cli.main import cli\n"
        "assert cli.main(['check', 'flows'], standalone_mode=False) == 0\n"
        f"needless = {NEEDLESS!r} & set(sys.modules)\n"
        "assert not needless, needless\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_of_all_models_a_check_builds_only_the_document_and_the_lock() -> None:
    """Building one costs milliseconds; a model that stands in another is built with it."""
    program = (
        "from pydantic import BaseModel\n"
        "from orchestrator.cli.main import cli\n"
        "assert cli.main(['check', 'flows'], standalone_mode=False) == 0\n"
        "def models(root):\n"
        "    for each in root.__subclasses__():\n"
        "        yield from (each, *models(each))\n"
        "built = [each for each in models(BaseModel) if each.__pydantic_complete__]\n"
        "names = {f'{each.__module__}.{each.__name__}' for each in built}\n"
        "assert names == {'orchestrator.flow.document.flow.Document',\n"
        "                 'orchestrator.mcp_host.lock._Document'}, names\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["mcp", "--help"]])
def test_help_imports_neither_mcp_nor_redis(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from orchestrator.cli.main import cli\n"
        f"cli.main({arguments!r}, standalone_mode=False)\n"
        "heavy = {'mcp', 'pocketsphinx', 'uvicorn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True)
