import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.mcp_host.registry import (
    Http,
    Stdio,
    parse_registry,
    read_registry,
    with_server,
    without_server,
)

FILE = "/project/.mcp.json"


def problems_of(text: str, **environment: str) -> list[str]:
    return [
        f"{each.line} {each.code} {each.level}"
        for each in parse_registry(text, FILE, environment)[1]
    ]


def servers_of(servers: object, **environment: str) -> dict[str, object]:
    text = json.dumps({"mcpServers": servers})
    registry, problems = parse_registry(text, FILE, environment)
    assert not problems
    return {name: server.transport for name, server in registry.items()}


def test_a_command_is_a_stdio_server_and_a_url_an_http_server() -> None:
    assert servers_of({"a": {"command": "run"}, "b": {"url": "https://b.example/mcp"}}) == {
        "a": Stdio("run", cwd="/project"),
        "b": Http("https://b.example/mcp"),
    }


@pytest.mark.parametrize("kind", ["http", "streamable-http"])
def test_both_names_of_the_http_transport_are_taken(kind: str) -> None:
    servers = servers_of({"a": {"type": kind, "url": "https://a.example"}})
    assert servers == {"a": Http("https://a.example")}


def test_the_key_servers_is_read_as_well() -> None:
    registry, _ = parse_registry('{"servers": {"a": {"command": "run"}}}', FILE, {})
    assert list(registry) == ["a"]


def test_variables_are_expanded_wherever_other_clients_expand_them() -> None:
    given = {"T": "token", "EMPTY": ""}
    stdio = {"command": "${T}", "args": ["--x=${env:T}", "${NONE:-d}"], "env": {"K": "${EMPTY:-e}"}}
    http = {"url": "https://${T}.example", "headers": {"Authorization": "Bearer ${T}"}}
    assert servers_of({"a": stdio, "b": http}, **given) == {
        "a": Stdio("token", ("--x=token", "d"), {"K": "e"}, "/project"),
        "b": Http("https://token.example", {"Authorization": "Bearer token"}),
    }


def test_a_relative_directory_starts_at_the_file() -> None:
    assert servers_of({"a": {"command": "x", "cwd": "sub"}}) == {
        "a": Stdio("x", cwd="/project/sub")
    }


def test_every_problem_is_reported_at_once_with_its_line() -> None:
    text = """{
  "mcpServers": {
    "desk": {"command": "${NOT_SET}",
             "env": {"TOKEN": "${env:NOT_SET_EITHER}"}},
    "old": {"type": "sse", "url": "https://old.example"},
    "shape": {"command": ["python"]},
    "bad name": {"command": "x"},
    "empty": {},
    "form": {"command": "x", "args": ["${input:key}"]},
    "url": {"url": "ftp://x.example"},
    "other": {"command": "x", "alwaysAllow": []},
    "clear": {"url": "http://x.example", "headers": {"A": "b"}}
  },
  "servers": {"old": {"command": "x"}, "empty": 3}
}"""
    assert problems_of(text) == [
        "3 M010 error",
        "4 M010 error",
        "5 M006 error",
        "6 M004 error",
        "7 M003 error",
        "8 M007 error",
        "9 M011 error",
        "10 M008 error",
        "11 M005 warning",
        "12 M009 warning",
        "14 M004 error",
    ]


@pytest.mark.parametrize("text", ["[]", "{}", '{"mcpServers": []}', "null"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    assert problems_of(text) == ["1 M002 error"]


def test_a_name_is_registered_once() -> None:
    entry = '{"a": {"command": "x"}}'
    assert problems_of(f'{{"mcpServers": {entry}, "servers": {entry}}}') == ["1 M003 error"]


def test_a_file_that_is_not_json_is_refused_with_the_place() -> None:
    [problem] = parse_registry('{\n  "mcpServers": }', FILE, {})[1]
    assert str(problem).startswith("/project/.mcp.json:2:17: error M001: this is not JSON")


def test_values_of_variables_and_secrets_show_nowhere() -> None:
    text = json.dumps(
        {
            "mcpServers": {
                "a": {"command": "run", "args": ["${KEY}"], "env": {"K": "s3cret"}},
                "b": {
                    "url": "https://me:s3cret@b.example/mcp?key=s3cret",
                    "headers": {"K": "s3cret"},
                },
                "c": {"type": "sse", "url": "https://s3cret"},
            }
        }
    )
    registry, problems = parse_registry(text, FILE, {"KEY": "s3cret"})
    assert "s3cret" not in f"{registry!r} {problems}"
    assert registry["b"].shown == "https://b.example/mcp"


def test_no_file_is_no_servers(tmp_path: Path) -> None:
    assert read_registry(tmp_path) == ({}, ())


def test_a_wrong_file_is_the_users_error_and_lists_everything(tmp_path: Path) -> None:
    servers = {"a": {"command": "${NO_SUCH_A}"}, "b": {"command": "${NO_SUCH_B}"}}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    with pytest.raises(UsageError, match=r"(?s)NO_SUCH_A is not set.*NO_SUCH_B is not set"):
        read_registry(tmp_path, {})


def test_adding_and_removing_keep_every_other_key() -> None:
    before = '{"$schema": "x", "servers": {"a": {"command": "é", "mine": 1}}, "inputs": []}'
    added = with_server(before, "b", {"command": "y"})
    assert json.loads(added) == {
        "$schema": "x",
        "servers": {"a": {"command": "é", "mine": 1}, "b": {"command": "y"}},
        "inputs": [],
    }
    assert json.loads(without_server(added, "b")) == json.loads(before)
    assert "é" in added


def test_the_first_server_makes_the_file() -> None:
    assert json.loads(with_server("", "a", {"command": "x"})) == {
        "mcpServers": {"a": {"command": "x"}}
    }


def test_what_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(UsageError, match="no server 'a'"):
        without_server("{}", "a")


@pytest.mark.parametrize("text", ["[", "[]", '{"mcpServers": 1}'])
def test_what_is_not_a_registry_is_not_edited(text: str) -> None:
    with pytest.raises(UsageError, match=r"\.mcp\.json"):
        with_server(text, "a", {"command": "x"})


def test_reading_files_does_not_import_mcp() -> None:
    modules = "orchestrator.mcp_host.registry, orchestrator.mcp_host.lock, orchestrator.cli.mcp"
    check = f"import sys, {modules}; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
