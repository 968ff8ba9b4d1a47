"""Row-level security under everything the door reads: each table without any filter, as each partner."""

import itertools

import pytest

from hub.storage.isolation import READER
from tests.gateway.contract_client import World
from tests.gateway.making import MAKERS

_numbers = itertools.count(1)
PARTNERS = ("aerojet", "staywell", "bystander")
_UNIT = "(SELECT u.partner FROM unit u WHERE u.code IN (source_unit, target_unit))"
_OF_CONVERSION = "SELECT c.id FROM conversion c WHERE %(who)s IN (client_partner, source_partner, target_partner)"
_LEGS = f"SELECT l.id FROM leg l WHERE l.partner = %(who)s OR l.owner IN ({_OF_CONVERSION})"

# What a partner may see of a table, said once more and by other means than the policies: a condition for the owner.
SEEN = {
    "agreement": "partner = %(who)s",
    "agreement_price": "version IN (SELECT a.version FROM agreement a WHERE a.partner = %(who)s)",
    "approval": "partner = %(who)s",
    "campaign": f"state <> 'proposed' OR %(who)s IN {_UNIT}",
    "conversion": "%(who)s IN (client_partner, source_partner, target_partner)",
    "conversion_moment": f"conversion IN ({_OF_CONVERSION})",
    "leg": f"id IN ({_LEGS})",
    "leg_attempt": f"leg IN ({_LEGS})",
    "member": "partner = %(who)s",
    "member_link": "partner = %(who)s OR recorded_by = concat('partner:', %(who)s::text)",
    "notification": "partner = %(who)s",
    "rate_rule": f"state <> 'proposed' OR %(who)s IN {_UNIT}",
    "webhook_delivery": "partner = %(who)s",
    "webhook_endpoint": "partner = %(who)s",
    "webhook_event": "partner = %(who)s",
}


@pytest.fixture
def full(walked: World) -> World:
    """Something of everything for everybody."""
    for maker in MAKERS.values():
        for partner in PARTNERS:
            maker.make(walked, partner)
    walked.accept(key=f"full-{next(_numbers)}")  # between two of them, and nothing to the third
    with walked.database.work() as work:
        work.run(
            "INSERT INTO approval SELECT version, partner, 'somebody', proposed_at FROM agreement "
            "ON CONFLICT DO NOTHING"
        )
        work.run(
            "INSERT INTO leg_attempt (leg, number, kind, started_at, lease_until) "
            "SELECT id, 1, 'debit', created_at, created_at FROM leg ON CONFLICT DO NOTHING"
        )
        work.run(
            "INSERT INTO conversion_moment SELECT id, 99, created_at, 'seen', '', '' FROM conversion "
            "ON CONFLICT DO NOTHING"
        )
    return walked


def protected(world: World) -> list[str]:
    with world.database.read() as work:
        return [
            name
            for (name,) in work.fetch(
                "SELECT polrelid::regclass::text FROM pg_policy WHERE polroles = ARRAY[%s::regrole::oid] ORDER BY 1",
                (READER,),
            )
        ]


def rows(world: World, table: str, *, condition: str = "true", who: str = "", as_partner: str = "") -> set[str]:
    with world.database.read(as_partner=as_partner) as work, work.raw.cursor() as cursor:
        cursor.execute(f"SELECT {table}::text FROM {table} WHERE {condition}", {"who": who})  # type: ignore[arg-type]
        return {row[0] for row in cursor.fetchall()}


def test_a_forgotten_filter_returns_what_the_partner_may_see_and_nothing_more(full: World) -> None:
    for table, condition in SEEN.items():
        whole = rows(full, table)
        for who in PARTNERS:
            expected = rows(full, table, condition=condition, who=who)
            assert rows(full, table, as_partner=who) == expected, (table, who)
            assert expected, f"nothing of {table} is there to be seen by {who}"
            assert expected < whole or table in ("campaign",), f"nothing of {table} is there to be hidden from {who}"


def test_somebody_who_has_nothing_sees_nothing_of_any_protected_table(full: World) -> None:
    public = {"campaign", "rate_rule"}

    for table in protected(full):
        seen = rows(full, table, condition="state = 'proposed'" if table in public else "true", as_partner="nobody")
        assert seen == set(), table


def test_every_protected_table_of_the_door_is_looked_at(full: World) -> None:
    # A room that protects its own tables proves its policies in its own tests; these were here first.
    assert set(SEEN) <= set(protected(full))
