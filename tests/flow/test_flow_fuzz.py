"""Whatever is written, the checker answers: no exception, no endless run."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.flow.compile import check
from orchestrator.flow.expressions import compile_expression
from orchestrator.flow.loader import load
from orchestrator.flow.templates import compile_text
from orchestrator.flow.types import BOOL, CALL, DATE, INT, TEXT, Type

RESTAURANT = (Path(__file__).parents[2] / "flows/restaurant.flow.yaml").read_text()
LINES = RESTAURANT.splitlines(keepends=True)

NAMES = {
    "n": INT,
    "t": TEXT,
    "b": BOOL,
    "d": DATE,
    "l": Type("list", of=TEXT),
    "a": Type("any"),
    "call": CALL,
}
WORDS = st.sampled_from(
    [
        *[
            "n",
            "t",
            "b",
            "d",
            "l",
            "a",
            "call",
            "nn",
            "(",
            ")",
            "[",
            "]",
            ".",
            ",",
            "+",
            "-",
            "*",
            "/",
            "%",
            "<",
            "<=",
            "==",
            "!=",
            ">",
            "and",
            "or",
            "not",
            "in",
            "if",
            "else",
        ],
        *[
            "'x'",
            "1",
            "2.5",
            "0",
            "1e9",
            "true",
            "null",
            "True",
            "set",
            "len",
            "lower",
            "matches",
            "max",
            "hours_until",
            "days_until",
        ],
        *[
            ".caller",
            "[0]",
            "|",
            "${",
            "}",
            "'",
            "é",
            "lambda",
            ":=",
            "**",
            "is",
            ":",
            "\\",
            "spoken",
        ],
        "\n",
    ]
)
EXPRESSIONS = st.one_of(st.lists(WORDS, max_size=25).map(" ".join), st.text(max_size=60))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["2026-11-24", "19:30", "x" * 20_000]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
SCOPES = st.dictionaries(st.sampled_from([*NAMES, "now"]), VALUES)
YAML_BITS = st.sampled_from(
    [
        *[
            "a",
            "[",
            "]",
            "{",
            "}",
            "|",
            ">",
            "'",
            '"',
            "#",
            "<<",
            "~",
            "1",
            "1.5",
            "yes",
            "...",
            "%",
            "@",
            ",",
        ],
        *[": ", "- ", "\n", "  ", "\t", "&a ", "*a", "!t ", " #x", "---\n", "? "],
        *["\u2028", "\ufeff", "\r", "é"],
    ]
)
PIECES = st.sampled_from(["${", "}", "|", "n", " spoken", "d", "'", "x", "date('%d')"])
KEYS = st.sampled_from(
    [
        *[
            "dsl",
            "flow",
            "version",
            "start",
            "states",
            "vars",
            "tools",
            "mcp",
            "interrupts",
            "goal",
            "next",
            "collect",
            "do",
        ],
        *[
            "intent",
            "id",
            "goto",
            "if",
            "event",
            "set",
            "tool",
            "with",
            "type",
            "params",
            "args",
            "allow",
            "server",
            "end",
        ],
        *["use", "defaults", "guards", "output", "input", "match", "then", "silence", "say", "as"],
        *["approval", "by", "requires", "assign", "filler", "retry", "on", "after", "default"],
        *["clears", "validate", "context", "transfer", "limits", "session", "on_end", "triggers"],
    ]
)

fuzzed = settings(deadline=None, derandomize=True, max_examples=100)


def tell(code: str, offset: int, message: str, hint: str = "") -> None:
    assert code and message and offset >= 0


@fuzzed
@given(EXPRESSIONS, SCOPES)
def test_expressions_are_total(source: str, scope: dict[str, object]) -> None:
    compile_expression(source, NAMES, tell).evaluate(scope)


@fuzzed
@given(
    st.lists(st.sampled_from(["${", "}", "|", "n", " spoken", "d", "'", "x", "date('%d')"])), SCOPES
)
def test_templates_are_total(pieces: list[str], scope: dict[str, object]) -> None:
    text = compile_text("".join(pieces), NAMES, tell)
    text.evaluate(scope)
    text.unset(scope)


@fuzzed
@given(st.one_of(st.text(), st.lists(YAML_BITS, max_size=40).map("".join)))
def test_the_loader_takes_any_text(text: str) -> None:
    loaded = load(text, "f")
    assert loaded.root is not None or loaded.problems


@fuzzed
@given(st.text(max_size=30), st.integers(0, 40))
def test_a_place_in_a_text_is_always_found(text: str, offset: int) -> None:
    for written in (text, f"|\n  {text}", f">\n  {text}", f'"{text}"'):
        root = load(f"a: {written}", "f").root
        if root is not None:
            assert root.at("a").place(offset).line >= 1


@fuzzed
@given(st.data())
def test_the_checker_takes_any_damaged_flow(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        cut = data.draw(st.integers(0, len(line)))
        bit = data.draw(st.one_of(YAML_BITS, WORDS, st.just("")))
        lines[index] = line[:cut] + bit + line[cut + data.draw(st.integers(0, 6)) :]
    problems = check("".join(lines), "f")
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)


@fuzzed
@given(
    st.recursive(
        st.sampled_from(["x", "1", "true", "~", "${n}", "'a b'", "4s", "enum", "collected"]),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
            st.dictionaries(
                KEYS,
                inner,
                max_size=4,
            ).map(lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"),
        ),
        max_leaves=15,
    )
)
def test_the_checker_takes_any_shape(text: str) -> None:
    check(text.replace("${n}", "'${n}'"), "f")
    check(RESTAURANT + f"\nx-a: 1\nsilence: {text.replace('${n}', 'n')}\n", "f")
