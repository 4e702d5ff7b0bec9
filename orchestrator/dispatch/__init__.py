"""Calls: one request to a tool each, dispatched through Redis Streams and settled once."""
