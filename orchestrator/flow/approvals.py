"""Compiles who has to agree: to a call the caller, or a person; to values the caller. Pure."""

import re

from orchestrator.flow import definition as made
from orchestrator.flow.document import Approval
from orchestrator.flow.loader import Node
from orchestrator.flow.texts import Texts

__all__ = ["agreement", "read_back", "read_back_of_values", "review"]

ARGUMENT = re.compile(r"\bargs\s*\.\s*(\w+)")


def agreement(approval: Approval | None, texts: Texts) -> made.ReadBack | made.Review | None:
    """`texts` see `args`, the arguments of the call."""
    return read_back(approval, texts) or review(approval, texts)


def read_back(approval: Approval | None, texts: Texts) -> made.ReadBack | None:
    if approval is None or approval.by != "caller":
        return None
    worded = approval.read_back is not None
    return made.ReadBack(
        *_condition(approval, texts),
        texts.template(approval.node.at("read_back")) if worded else None,
    )


def read_back_of_values(confirm: bool | str, node: Node, texts: Texts) -> made.ReadBack | None:
    """Whether the caller has to agree to what was collected, and the author's words for it."""
    if confirm is False:
        return None
    return made.ReadBack(words=texts.template(node) if isinstance(confirm, str) else None)


def review(approval: Approval | None, texts: Texts) -> made.Review | None:
    if approval is None or approval.by != "human":
        return None
    node = approval.node
    return made.Review(
        approval.timeout,
        texts.template(node.at("reason")) if approval.reason is not None else None,
        *_condition(approval, texts),
        approval.channel,
        tuple(approval.show) if approval.show is not None else None,
    )


def _condition(approval: Approval, texts: Texts) -> tuple[made.Expression | None, tuple[str, ...]]:
    """When somebody is asked at all, and the arguments that this looks at."""
    if approval.when is None:
        return None, ()
    reads = tuple(dict.fromkeys(ARGUMENT.findall(approval.when)))
    return texts.condition(approval.node.at("if"), sure=True), reads
