"""Completion in the shell, which click brings along, as the README says to switch it on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; sys.argv = ['orchestrator']; import orchestrator.cli.main as m; m.main()"


def complete(**environ: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    readme = (ROOT / "README.md").read_text()
    assert "_ORCHESTRATOR_COMPLETE=bash_source orchestrator" in readme
    assert f"{shell}_source" in readme
    script = complete(_ORCHESTRATOR_COMPLETE=f"{shell}_source")
    assert f"_ORCHESTRATOR_COMPLETE={shell}_complete" in script


def test_commands_and_options_are_completed() -> None:
    asked = {"_ORCHESTRATOR_COMPLETE": "bash_complete", "COMP_WORDS": "orchestrator expl"}
    assert complete(**asked, COMP_CWORD="1") == "plain,explain\n"
    asked["COMP_WORDS"] = "orchestrator check --wa"
    assert complete(**asked, COMP_CWORD="2") == "plain,--watch\n"
