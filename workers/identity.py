"""The identity desk of an IT service: who is calling, and a new password for them."""

import anyio

from orchestrator import Context, Refused, handler
from workers._store import transaction

EMPLOYEES = {"E10001": "+33600000001", "E10002": "+33600000002", "E10003": "+33600000003"}
SUSPENDED = {"E10003"}
PUSH = 0.5  # seconds until the pretended phone has answered

SCHEMA = "CREATE TABLE IF NOT EXISTS resets (key TEXT PRIMARY KEY, employee TEXT NOT NULL)"


@handler(queue="identity")
async def verify_employee(employee_id: str) -> dict[str, bool]:
    """Ask on the employee's phone. Whoever is unknown or suspended is not verified."""
    await anyio.sleep(PUSH)
    return {"ok": employee_id in EMPLOYEES and employee_id not in SUSPENDED}


@handler(queue="identity")
def reset_password(ctx: Context, employee_id: str) -> dict[str, str]:
    """Send a one-time link to the phone on record, once for each request."""
    phone = EMPLOYEES.get(employee_id)
    if phone is None:
        raise Refused(f"There is no employee {' '.join(employee_id)}.")
    with transaction("identity", SCHEMA) as store:
        store.execute("INSERT OR IGNORE INTO resets VALUES (?, ?)", [ctx.key, employee_id])
    return {"sent_to": f"the number that ends in {' '.join(phone[-2:])}"}
