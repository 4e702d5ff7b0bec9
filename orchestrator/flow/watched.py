"""Which names an expression reads, found out while it is evaluated. Pure."""

from collections.abc import Iterator, Mapping

from orchestrator.dispatch.call import Json

__all__ = ["Watched"]


class Watched(Mapping[str, Json]):
    """A scope that remembers in `read` what was looked up in it."""

    def __init__(self, scope: Mapping[str, Json]) -> None:
        self.read: set[str] = set()
        self._scope = scope

    def __getitem__(self, name: str) -> Json:
        self.read.add(name)
        return self._scope[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope)

    def __len__(self) -> int:
        return len(self._scope)
