"""The `openai` package's own Realtime client, unmodified, in a conversation.

    python openai_sdk.py URL STALLING_URL

Prints what came of it as one line of JSON: a text turn and a function round trip at the
first URL, and at the second, where responses end only when they are cancelled, what asking
for two at once is answered with.
"""
# pyright: basic, reportMissingImports=false

import asyncio
import json
import sys
from typing import Any

from openai import AsyncOpenAI

TOOL = {
    "type": "function",
    "name": "opening_hours",
    "description": "When the restaurant is open.",
    "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
}


def connect(url: str) -> Any:
    base = url.replace("ws", "http").removesuffix("/realtime")
    return AsyncOpenAI(api_key="any", base_url=base).realtime.connect(model="gpt-realtime-2.1")


async def say(connection: Any, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    await connection.conversation.item.create(item=item)
    await connection.response.create()


async def until(connection: Any, kind: str) -> list[Any]:
    events = [await connection.recv()]
    while events[-1].type != kind:
        events.append(await connection.recv())
    return events


async def converse(connection: Any) -> dict[str, Any]:
    session = {"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]}
    await connection.session.update(session=session)
    await say(connection, "Good evening.")
    first = await until(connection, "response.done")
    await say(connection, "When are you open?")
    (call,) = (await until(connection, "response.done"))[-1].response.output
    output = {"type": "function_call_output", "call_id": call.call_id, "output": '{"from": 18}'}
    await connection.conversation.item.create(item=output)
    await connection.response.create()
    last = (await until(connection, "response.done"))[-1].response
    return {
        "greeting": "".join(e.delta for e in first if e.type == "response.output_text.delta"),
        "called": [call.name, json.loads(call.arguments)],
        "answer": last.output[0].content[0].text,
    }


async def ask_for_two(connection: Any) -> dict[str, Any]:
    await connection.response.create()
    await connection.response.create(event_id="second")
    error = (await until(connection, "error"))[-1].error
    await connection.response.cancel()
    first = (await until(connection, "response.done"))[-1].response
    return {"error": [error.code, error.event_id], "first": first.status}


async def main(url: str, stalling_url: str) -> None:
    async with connect(url) as connection:
        report = await converse(connection)
    async with connect(stalling_url) as connection:
        report |= await ask_for_two(connection)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
