"""The signature of a handler, read once: what is an argument of the tool, and what is injected."""

import inspect
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.errors import PydanticUserError

from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.worker.declare import Context
from orchestrator.worker.lifespans import place

__all__ = ["Signature"]


class Signature:
    """Which parameters are arguments; `shared` maps others to positions in what was shared."""

    def __init__(self, function: FunctionType, name: str, shared: Sequence[Any]) -> None:
        """Raises `UsageError`, with every problem."""
        where = f"{place(function)}: handler {function.__name__}"
        try:
            signature = inspect.signature(function, eval_str=True)
        except NameError as unknown:
            raise UsageError(f"{where}: {unknown} in the hints") from None
        parameters = dict(signature.parameters)
        first = next(iter(parameters.values()), None)
        self.wants_context = first is not None and first.annotation is Context
        if self.wants_context and first is not None:
            del parameters[first.name]
        self.shared = {
            n: shared.index(p.annotation) for n, p in parameters.items() if p.annotation in shared
        }
        self._parameters = {n: p for n, p in parameters.items() if n not in self.shared}
        if problems := [told for p in parameters.values() if (told := _problem(p, shared))]:
            raise UsageError(f"{where}: {'; '.join(problems)}")
        self._model = _model(name, self._parameters)
        self.result = _result(signature.return_annotation)

    @property
    def arguments(self) -> dict[str, Json]:
        """JSON Schema of the arguments."""
        return self._model.model_json_schema()

    def validate(self, arguments: Mapping[str, Json]) -> dict[str, Any]:
        """The arguments as the hints want them. Raises `pydantic.ValidationError`."""
        given = self._model.model_validate(arguments)
        return {name: getattr(given, _field(name)) for name in self._parameters}


def _problem(parameter: inspect.Parameter, shared: Sequence[Any]) -> str | None:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        return f"{parameter} cannot be given by name"
    if parameter.annotation is parameter.empty:
        return f"{parameter.name} has no type hint"
    if parameter.annotation is Context:
        return f"{parameter.name}: the Context comes first"
    if parameter.annotation not in shared and not _has_schema(parameter.annotation):
        kind = getattr(parameter.annotation, "__name__", str(parameter.annotation))
        return f"{parameter.name}: JSON has no {kind}, and no lifespan here yields one"
    return None


def _has_schema(annotation: Any) -> bool:
    try:
        TypeAdapter(annotation).json_schema()
    except PydanticUserError:
        return False
    return True


def _result(annotation: Any) -> dict[str, Json] | None:
    if annotation is inspect.Signature.empty or not _has_schema(annotation):
        return None
    return TypeAdapter(annotation).json_schema(mode="serialization")


def _model(name: str, parameters: Mapping[str, inspect.Parameter]) -> type[BaseModel]:
    """A pydantic model of the parameters.

    Its fields have names of their own, because a parameter may be called `schema`,
    `json` or anything else that a model has already.
    """
    fields: dict[str, Any] = {
        _field(name): (
            Annotated[p.annotation, Field(alias=name)],
            ... if p.default is p.empty else p.default,
        )
        for name, p in parameters.items()
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _field(parameter: str) -> str:
    return f"p_{parameter}"
