from itertools import islice

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.placeholders import placeholders


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"format": "phone"}, "0712345678", ["+15550100007", "+15550100008"]),
        ({"format": "email"}, "a@b.example", ["caller7@example.com", "caller8@example.com"]),
        ({"format": "date"}, "1990-05-17", ["2000-01-08", "2100-01-08"]),
        ({"format": "date-time"}, "1990-05-17T10:00", ["2000-01-01T00:07", "2100-01-01T00:07"]),
        ({"format": "time"}, "19:30", ["00:07", "00:08"]),
        ({"format": "duration"}, 90, [7, 8]),
        ({"type": "integer", "minimum": 1, "maximum": 20}, 4, [8, 13]),
        ({"type": "number"}, 0.5, [7, 8]),
        ({"type": "boolean"}, True, [True, False]),
        ({"type": "string", "enum": ["a", "b"]}, "a", ["b", "a"]),
        ({"type": "string"}, "Ab-12", ["Aa-07", "Ab-07"]),
        ({"type": "array", "items": {"format": "phone"}}, ["1", "2"],
         [["+15550100007", "+15550100008"], ["+15550100008", "+15550100009"]]),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": 1, "x": "Q"},
         [{"n": 7, "x": "H"}, {"n": 8, "x": "I"}]),
        ({}, "Q", ["H", "Q"]),
        ({}, 3, [7, 8]),
    ],
)  # fmt: skip
def test_each_type_counts_in_its_own_way(
    schema: dict[str, Json], value: Json, expected: list[Json]
) -> None:
    assert list(islice(placeholders(schema, value, 7), 2)) == expected
