from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.settings import from_environ


def test_an_empty_environment_sets_nothing() -> None:
    settings = from_environ({})
    assert settings.openai_api_key is settings.redis_url is settings.realtime_url is None


def test_a_variable_set_to_nothing_is_not_set() -> None:
    settings = from_environ({"OPENAI_API_KEY": "", "REDIS_URL": "", "ORCHESTRATOR_URL": ""})
    assert settings == from_environ({})


def test_secrets_do_not_show() -> None:
    environ = {"OPENAI_API_KEY": "sk-secret", "REDIS_URL": "redis://:secret@localhost"}
    settings = from_environ(environ)
    assert settings.openai_api_key == "sk-secret"
    assert "secret" not in repr(settings)


def test_data_lies_in_the_project() -> None:
    assert from_environ({}, Path("restaurant")).data == Path("restaurant/.orchestrator")


def test_every_bad_url_is_named_and_none_is_shown() -> None:
    with pytest.raises(UsageError) as error:
        from_environ({"REDIS_URL": "http://user:secret@host", "ORCHESTRATOR_URL": "localhost:80"})
    assert str(error.value).splitlines() == [
        (
            "REDIS_URL: not a URL that starts with redis:// or rediss:// or unix:// "
            "or redis+cluster:// or rediss+cluster:// or redis+sentinel:// or rediss+sentinel://"
        ),
        "ORCHESTRATOR_URL: not a URL that starts with ws:// or wss://",
    ]
