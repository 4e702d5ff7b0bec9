"""The parts of a run, as processes beside it."""

import json
from pathlib import Path

import pytest

from orchestrator.errors import ServiceError
from orchestrator.launch import part

SERVERS: dict[str, dict[str, object]] = {
    "first": {"args": [], "other": 1},
    "second": {"command": "${NOT_SET_ANYWHERE}"},
}


@pytest.mark.processes
async def test_a_part_that_does_not_start_is_told_with_everything_that_it_complained_of(
    tmp_path: Path,
) -> None:
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": SERVERS}))
    arguments = ["orchestrator", "mcp-host", "--lifeline", "--ready"]
    async with part("mcp-host", arguments, tmp_path / "logs", directory=tmp_path) as host:
        with pytest.raises(ServiceError, match="the mcp-host did not start: ") as told:
            await host.ready()
    for code in ("warning M005", "error M007", "error M010"):
        assert code in str(told.value)
