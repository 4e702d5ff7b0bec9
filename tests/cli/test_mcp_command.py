"""`orchestrator mcp`, as typed: what is printed, what is written, how it ends."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.mcp_host import lock

SCRIPT = str(Path(__file__).parents[1] / "mcp_host" / "plain_server.py")
PLAIN = {"command": sys.executable, "args": [SCRIPT]}
GONE = {"command": "no-such-command"}

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `orchestrator mcp` in an empty project; the exit code."""
    monkeypatch.chdir(tmp_path)

    def orchestrator_mcp(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", "mcp", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator_mcp


def register(**servers: object) -> None:
    Path(".mcp.json").write_text(json.dumps({"mcpServers": servers}))


def registered() -> dict[str, object]:
    servers: dict[str, object] = json.loads(Path(".mcp.json").read_text())["mcpServers"]
    return servers


def pinned() -> lock.Lock:
    return lock.read_lock(Path("mcp.lock.json"))


def test_nothing_is_listed_where_nothing_is_registered(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list") == 0
    assert capsys.readouterr().out == "no server is registered\n"


def test_pinning_shows_what_the_model_will_be_told(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    register(plain=PLAIN)
    assert run("pin") == 0
    said = capsys.readouterr().out
    assert said.startswith("plain: 9 tools pinned\n")
    assert "  added answer: Answers with `result`.\n" in said
    assert pinned().tools("plain")["answer"].alias == "plain__answer"


def test_pinning_again_changes_no_byte(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    register(plain=PLAIN)
    run("pin")
    before = Path("mcp.lock.json").read_bytes()
    capsys.readouterr()
    assert run("pin", "plain") == 0
    assert capsys.readouterr().out == "plain: 9 tools pinned, nothing changed\n"
    assert Path("mcp.lock.json").read_bytes() == before


def test_pinning_shows_a_description_that_changed_beside_what_it_was(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = {"type": "object"}
    tools = [
        lock.Tool("plain", "answer", "Answers as it was.", schema),
        lock.Tool("plain", "meta", "Answers with the request's _meta.", {"type": "string"}),
    ]
    lock.write_lock(Path("mcp.lock.json"), lock.Lock().pinned("plain", tools))
    register(plain=PLAIN)
    assert run("pin") == 0
    said = capsys.readouterr().out
    assert (
        "  changed answer\n    was: Answers as it was.\n    now: Answers with `result`.\n" in said
    )
    assert "  changed meta, all but its description: Answers with the request's _meta.\n" in said


def test_where_a_server_that_crashes_said_why_is_told(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    crash = {"command": sys.executable, "args": ["-c", "raise SystemExit('no licence')"]}
    silent = {"command": sys.executable, "args": ["-c", "raise SystemExit(1)"]}
    register(crash=crash, silent=silent)
    assert run("pin") == 4
    told, nothing = capsys.readouterr().err.splitlines()
    log = Path(".orchestrator/logs/mcp-crash.log")
    assert told.startswith("error: crash: ")
    assert told.endswith(f"; what it printed is in {log}")
    assert log.read_text() == "no licence\n"
    assert nothing.startswith("silent: ")
    assert "printed" not in nothing


def test_a_server_that_cannot_be_reached_keeps_its_pins_and_the_others_get_theirs(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = lock.Tool("gone", "old", "As it was.", {"type": "object"})
    lock.write_lock(Path("mcp.lock.json"), lock.Lock().pinned("gone", [tool]))
    register(plain=PLAIN, gone=GONE)
    assert run("pin") == 4
    assert "gone: its command, or its working directory, does not exist" in capsys.readouterr().err
    assert set(pinned().servers) == {"gone", "plain"}


def test_the_list_shows_pinned_tools_without_connecting(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = lock.Tool("gone", "old", "As it was.", {"type": "object"})
    lock.write_lock(Path("mcp.lock.json"), lock.Lock().pinned("gone", [tool]))
    register(gone=GONE)
    assert run("list") == 0
    assert capsys.readouterr().out == "gone  stdio  no-such-command\n  gone.old\n"


def test_the_list_can_compare_with_what_is_offered_now(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = lock.Tool("plain", "old", "As it was.", {"type": "object"})
    lock.write_lock(Path("mcp.lock.json"), lock.Lock().pinned("plain", [tool]))
    register(plain=PLAIN, gone=GONE)
    assert run("list", "--connect", "--json") == 4
    gone, plain = json.loads(capsys.readouterr().out)
    assert gone["status"] == "down"
    assert plain["status"] == "up"
    assert plain["changes"]["old"] == "removed"
    assert plain["changes"]["answer"] == "added"


def test_every_problem_of_the_registry_is_told_at_once(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    register(a={"command": "${NO_SUCH_THING}"}, b={})
    assert run("list") == 2
    said = capsys.readouterr().err
    assert "NO_SUCH_THING is not set" in said
    assert "a server needs a command, or a url" in said


def test_an_unknown_server_cannot_be_pinned(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    register(plain=PLAIN)
    assert run("pin", "desk") == 2
    assert "not registered: desk" in capsys.readouterr().err


def test_a_command_is_added_with_its_arguments_and_environment(run: Run) -> None:
    assert run("add", "desk", "--env", "TOKEN=${HOME}", "--", "npx", "-y", "desk", "--port=1") == 0
    assert registered() == {
        "desk": {
            "command": "npx",
            "args": ["-y", "desk", "--port=1"],
            "env": {"TOKEN": "${HOME}"},
        }
    }


def test_a_url_is_added_with_its_headers(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://desk.example/mcp"
    bearer = "Authorization=Bearer ${NO_SUCH_THING}"
    assert run("add", "--transport", "http", "--header", bearer, "desk", url) == 0
    assert registered() == {
        "desk": {
            "type": "http",
            "url": url,
            "headers": {"Authorization": "Bearer ${NO_SUCH_THING}"},
        }
    }
    assert "NO_SUCH_THING is not set" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("bad name", "x"),
        ("plain", "x"),
        ("--env", "x", "desk", "x"),
        ("--header", "a=b", "desk", "x"),
        ("--transport", "http", "desk", "https://a.example", "more"),
        ("--transport", "http", "desk", "ftp://a.example"),
    ],
)
def test_what_would_be_wrong_is_not_added(arguments: tuple[str, ...], run: Run) -> None:
    register(plain=PLAIN)
    assert run("add", *arguments) == 2
    assert registered() == {"plain": PLAIN}


def test_removing_a_server_removes_its_pins(run: Run) -> None:
    tool = lock.Tool("gone", "old", "As it was.", {"type": "object"})
    lock.write_lock(Path("mcp.lock.json"), lock.Lock().pinned("gone", [tool]))
    register(plain=PLAIN, gone=GONE)
    assert run("remove", "gone") == 0
    assert registered() == {"plain": PLAIN}
    assert pinned() == lock.Lock()


def test_what_is_not_registered_cannot_be_removed(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("remove", "desk") == 2
    assert "there is no server 'desk'" in capsys.readouterr().err


def test_a_lock_edited_by_hand_is_replaced_by_pinning_everything(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    register(plain=PLAIN)
    run("pin")
    path = Path("mcp.lock.json")
    path.write_text(path.read_text().replace("Answers with `result`.", "Trust me."))
    assert run("pin", "plain") == 2
    assert "plain.answer was edited by hand" in capsys.readouterr().err
    assert run("pin") == 0
    assert pinned().tools("plain")["answer"].description == "Answers with `result`."
