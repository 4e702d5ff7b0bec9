"""What the Realtime models cost, as published in November 2026. Pure.

US dollars for a million tokens. Other models are counted at the price of the dearest one here.
"""

from collections.abc import Mapping

__all__ = ["AS_OF", "DOLLARS", "cost", "prices_of"]

AS_OF = "November 2026"

_LARGE: Mapping[str, float] = {
    "text_in": 4, "text_cached": 0.40, "text_out": 24,
    "audio_in": 32, "audio_cached": 0.40, "audio_out": 64,
    "image_in": 5, "image_cached": 0.50,
}  # fmt: skip
_MINI: Mapping[str, float] = {
    "text_in": 0.60, "text_cached": 0.06, "text_out": 2.40,
    "audio_in": 10, "audio_cached": 0.30, "audio_out": 20,
    "image_in": 0.80, "image_cached": 0.08,
}  # fmt: skip
DOLLARS: Mapping[str, Mapping[str, float]] = {
    "gpt-realtime-2": _LARGE,
    "gpt-realtime-2.1": _LARGE,
    "gpt-realtime-2.1-mini": _MINI,
}


def prices_of(model: str) -> Mapping[str, float]:
    """By kind of token. A dated name of a model costs what the model costs."""
    known = [name for name in DOLLARS if model.startswith(name)]
    return DOLLARS[max(known, key=len)] if known else _LARGE


def cost(model: str, usage: Mapping[str, int]) -> float:
    """Dollars for one answer. `usage` holds tokens by the kinds of the table; `…_in` are those
    that did not come from the cache."""
    prices = prices_of(model)
    return sum(prices[kind] * tokens for kind, tokens in usage.items() if kind in prices) / 1e6
