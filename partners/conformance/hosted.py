"""What can honestly be said about a programme that the hub keeps itself: there is no partner to call.

Knows the programme's declaration. What lots, expiry and reversals do is the hub's own work, held by its own tests.
"""

from partners.conformance.types import Check, ContractBroken, Group, NotApplicable, check
from partners.hosted.programme import Programme


@check("hosted.numbers", Group.HOSTED, "Membership numbers are the programme's own, check digits and all.")
def numbers_are_its_own(programme: Programme) -> None:
    """The first, the last and some between."""
    scheme = programme.numbers
    most = 10**scheme.digits - 1
    for draw in (0, 7, most // 3, most):
        number = scheme.number(draw)
        if not scheme.knows(number):
            raise ContractBroken(
                f"The programme does not know its own number {number}", "known", "Correct [numbers] in programme.toml"
            )


@check("hosted.calls", Group.HOSTED, "Debits, credits, reversals and inquiries keep the contract.")
def there_is_nobody_to_call(programme: Programme) -> None:
    """Nothing to try."""
    raise NotApplicable(
        f"the hub keeps {programme.name} itself: there is no partner to call and no adapter to check; lots, expiry and"
        " reversals are held by the tests of hub/hosted"
    )


HOSTED_CHECKS: tuple[Check[Programme], ...] = (numbers_are_its_own, there_is_nobody_to_call)
