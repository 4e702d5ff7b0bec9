"""What `orchestrator check --cost` tells of each flow."""

from pathlib import Path

import click

from orchestrator.cli.flows import load
from orchestrator.cli.opening import DEFAULT_MODEL
from orchestrator.flow.estimate import ASSUMED, estimate
from orchestrator.flow.prices import AS_OF

__all__ = ["tell_cost"]


def tell_cost(file: Path) -> None:
    """Raises `FlowInvalid` or `UsageError`."""
    flow, _ = load(file)
    model = flow.session.model or DEFAULT_MODEL
    found = estimate(flow, model)
    if found is None:
        click.echo(f"{file}: no model talks in this flow")
        return
    click.echo(f"{file}: a call costs about (estimated; {model}, prices of {AS_OF})")
    click.echo(f"  prompting: per_state  ${found.per_state:.3f}")
    click.echo(f"  prompting: stable     ${found.stable:.3f}")
    click.echo(f"  assumed: {ASSUMED}")
