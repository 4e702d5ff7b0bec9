"""Token counts: estimates, since no tokenizer of the service's is public. Pure.

Text: four bytes of UTF-8 a token. Audio: the service's own rates, a token for 100 ms of
the caller and for 50 ms of the agent. Nothing is counted as cached, so a cost computed
from these numbers is too high rather than too low.
"""

import json
import math
from collections.abc import Mapping, Sequence

from orchestrator.dispatch.call import Json
from orchestrator.emulator.model import Prompt
from orchestrator.emulator.sound import Sound

__all__ = ["text_tokens", "usage"]

CALLER_MS, AGENT_MS = 100, 50


def text_tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


def usage(
    prompt: Prompt, output: Sequence[Mapping[str, Json]], sounds: Mapping[str, Sound]
) -> dict[str, Json]:
    """The `usage` of a response; `sounds` are those of items, by their ids."""
    tools = json.dumps(list(prompt.tools), ensure_ascii=False) if prompt.tools else ""
    text_in = text_tokens(prompt.instructions) + text_tokens(tools) + _text(prompt.items)
    audio_in = _audio(prompt.items, sounds)
    text_out, audio_out = _text(output), _audio(output, sounds)
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def _text(items: Sequence[Mapping[str, Json]]) -> int:
    return sum(text_tokens(words) for item in items for words in _words(item))


def _words(item: Mapping[str, Json]) -> Sequence[str]:
    said = [part.get("text") or part.get("transcript") or "" for part in item.get("content", [])]
    return [*said, *(item.get(name) or "" for name in ("name", "arguments", "output"))]


def _audio(items: Sequence[Mapping[str, Json]], sounds: Mapping[str, Sound]) -> int:
    tokens = 0
    for item in items:
        if sound := sounds.get(item["id"]):
            tokens += math.ceil(sound.ms / (CALLER_MS if item["role"] == "user" else AGENT_MS))
    return tokens
