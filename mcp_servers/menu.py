"""The menu of a small bistro, as an MCP server: `python mcp_servers/menu.py` (stdio).

`--http PORT` serves streamable HTTP on 127.0.0.1 instead, at /mcp.
"""

import argparse
import unicodedata
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class Dish(BaseModel):
    """A dish of the menu. The price is in euros."""

    name: str
    course: str
    description: str
    price: float
    vegetarian: bool = False
    allergens: list[str] = []


class Dishes(BaseModel):
    """What a search found, in the menu's order."""

    dishes: list[Dish]


class Allergens(BaseModel):
    """The allergens of one dish; an empty list is none of the fourteen that must be named."""

    dish: str
    allergens: list[str]


MENU = [
    Dish(
        name="Onion soup",
        course="starter",
        description="browned onions, beef broth, toast with Comté",
        price=9.5,
        allergens=["gluten", "milk", "sulphites"],
    ),
    Dish(
        name="Leeks vinaigrette",
        course="starter",
        description="warm leeks, mustard dressing, chopped egg",
        price=8.5,
        vegetarian=True,
        allergens=["egg", "mustard"],
    ),
    Dish(
        name="Goat cheese salad",
        course="starter",
        description="warm goat cheese on toast, walnuts, honey",
        price=11.0,
        vegetarian=True,
        allergens=["gluten", "milk", "nuts"],
    ),
    Dish(
        name="Steak frites",
        course="main",
        description="rump steak, chips, shallot butter",
        price=23.0,
        allergens=["milk"],
    ),
    Dish(
        name="Mussels in cider",
        course="main",
        description="mussels, dry cider, cream, chips",
        price=19.5,
        allergens=["milk", "molluscs", "sulphites"],
    ),
    Dish(
        name="Ratatouille",
        course="main",
        description="aubergine, courgette, peppers, tomato, rice",
        price=16.0,
        vegetarian=True,
    ),
    Dish(
        name="Mushroom risotto",
        course="main",
        description="ceps, Parmesan, white wine",
        price=18.0,
        vegetarian=True,
        allergens=["milk", "sulphites"],
    ),
    Dish(
        name="Tarte Tatin",
        course="dessert",
        description="caramelised apples, puff pastry, crème fraîche",
        price=9.0,
        vegetarian=True,
        allergens=["gluten", "milk"],
    ),
    Dish(
        name="Poached pear",
        course="dessert",
        description="pear in spiced red wine, roasted almonds",
        price=8.0,
        vegetarian=True,
        allergens=["nuts", "sulphites"],
    ),
]

server = MCPServer("menu", version="1.0", subscriptions=False)


@server.tool(annotations=READ_ONLY)
def search_dishes(
    query: Annotated[
        str, Field(description="Words such as an ingredient or a course; empty for all")
    ],
    vegetarian: Annotated[bool, Field(description="Only dishes without meat or fish")] = False,
) -> Dishes:
    """Find dishes on the menu by name, ingredient or course."""
    words = plain(query).split()
    return Dishes(dishes=[dish for dish in MENU if fits(dish, words, vegetarian)])


@server.tool(annotations=READ_ONLY)
def allergens(
    dish: Annotated[str, Field(description="The name of a dish on the menu")],
) -> Allergens:
    """Name the allergens of a dish."""
    wanted = plain(dish)
    found = [each for each in MENU if wanted and wanted in plain(each.name)]
    exact = [each for each in found if plain(each.name) == wanted]
    match exact or found:
        case [one]:
            return Allergens(dish=one.name, allergens=one.allergens)
        case several:
            raise ToolError(which(dish, several))


def fits(dish: Dish, words: list[str], vegetarian: bool) -> bool:
    text = plain(f"{dish.name} {dish.course} {dish.description}")
    return all(word in text for word in words) and (dish.vegetarian or not vegetarian)


def which(dish: str, several: list[Dish]) -> str:
    """Words that let the caller's next question succeed."""
    if several:
        return f"{dish!r} could be {' or '.join(each.name for each in several)}."
    return f"There is no {dish!r} on the menu. There is: {', '.join(each.name for each in MENU)}."


def plain(text: str) -> str:
    """Lower case without accents, for comparing what was said with what is written."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each)).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="The menu of a small bistro, over MCP.")
    parser.add_argument("--http", type=int, metavar="PORT", help="serve HTTP on 127.0.0.1")
    port = parser.parse_args().http
    if port is None:
        server.run("stdio")
        return
    # Without settings nothing guards a local server against DNS rebinding.
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=["127.0.0.1:*", "localhost:*"],
    )
    server.run("streamable-http", host="127.0.0.1", port=port, transport_security=security)


if __name__ == "__main__":
    main()
