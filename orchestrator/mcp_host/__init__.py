"""MCP servers as workers: a registry, a lock, one supervised task per server.

`registry` and `lock` are pure readers of two files and import nothing heavy;
`server`, `supervisor` and `host` import `mcp` and are themselves imported late.
"""

__all__ = ["LOCK", "REGISTRY"]

REGISTRY = ".mcp.json"
LOCK = "mcp.lock.json"
