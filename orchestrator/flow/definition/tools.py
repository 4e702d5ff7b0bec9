"""What may be called, and on which terms. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.dispatch.call import Json, Priority, Rate
from orchestrator.flow.definition.texts import Expression, Mark, Scope, Template

__all__ = ["Filler", "Native", "ReadBack", "Retry", "Review", "Tool"]


@dataclass(frozen=True, slots=True)
class Retry:
    """`max` further attempts after the first; seconds; `jitter` is a share of the pause."""

    max: int = 0
    backoff: float = 0.2
    factor: float = 2.0
    jitter: float = 0.1
    on: frozenset[str] = frozenset({"timeout", "unavailable", "rate_limited"})


@dataclass(frozen=True, slots=True)
class Filler:
    """Without `lines` the model finds the words. With `progress` the handler's own come first,
    when there are new ones."""

    after: float
    lines: tuple[Template, ...]
    every: float | None = None
    progress: bool = False


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The caller has to say yes to the arguments; `words` are the author's for them.

    `condition` says when they are asked at all, and `reads` which arguments it looks at.
    """

    condition: Expression | None = None
    reads: tuple[str, ...] = ()
    words: Template | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A person decides before the tool is called: `timeout` in seconds, then it is denied.

    `reason` is for that person; `condition` says when one is asked at all, and `reads` which
    arguments it looks at; `show` are those that the person sees, all of them if it is None.
    """

    timeout: float = 60.0
    reason: Template | None = None
    condition: Expression | None = None
    reads: tuple[str, ...] = ()
    channel: str = ""
    show: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Native:
    """Where the Realtime service calls a tool itself: its label for the server, and the name
    under which that is registered."""

    label: str
    server: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function or an MCP tool, to the engine the same.

    `name` is the author's (`menu.allergens`), `alias` the model's (`menu__allergens`);
    `queue` and `handler` say where a call goes. `schema` is JSON Schema of what the model
    may give: `bound` parameters are not in it. `accept` makes the arguments (bound ones
    included) what is published; it raises `Rejected`. Times are in seconds.
    """

    name: str
    alias: str
    mark: Mark
    queue: str
    handler: str
    describe: str
    schema: Mapping[str, Json]
    accept: Callable[[Mapping[str, Json]], dict[str, Json]] = field(repr=False, compare=False)
    returned: Callable[[Json, Scope], Json] = field(
        default=lambda result, _: result, repr=False, compare=False
    )  # makes of a result what `returns` promises; raises `Rejected`
    bound: Mapping[str, Template] = field(default_factory=dict[str, Template])
    mode: Literal["wait", "background", "detached"] = "wait"
    timeout: float = 10.0
    deadline: float | None = None
    retry: Retry = Retry()
    safe: bool = False
    rerun: bool = False  # `after_crash: rerun`
    key: Template | None = None  # `idempotency`; the call id if None
    requires: Expression | None = None
    read_back: ReadBack | None = None
    review: Review | None = None
    undo: str | None = None
    filler: Filler | None = None
    on_interrupt: Literal["keep", "cancel"] = "keep"
    on_hangup: Literal["keep", "cancel"] = "keep"
    assign: Mapping[str, Template] = field(default_factory=dict[str, Template])
    ok_if: Expression | None = None  # over `result`; false makes the outcome a failure
    silent: bool = False  # its result makes nobody speak
    errors: Literal["hide", "summary", "pass"] = "summary"
    concurrency: int | None = None  # calls at a time in one session
    rate: Rate | None = None
    priority: Priority = "live"
    native: Native | None = None
