"""`orchestrator explain`: what a code means."""

import textwrap
from collections.abc import Mapping
from importlib import resources

import click

from orchestrator.errors import UsageError
from orchestrator.flow.codes import Explanation, explanations
from orchestrator.flow.part import did_you_mean

__all__ = ["command"]


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what CODE means, with an example that is wrong and one that is right.

    Without a code, list them all.
    """
    page = (resources.files("orchestrator.flow") / "codes.md").read_text("utf-8")
    known = explanations(page)
    if code is None:
        click.echo("\n".join(_line(each) for each in known.values()))
    else:
        click.echo(_whole(_find(code.upper(), known)))


def _find(code: str, known: Mapping[str, Explanation]) -> Explanation:
    if code not in known:
        meant = did_you_mean(code, known) or "`orchestrator explain` lists them all"
        raise UsageError(f"there is no code {code} [{meant}]")
    return known[code]


def _line(each: Explanation) -> str:
    return f"{each.code}  {each.level:7}  {each.title}"


def _whole(each: Explanation) -> str:
    head = click.style(f"{each.code}: {each.title}", bold=True)
    parts = (
        f"{head} ({each.level})",
        textwrap.fill(each.text, 80),
        click.style("Wrong:", fg="red"),
        textwrap.indent(each.wrong.rstrip(), "  "),
        click.style("Right:", fg="green"),
        textwrap.indent(each.right.rstrip(), "  "),
    )
    return "\n\n".join(parts)
