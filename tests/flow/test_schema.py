import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.flow.loader import load
from orchestrator.flow.schema import flow_schema
from tests.flow.restaurant import ROOT

# Whose types are partial.
VALIDATOR: Any = jsonschema.Draft7Validator(flow_schema())
FLOWS = sorted((ROOT / "flows").glob("*.flow.yaml"))


def test_the_schema_in_the_repository_is_current() -> None:
    kept = json.loads((ROOT / "schema/flow-1.schema.json").read_text())
    assert kept == flow_schema(), "orchestrator schema > schema/flow-1.schema.json"


@pytest.mark.parametrize("flow", FLOWS, ids=lambda path: path.name)
def test_our_flows_keep_to_the_schema(flow: Path) -> None:
    root = load(flow.read_text(), flow.name).root
    assert root
    document = json.loads(json.dumps(root.value))
    assert list(VALIDATOR.iter_errors(document)) == []


def test_a_wrong_key_does_not() -> None:
    wrong = {"dsl": 1, "flow": "f", "version": "1", "start": "a", "states": {"a": {"gaol": "x"}}}
    assert list(VALIDATOR.iter_errors(wrong))
