"""Sessions that took place, kept with the flow that they were held with."""

import json
from functools import cache
from pathlib import Path

from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.replaying import Recording, read
from orchestrator.mcp_host.lock import read_lock

HERE = Path(__file__).parent
FLOW = HERE / "restaurant-1.4.0.flow.yaml"


@cache
def recorded_flow(*changes: tuple[str, str]) -> Flow:
    """The flow of the recordings, or what becomes of it with these texts exchanged."""
    text = FLOW.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    lock = read_lock(HERE / "mcp.lock.json").definitions()
    return compile_flow(text, FLOW.name, lock=lock)[0]


def recording(name: str) -> Recording:
    lines = (HERE / f"{name}.jsonl").read_text().splitlines()
    return read([json.loads(line) for line in lines])
