"""Workers: handlers as people write them, and the runtime that claims, runs and settles calls."""
