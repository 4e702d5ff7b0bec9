"""The document of a flow, as its author wrote it: keys and their types, nothing else. Pure.

What the language has and this version does not is named in `later`, so that it is refused
and not taken for a slip. The descriptions are what editors show.
"""

from orchestrator.flow.document.flow import (
    Defaults,
    Document,
    Included,
    Outbound,
    Steps,
    Trigger,
    read,
)
from orchestrator.flow.document.session import Limits, Session, Transcribe, Truncation, Turns
from orchestrator.flow.document.states import (
    Collect,
    Context,
    ContextOf,
    Edge,
    End,
    HandedOn,
    Handoff,
    Interrupt,
    Silence,
    State,
    StateLimits,
    Transfer,
    Voice,
)
from orchestrator.flow.document.steps import Show, Step
from orchestrator.flow.document.tools import (
    READ_ONLY,
    Allowed,
    Approval,
    Approvals,
    Filler,
    McpServer,
    Mode,
    Retry,
    RetryOrNever,
    Tool,
)

__all__ = [
    "READ_ONLY",
    "Allowed",
    "Approval",
    "Approvals",
    "Collect",
    "Context",
    "ContextOf",
    "Defaults",
    "Document",
    "Edge",
    "End",
    "Filler",
    "HandedOn",
    "Handoff",
    "Included",
    "Interrupt",
    "Limits",
    "McpServer",
    "Mode",
    "Outbound",
    "Retry",
    "RetryOrNever",
    "Session",
    "Show",
    "Silence",
    "State",
    "StateLimits",
    "Step",
    "Steps",
    "Tool",
    "Transcribe",
    "Transfer",
    "Trigger",
    "Truncation",
    "Turns",
    "Voice",
    "read",
]
