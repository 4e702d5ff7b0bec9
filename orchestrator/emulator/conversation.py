"""The default conversation: items in order, under the service's rules. Pure.

Items are values: a changed item is a new one in the old one's place.
"""

import re
from collections.abc import Mapping, Sequence

from orchestrator.dispatch.call import Json
from orchestrator.emulator.wire import NewId, Rejected, not_emulated

__all__ = ["Conversation", "Item", "completed"]

Item = Mapping[str, Json]

LONGEST_ID = 32
_ORDINARY = frozenset({"message", "function_call", "function_call_output", "mcp_approval_response"})


class Conversation:
    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._items: dict[str, Item] = {}
        self._order: list[str] = []

    @property
    def items(self) -> Sequence[Item]:
        return [self._items[item_id] for item_id in self._order]

    def insert(self, item: Item, after: str | None = None) -> str | None:
        """Add an item after another, in front (`root`) or (None) at the end.

        Returns the id of the item before it. Raises `Rejected`.
        """
        if item["id"] in self._items:
            message = f"Error adding item: an item with id '{item['id']}' already exists."
            raise Rejected("item_create_duplicate_item_id", message)
        at = self._place(after)
        self._order.insert(at, item["id"])
        self._items[item["id"]] = item
        return self._order[at - 1] if at else None

    def _place(self, after: str | None) -> int:
        if after is None:
            return len(self._order)
        if after == "root":
            return 0
        if after not in self._items:
            message = f"Error adding item: the previous item with id '{after}' does not exist."
            raise Rejected("item_create_invalid_previous_item_id", message)
        return self._order.index(after) + 1

    def before(self, item_id: str) -> str | None:
        """The id of the item before this one; None too if this one is not here."""
        at = self._order.index(item_id) if item_id in self._items else 0
        return self._order[at - 1] if at else None

    def replace(self, item: Item) -> None:
        """Put an item in its old self's place, unless that was deleted meanwhile."""
        if item["id"] in self._items:
            self._items[item["id"]] = item

    def find(self, item_id: str, purpose: str) -> Item:
        """The item. Raises `Rejected` with the code that belongs to the purpose (`delete`)."""
        if item_id not in self._items:
            code = f"item_{purpose}_invalid_item_id"
            message = f"Cannot {purpose} item: the item with id '{item_id}' does not exist."
            raise Rejected(code, message, "item_id")
        return self._items[item_id]

    def delete(self, item_id: str) -> None:
        self.find(item_id, "delete")
        del self._items[item_id]
        self._order.remove(item_id)

    def has_call(self, call_id: str) -> bool:
        return any(
            item["type"] == "function_call" and item["call_id"] == call_id
            for item in self._items.values()
        )


def completed(item: Item, new_id: NewId, path: str = "item") -> Item:
    """A client's item as the service keeps it; `path` is its place in the event.

    Raises `Rejected`.
    """
    if item["type"] not in _ORDINARY:
        raise not_emulated("MCP items but approval responses", f"{path}.type")
    for name in ("id", "call_id"):
        _check_id(item.get(name), f"{path}.{name}")
    whole = {**item, "id": item.get("id") or new_id("item"), "object": "realtime.item"}
    if item["type"] == "function_call" and not item.get("call_id"):
        whole["call_id"] = new_id("call")
    return {**whole, "status": "completed"}


def _check_id(value: str | None, param: str) -> None:
    if value and len(value) > LONGEST_ID:
        message = (
            f"Invalid '{param}': string too long. Expected a string with maximum length "
            f"{LONGEST_ID}, but got a string with length {len(value)} instead."
        )
        raise Rejected("string_above_max_length", message, param)
    if value and not re.fullmatch(r"[a-zA-Z0-9_-]+", value):
        message = f"Invalid '{param}': expected letters, digits, '_' and '-' only."
        raise Rejected("invalid_value", message, param)
