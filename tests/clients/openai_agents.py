"""The `openai-agents` package's `RealtimeRunner`, unmodified, in a conversation.

    python openai_agents.py URL STALLING_URL

Prints what came of it as one line of JSON, like `openai_sdk.py`. The runner itself never
asks for two responses at once (it holds the second back until the first is done), so the
second goes on its socket by hand: what is proved is that it understands the answer.
"""
# pyright: basic, reportMissingImports=false

import asyncio
import json
import os
import sys
from typing import Any

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"  # its traces go to the service itself

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage

called: list[Any] = []


@function_tool
def opening_hours(day: str) -> str:
    """When the restaurant is open."""
    called.extend(["opening_hours", {"day": day}])
    return '{"from": 18}'


async def connect(url: str) -> Any:
    agent = RealtimeAgent(name="host", instructions="Be kind.", tools=[opening_hours])
    settings: Any = {"model_name": "gpt-realtime-2.1", "output_modalities": ["text"]}
    runner = RealtimeRunner(agent, config={"model_settings": settings})
    address = f"{url}?model=gpt-realtime-2.1"
    return await runner.run(model_config={"url": address, "api_key": "any"})


async def until(events: Any, kind: str) -> list[Any]:
    """What the service sent, as it sent it, up to an event of this type."""
    seen = []
    async for event in events:
        if event.type == "raw_model_event" and event.data.type == "raw_server_event":
            seen.append(event.data.data)
            if seen[-1]["type"] == kind:
                return seen
    raise RuntimeError(f"the session ended before {kind}")


async def failure(events: Any) -> Any:
    """The next error, as the runner understands it."""
    async for event in events:
        if event.type == "error":
            return event.error
    raise RuntimeError("the session ended without an error")


async def send(session: Any, kind: str, **fields: Any) -> None:
    message: Any = {"type": kind, "other_data": fields}
    await session.model.send_event(RealtimeModelSendRawMessage(message=message))


async def converse(session: Any) -> dict[str, Any]:
    events = aiter(session)
    await session.send_message("Good evening.")
    first = await until(events, "response.done")
    await session.send_message("When are you open?")
    await until(events, "response.done")
    last = (await until(events, "response.done"))[-1]["response"]
    return {
        "greeting": "".join(e["delta"] for e in first if e["type"] == "response.output_text.delta"),
        "called": called,
        "answer": last["output"][0]["content"][0]["text"],
    }


async def ask_for_two(session: Any) -> dict[str, Any]:
    events = aiter(session)
    await send(session, "response.create")
    await until(events, "response.created")
    second = {"type": "response.create", "event_id": "second"}
    await session.model._websocket.send(json.dumps(second))
    error = await failure(events)
    await send(session, "response.cancel")
    first = (await until(events, "response.done"))[-1]["response"]
    return {"error": [error.code, error.event_id], "first": first["status"]}


async def main(url: str, stalling_url: str) -> None:
    async with await connect(url) as session:
        report = await converse(session)
    async with await connect(stalling_url) as session:
        report |= await ask_for_two(session)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
