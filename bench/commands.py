"""What a command costs as a process, beside a Python that does nothing.

Most of it is imports, so this is where one too many is seen. Modules are compiled, as they are
where the package is installed.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["measure"]

ROOT = Path(__file__).parents[1]
FLOW = "flows/restaurant.flow.yaml"
ORCHESTRATOR = (sys.executable, "-c", "from orchestrator.cli.main import main; main()")
COMMANDS = {
    "floor: python -c pass": (sys.executable, "-c", "pass"),
    "orchestrator --help": (*ORCHESTRATOR, "--help"),
    f"orchestrator check {FLOW}": (*ORCHESTRATOR, "check", FLOW),
}
ROUNDS = 7
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


def measure() -> None:
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            taken[name].append(_seconds(arguments))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    floor = next(iter(medians.values()))
    print("a command as a process")
    for name, median in medians.items():
        print(f"  {name:<46} p50 {median * 1e3:7.1f} ms  ratio {median / floor:6.2f}")


def _seconds(arguments: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(arguments, cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
