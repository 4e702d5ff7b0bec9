"""What a dead letter becomes when it is redriven."""

import time
from dataclasses import replace

from orchestrator.dispatch.call import Call
from orchestrator.errors import UsageError
from orchestrator.interfaces import DeadLetter

__all__ = ["redriven"]


def redriven(queue: str, name: str, letter: DeadLetter | None) -> Call:
    """The call that a dead letter is redriven as: see `DeadLetters.redrive`."""
    if letter is None:
        raise UsageError(f"there is no dead letter {name} on the queue {queue}")
    try:
        call = Call.from_json(letter.request)
        call.fingerprint()  # which a call with a NaN has not
    except ValueError as error:
        raise UsageError(f"{name} cannot be redriven, it is no call: {error}") from None
    now = time.time()
    return replace(
        call,
        id=f"{call.id}:{letter.id}",
        queue=queue,
        attempt=call.attempt + 1,
        created=now,
        deadline=now + max(0.0, call.deadline - call.created),
        reply_to="",
        priority="job",
        backlog=None,
    )
