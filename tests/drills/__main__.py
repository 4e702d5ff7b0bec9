"""Run drills in their long form: `python -m tests.drills [D1 D2 …]`, all without a name."""

import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import date

import anyio

from tests.drills.listing import DRILLS, Run
from tests.drills.scene import Impossible
from tests.redis_server import BINARY


def main(wanted: list[str]) -> int:
    server = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True)
    print(
        f"{date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {' '.join(server.stdout.split()[:3])}"
    )
    passed = [
        _passed(f"{name} {run}".strip(), DRILLS[name].runs[run])
        for name in wanted or DRILLS
        for run in DRILLS[name].runs
    ]
    return 0 if all(passed) else 1


def _passed(name: str, run: Run) -> bool:
    began = time.monotonic()
    try:
        figures = anyio.run(run)
    except Impossible as reason:
        print(f"{name}: not run, {reason}", flush=True)
        return True
    except Exception:
        traceback.print_exc()
        print(f"{name}: FAILED", flush=True)
        return False
    print(f"{name}: passed in {time.monotonic() - began:.0f} s; {_shown(figures)}", flush=True)
    return True


def _shown(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in figures.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
