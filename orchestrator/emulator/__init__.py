"""A local stand-in for the Realtime service: the same protocol, seen from the other side."""
