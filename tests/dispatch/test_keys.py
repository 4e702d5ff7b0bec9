"""The names of keys in Redis tell nobody who somebody is."""

import hashlib

from orchestrator.dispatch import keys


def test_an_idempotency_key_cannot_be_read_from_the_name_of_its_record() -> None:
    digest = hashlib.sha256(b"pay-+33612345678").hexdigest()
    name = keys.key_record("bank", "pay", "pay-+33612345678")
    assert name == f"orc:{{q:bank}}:done:pay:{digest}"
    assert name != keys.key_record("bank", "refund", "pay-+33612345678")
