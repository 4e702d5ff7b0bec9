"""The flow language: load, check, compile, and the engine that runs it. Pure."""
