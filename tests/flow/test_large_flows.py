"""A file of any size is checked in seconds, and tells at most a thousand problems.

Each of these took minutes, or would have, when something was compared with everything.
"""

import pytest

from orchestrator.flow.compile import check
from orchestrator.flow.part import MAX_PROBLEMS

HEAD = 'dsl: 1\nflow: f\nversion: "1"\nsession: {mode: text}\nstart: s0\n'
END = "  bye: {end: {reason: completed}}\n"
TALK = "states:\n  s0:\n    goal: Talk.\n    next:\n"


def states(number: int, body: str) -> str:
    """States s0, s1, …; `NEXT` and `SELF` stand for the number of the next one and its own."""
    return "states:\n" + "".join(
        f"  s{i}: {body.replace('NEXT', str(i + 1)).replace('SELF', str(i))}\n"
        for i in range(number)
    )


FLOWS = {
    "a chain": states(2_000, "{next: [{goto: sNEXT}]}") + "  s2000: {end: {reason: done}}\n",
    "a chain to nowhere": states(2_000, "{next: [{goto: tSELF}]}"),
    "loops": states(1_000, "{next: [{if: turns > 3, goto: sNEXT}, {goto: sSELF}]}")
    + "  s1000: {end: {reason: done}}\n",
    "holes": f'states:\n  s0:\n    goal: "{"${abc} " * 60_000}"\n    next: [{{goto: bye}}]\n{END}',
    "filters": f'states:\n  s0: {{end: {{reason: "${{turns {"| upper " * 50_000}}}"}}}}\n',
    "keys": states(1, "{end: {reason: x}}") + "".join(f"k{i}ate: 1\n" for i in range(9_000)),
    "names": "vars:\n"
    + "".join(f"  v{i}: text\n" for i in range(2_000))
    + f"states:\n  s0: {{collect: {{vars: [{', '.join(f'w{i}' for i in range(5_000))}]}}}}\n",
    "intents": TALK
    + "".join(f"      - {{intent: Number {i}, id: i{i}, goto: bye}}\n" for i in range(1_000))
    + END,
    "said": "vars:\n"
    + "".join(f"  v{i}: text\n" for i in range(100))
    + states(300, '{do: [{say: "${v7}"}], collect: {vars: [v7]}, next: [{dtmf: "1", goto: sNEXT}]}')
    + "  s300: {end: {reason: done}}\n",
    "secrets": "# " + "sk-aaaaaaaaaaaaaaaaaaaaaaa " * 15_000,
    "comments": "x-a:\n" + "  - a #b\n" * 15_000,
    "brackets": "x-a: " + "[" * 200_000,
    "braces": "x-a: " + "{a: " * 100_000,
    "a long text": f"description: {'x' * 490_000}\n" + states(1, "{end: {reason: done}}"),
    "aliases": "x-a: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"x-b{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9)),
}


@pytest.mark.parametrize("name", FLOWS)
def test_whatever_is_written_is_checked_in_the_end(name: str) -> None:
    assert len(check(HEAD + FLOWS[name], "f.flow.yaml")) <= MAX_PROBLEMS
