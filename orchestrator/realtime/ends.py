"""How a response of the service ended, and what it used. Pure."""

from orchestrator.dispatch.call import Json
from orchestrator.realtime.objects import Response, is_object
from orchestrator.realtime.sequencer import How

__all__ = ["ending", "usage"]


def ending(response: Response) -> tuple[How, str]:
    """How, and the service's code or reason if it gave one."""
    details = response.status_details
    error = details.error if details else None
    reason = (error.code or error.type if error else None) or (details.reason if details else None)
    match response.status:
        case "completed" | "cancelled" | "incomplete" as how:
            return how, reason or ""
        case other:
            return "failed", reason or other


def usage(response: Response) -> dict[str, int]:
    """Tokens by kind, and whether they came from the cache; what is not told is left out."""
    used = response.usage or {}
    given = _counts(used.get("input_token_details"))
    cached = _counts(_part(used.get("input_token_details"), "cached_tokens_details"))
    made = _counts(used.get("output_token_details"))
    kinds = {
        **{f"{kind}_in": tokens - cached.get(kind, 0) for kind, tokens in given.items()},
        **{f"{kind}_cached": tokens for kind, tokens in cached.items()},
        **{f"{kind}_out": tokens for kind, tokens in made.items()},
    }
    return {kind: tokens for kind, tokens in kinds.items() if tokens > 0}


def _counts(details: Json) -> dict[str, int]:
    """`text_tokens`, `audio_tokens`, `image_tokens`, as far as they are numbers."""
    found = {kind: _part(details, f"{kind}_tokens") for kind in ("text", "audio", "image")}
    return {kind: tokens for kind, tokens in found.items() if isinstance(tokens, int)}


def _part(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None
