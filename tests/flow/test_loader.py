from orchestrator.flow.loader import Node, load


def value_of(text: str) -> object:
    loaded = load(text, "f.yaml")
    assert loaded.root is not None, loaded.problems
    return loaded.root.value


def root_of(text: str) -> Node:
    root = load(text, "f.yaml").root
    assert root is not None
    return root


def test_only_true_false_null_and_plain_numbers_are_not_text() -> None:
    assert value_of("[true, false, null, ~, 12, -3, 0, 1.5, -0.25]") == [
        True, False, None, None, 12, -3, 0, 1.5, -0.25,
    ]  # fmt: skip
    assert value_of("a:") == {"a": None}


def test_what_other_loaders_misread_stays_text() -> None:
    traps = [
        "yes", "NO", "off", "12:30", "190:20:30", "01234", "08901", "+14155550100", "2026-11-22",
        "1_000", "0x1F", "1e3", ".inf", "Null", "TRUE", "1.", ".5", "12345678901234567890",
    ]  # fmt: skip
    assert value_of(f"[{', '.join(traps)}]") == traps


def test_a_quoted_scalar_is_text() -> None:
    assert value_of("""{a: "1", b: 'true', c: ""}""") == {"a": "1", "b": "true", "c": ""}


def test_the_key_on_is_text() -> None:
    assert value_of("on: 1") == {"on": 1}


def test_values_and_keys_know_their_places() -> None:
    root = root_of("a: 1\nb:\n  - x\n  - {c: é d}\n")
    assert str(root.at("b", 1, "c").mark) == "f.yaml:4"
    assert root.at("b", 1, "c").mark.column == 9
    assert (root.key("b").line, root.at("b", 1).key("c").column) == (2, 6)


def test_a_path_that_does_not_exist_ends_at_the_deepest_node() -> None:
    root = root_of("a: {b: 1}")
    assert root.at("a", "not there", "b").mark == root.at("a", "b").mark
    assert root.at("nothing") is root


def test_a_place_inside_of_a_text_is_found_in_every_style() -> None:
    root = root_of("a: plain x\nb: 'single x'\nc: |\n  first\n    then x\nd: >\n  folded\n  x\n")
    for key, line, column in (("a", 1, 10), ("b", 2, 12), ("c", 5, 10)):
        node = root.at(key)
        place = node.place(str(node.value).index("x"))
        assert (place.line, place.column) == (line, column)
    assert root.at("d").place(7) == root.at("d").mark, "a folded text tells where it begins"


def test_an_alias_shares_what_it_names() -> None:
    root = root_of("x: &a {b: 1}\ny: *a\n")
    assert root.value == {"x": {"b": 1}, "y": {"b": 1}}
    assert root.at("y", "b").mark.line == 1


def test_an_alias_bomb_costs_nothing() -> None:
    lines = ["x0: &x0 [lol, lol]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]" for i in range(1, 10)]
    loaded = load("\n".join(lines), "f.yaml")
    assert [p.code for p in loaded.problems] == ["Y008"]


def test_a_text_that_contains_itself_is_refused() -> None:
    assert [p.code for p in load("a: &a [*a]", "f.yaml").problems] == ["Y001"]


def test_tags_never_run_anything() -> None:
    problems = load("a: !!python/object/apply:os.system [x]", "f.yaml").problems
    assert [p.code for p in problems] == ["Y002"]


def test_all_problems_of_one_document_are_told() -> None:
    loaded = load("a: !x\n1: b\na: c\n<<: d\ne: NO\n", "f.yaml")
    assert [p.code for p in loaded.problems] == ["Y002", "Y003", "Y004", "Y007", "Y006"]
    assert loaded.root is None


def test_what_is_no_text_at_all_is_told_with_its_place() -> None:
    for text, column in (("a: \x00", 4), ("é: \ud800", 4), ("é: \x07", 4)):
        (problem,) = load(text, "f.yaml").problems
        assert (problem.code, problem.line, problem.column) == ("Y001", 1, column)


def test_a_second_document_is_refused() -> None:
    assert [p.line for p in load("a: 1\n---\nb: 2\n", "f.yaml").problems] == [2]


def test_a_comment_after_a_space_is_no_swallowed_text() -> None:
    assert load("a: 4s   # one attempt\n", "f.yaml").problems == ()


def test_an_empty_file_is_null() -> None:
    assert value_of("") is None
