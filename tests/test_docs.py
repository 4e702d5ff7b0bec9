"""The pages agree with the code and with each other."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from orchestrator import projection
from orchestrator.flow import commands, events
from orchestrator.worker.serve import GRACE

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EVENTS = (ROOT / "docs/events.md").read_text()
TEMPLATES = "orchestrator/templates"
DEPLOY = (ROOT / "docs/deploy.md").read_text()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = page[page.index(f"\n## {heading}") :]
    lines = re.findall(r"^\|.*\|$", below[: below.find("\n\n## ", 1)], re.M)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def words(cell: str) -> list[str]:
    return [word for code in re.findall(r"`([^`]+)`", cell) for word in code.split()]


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_and_json_can_be_read(page: Path) -> None:
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.M | re.S):
        if language == "python":
            compile(text, name(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if language == "json":
            json.loads(text)


def test_every_event_stands_in_its_table_with_its_fields() -> None:
    types: Mapping[str, Any] = vars(events)["_TYPES"]
    coded = {key: [f.name for f in fields(each) if f.name != "at"] for key, each in types.items()}
    assert {words(row[0])[0]: words(row[1]) for row in rows(EVENTS, "Events")} == coded


def test_every_command_stands_in_its_table_with_its_fields() -> None:
    coded = {each.__name__: [f.name for f in fields(each)] for each in get_args(commands.Command)}
    assert {words(row[0])[0]: words(row[1]) for row in rows(EVENTS, "Commands")} == coded


def test_every_record_that_is_printed_stands_in_its_table() -> None:
    shown = [
        word for row in rows(EVENTS, "What `orchestrator run --json`") for word in words(row[0])
    ]
    assert sorted(shown) == sorted({*reported(), *projected()})


def reported() -> Iterator[str]:
    """Names that the engine gives to its reports. (The compiler's are codes, in capitals.)"""
    for path in (ROOT / "orchestrator/flow").glob("*.py"):
        yield from re.findall(r"\b(?:m|self)\.report\(\s*\"([a-z.]+)\"", path.read_text())


def projected() -> Iterator[str]:
    """Names that events and other commands have in the projection."""
    tree = ast.parse(Path(projection.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            first = node.value.elts[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)


@pytest.mark.parametrize("file", ["docker-compose.yml", f"{TEMPLATES}/docker-compose.yml.template"])
@pytest.mark.parametrize("name", ["worker", "mcp-host"])
def test_composed_services_can_be_scaled_and_may_drain(file: str, name: str) -> None:
    composed = yaml.safe_load((ROOT / file).read_text().replace("%{name}", "desk"))
    service = composed["services"][name]
    assert not {"container_name", "hostname", "ports"} & service.keys()
    assert float(service["stop_grace_period"].removesuffix("s")) > GRACE


def test_the_environment_is_described_whole() -> None:
    code = "".join(path.read_text() for path in (ROOT / "orchestrator").rglob("*.py"))
    code += (ROOT / "workers/_store.py").read_text()
    read = set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", code))
    assert {word for row in rows(DEPLOY, "Environment") for word in words(row[0])} == read
