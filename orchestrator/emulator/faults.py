"""What goes wrong on purpose, so that clients can be tested against it. Pure."""

from dataclasses import dataclass

__all__ = ["Faults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of one session. They are given to the server and cannot be asked for on the wire.

    None of them depends on time: what waits, waits for an event of the client.
    """

    fail_responses: int = 0
    """So many of the first responses end `failed` with `server_error`, without output."""

    duplicate_calls: bool = False
    """`response.output_item.done` of a function call is sent twice."""

    incomplete_calls: bool = False
    """Function calls break off, as if at the limit of output tokens."""

    stall_after: str = ""
    """A response stands still after its first event of this type until it is cancelled."""

    done_after: str = ""
    """`response.done` waits until, since the response began, the client sent this event."""

    drop_after: str = ""
    """The socket is dropped, without a close frame, after the first event of this type."""
