import os
import platform
import sys
from datetime import date
from functools import partial

import anyio

from bench import commands, core, dispatch, turnaround


def main() -> None:
    load = os.getloadavg()[0]
    print(
        f"{date.today()}, {os.cpu_count()} cores, load {load:.1f}, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    if "dispatch" not in sys.argv:
        core.measure()
        commands.measure()
        anyio.run(turnaround.measure)
    anyio.run(partial(dispatch.measure, long="--long" in sys.argv))


if __name__ == "__main__":
    main()
