"""People who enrolled, for tests that begin after that."""

from hub.access.one_time import STEP_SECONDS, new_totp
from hub.access.passwords import hash_of_password
from hub.access.people import (
    Person,
    add_member_person,
    add_operator,
    checked_login,
    credentials,
    enrol_password,
    login_hash,
    new_enrolment,
    open_enrolment,
)
from hub.access.types import CallerKind
from tests.gateway.contract_client import World

PASSWORD = "seven otters juggle quietly"


def member_with_password(world: World, login: str) -> str:
    """The world's member with this login; their id."""
    with world.database.work() as work:
        person = add_member_person(work, world.member, now=world.services.clock.now())
    return _enrolled(world, person, login, "")


def operator_with_password(world: World, name: str, *, scopes: tuple[str, ...]) -> str:
    """A new operator whose login is their name; their id."""
    with world.database.work() as work:
        person = add_operator(work, name=name, scopes=scopes, actor="alice", now=world.services.clock.now())
    return _enrolled(world, person, name, new_totp())


def _enrolled(world: World, person: Person, login: str, totp: str) -> str:
    services, now = world.services, world.services.clock.now()
    hashed = login_hash(services.people_secret, person.kind, checked_login(login))
    with world.database.work() as work:
        link = new_enrolment(work, services.vault, person, totp=totp, actor="alice", now=now)
        enrolment = open_enrolment(work, services.vault, link, now=now)
        password = hash_of_password(PASSWORD)
        enrol_password(work, services.vault, enrolment, login_hash=hashed, password_hash=password, step=0, now=now)
    return person.id


def totp_code(world: World, operator: str, *, steps_later: int = 0) -> str:
    """What the operator's authenticator shows at this moment, or some steps later."""
    import pyotp

    services = world.services
    with world.database.read() as work:
        hashed = work.fetch("SELECT login_hash FROM access_people WHERE id = %s", (operator,))[0][0]
        found = credentials(work, services.vault, kind=CallerKind.OPERATOR, hashed=hashed)
    assert found is not None
    return pyotp.TOTP(found.totp).generate_otp(int(services.clock.now().timestamp()) // STEP_SECONDS + steps_later)
