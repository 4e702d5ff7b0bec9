"""How a problem of a file looks: to people, to programs, to GitHub. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

import click

from orchestrator.errors import Problem

__all__ = ["FORMATS", "summary"]

COLORS = {"error": "red", "warning": "yellow"}


def _text(problem: Problem) -> str:
    """`str(problem)` with the place and the level in colors."""
    place = click.style(f"{problem.file}:{problem.line}:{problem.column}:", bold=True)
    level = click.style(f"{problem.level} {problem.code}:", fg=COLORS[problem.level])
    hint = click.style(f" [{problem.hint}]", dim=True) if problem.hint else ""
    return f"{place} {level} {problem.message}{hint}"


def _json(problem: Problem) -> str:
    return json.dumps(asdict(problem), ensure_ascii=False, separators=(",", ":"))


def _github(problem: Problem) -> str:
    """A workflow command, which GitHub shows beside the line."""
    hint = f" [{problem.hint}]" if problem.hint else ""
    place = f"file={_property(problem.file)},line={problem.line},col={problem.column}"
    title = _property(problem.code)
    return f"::{problem.level} {place},title={title}::{_data(problem.message + hint)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: Mapping[str, Callable[[Problem], str]] = {"text": _text, "json": _json, "github": _github}


def summary(problems: int, flows: int) -> str:
    """The last line for people."""
    if not problems:
        return f"{_count(flows, 'flow')}, no problems"
    return f"{_count(problems, 'problem')} in {_count(flows, 'flow')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
