"""The JSON Schema of a flow document, for editors. Pure.

It says what may stand where; what the names mean, only the checker knows.
"""

from typing import Any

from orchestrator.dispatch.call import Json
from orchestrator.flow.document import Approval, Document, State, Tool
from orchestrator.flow.shapes import Param, Shape, Variable

__all__ = ["flow_schema"]


def flow_schema() -> dict[str, Json]:
    """Draft 7, which is what editors' YAML servers promise to understand, plus `$defs`."""
    schema: dict[str, Any] = Document.model_json_schema(by_alias=True)
    for part in (Approval, Shape, Param, Variable):
        if part.__name__ in schema["$defs"]:
            whole = schema["$defs"][part.__name__]
            bare = {key: whole["properties"][part.short][key] for key in ("enum", "type")}
            schema["$defs"][part.__name__] = {"anyOf": [bare, whole]}
    shared: dict[str, Any] = schema["$defs"]["Defaults"]["properties"]
    for key, model in (("tool", Tool), ("state", State)):
        shared[key] = {"$ref": f"#/$defs/{model.__name__}"}
        schema["$defs"][model.__name__].pop("required", None)  # the defaults may say it
    schema["patternProperties"] = {"^x-": {}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
