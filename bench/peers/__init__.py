"""Other libraries that call through Redis and wait for the result, beside ours.

Each has an environment of its own, `.venv-bench`, and a module here that is its asker and its
worker, each a process: `python -m bench.peers.saq ask URL`. Their settings are those of their
documentation that gave the best figures, with the documented knobs for connections and slots.
"""
