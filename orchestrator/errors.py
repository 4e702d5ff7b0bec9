"""Every exception of the product, split by *who is wrong*.

OrchestratorError
├── FlowError                 the author of a flow is wrong
│   └── FlowInvalid           every problem of a document at once
├── UsageError                the command line or the environment is wrong
├── ServiceError              a service could not be reached, or refused us
│   ├── QueueUnavailable      Redis did not take a call
│   └── ProviderRefused       the Realtime service will never accept this session
├── ProtocolError             the peer sent what its protocol forbids
├── CallError                 a handler says what its call came to
│   ├── Retry                 try again later
│   └── Refused               a refusal in words that the model may hear
└── JournalMismatch           a journal was replayed under another flow

A tool that fails is not here: that is an `Outcome`. A recoverable `error` frame
of the Realtime service is an event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

__all__ = [
    "CallError",
    "FlowError",
    "FlowInvalid",
    "JournalMismatch",
    "OrchestratorError",
    "Problem",
    "ProtocolError",
    "ProviderRefused",
    "QueueUnavailable",
    "Refused",
    "Retry",
    "ServiceError",
    "UsageError",
    "innermost",
]


class OrchestratorError(Exception):
    """Base of everything this package raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a document. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        hint = f" [{self.hint}]" if self.hint else ""
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.level} {self.code}: {self.message}{hint}"


class FlowError(OrchestratorError):
    """The author of a flow is wrong."""


class FlowInvalid(FlowError):
    """A flow that cannot be compiled; `problems` holds all of them, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(OrchestratorError):
    """The command line, a configuration file or the environment is wrong."""


class ServiceError(OrchestratorError):
    """A service that we need could not be reached, or refused us."""


class QueueUnavailable(ServiceError):
    """Redis did not take the call; nothing was dispatched as far as we know."""


class ProviderRefused(ServiceError):
    """The Realtime service refused for good: a wrong key, an unknown model, no credit.

    `code` is the service's own (`invalid_api_key`, …); trying again cannot help.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class ProtocolError(OrchestratorError):
    """The peer sent what its protocol forbids. An unknown event is not an error."""


class CallError(OrchestratorError):
    """Raised by a handler to say what its call came to."""


class Retry(CallError):
    """The handler could not do it now; the flow's retry policy decides what follows.

    `after` is the least pause in seconds that the handler asks for.
    """

    def __init__(self, message: str = "", *, after: float | None = None) -> None:
        self.after = after
        super().__init__(message)


class Refused(CallError):
    """The handler refuses, in words that the model may repeat to the caller."""


class JournalMismatch(OrchestratorError):
    """A journal was replayed under a flow that is not the one in its header."""


def innermost(problem: BaseException) -> BaseException:
    """Task groups wrap what their tasks raise; people are told of the first."""
    while isinstance(problem, BaseExceptionGroup):
        problem = cast("BaseExceptionGroup[BaseException]", problem).exceptions[0]
    return problem
