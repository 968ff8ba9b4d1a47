"""The checks in their order, and one run of them over one brand.

Knows which checks there are and how a brand is found and set up. What each of them demands stands in its own module.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from hub.kernel.clock import SystemClock
from partners.conformance import (
    happy,
    inquiries,
    keys,
    many,
    members,
    notices,
    recorded,
    refusals,
    reversals,
    secrecy,
)
from partners.conformance.answers import ANSWER_CHECKS
from partners.conformance.faults import (
    ECHO_CHECKS,
    UNKNOWN_CHECKS,
    duplicate,
    rate_limited,
    slow,
    token_expired,
    unreachable,
)
from partners.conformance.trial import Trial
from partners.conformance.types import Check, Finding, Report, Verdict, found, is_chosen
from partners.registry import Registry
from partners.sandbox.bench import Bench, on_trial
from partners.sandbox.faults import FaultPlan

_SLOW_MS = 150

# What names a mistake best comes first: what was sent, then what was read, then what went wrong on the way.
CHECKS: Mapping[str, Check[Trial]] = MappingProxyType(
    {
        one.id: one
        for one in (
            happy.verbs,
            happy.no_keys_in_the_folder,
            happy.sent_once,
            happy.sent_by_the_session,
            happy.under_its_own_key,
            happy.for_its_own_member,
            happy.amounts_arrive,
            happy.bonus_within,
            happy.a_yes_is_done,
            happy.balances_are_told,
            happy.trace_is_sent,
            members.numbers_are_known,
            members.active_members_are_valid,
            members.others_are_refused,
            members.names_are_compared,
            members.merged_members_are_followed,
            members.letters_are_kept,
            members.another_member_proves_nothing,
            members.failed_lookups_prove_nothing,
            keys.repeats_move_once,
            keys.races_move_once,
            keys.crowds_are_not_mixed,
            keys.conflicts_are_unknown,
            keys.keys_live,
            keys.keys_are_stated,
            refusals.not_retried,
            refusals.refusals_are_read,
            refusals.refusals_are_final,
            refusals.unfamiliar_reasons_prove_nothing,
            reversals.given_back_once,
            reversals.under_its_own_key,
            reversals.of_its_own_original,
            reversals.parts_up_to_the_whole,
            reversals.repeats_give_back_once,
            inquiries.what_was_done_is_found,
            inquiries.what_never_arrived_is_not_found,
            inquiries.another_key_proves_nothing,
            inquiries.failed_inquiries_prove_nothing,
            inquiries.inquiring_moves_nothing,
            unreachable,
            *UNKNOWN_CHECKS,
            *ECHO_CHECKS,
            rate_limited,
            token_expired,
            slow,
            duplicate,
            secrecy.nothing_secret_is_logged,
            secrecy.nothing_secret_is_answered,
            secrecy.nothing_personal_is_logged,
            *ANSWER_CHECKS,
            recorded.recorded_replies_are_read,
            many.outcomes_in_order,
            many.one_refused_among_many,
            many.batches_without_proof,
            many.none_at_all,
            notices.notices_are_read,
            notices.odd_notices_are_refused,
        )
    }
)


def run_checks(trial: Trial, checks: Collection[Check[Trial]], *, until_failed: bool = False) -> tuple[Finding, ...]:
    """Each check with its finding, in order; a failure does not stop the others unless `until_failed`."""
    simulator = trial.bench.simulator
    plan = simulator.plan
    simulator.set_plan(FaultPlan(slow_ms=_SLOW_MS, magic=False))
    findings = []
    try:
        for one in checks:
            findings.append(found(one, trial))
            if until_failed and findings[-1].verdict is Verdict.FAILED:
                break
    finally:
        simulator.set_plan(plan)
    return tuple(findings)


def check_bench(bench: Bench, registry: Registry, *, only: Collection[str] = (), until_failed: bool = False) -> Report:
    """What the checks find about a brand that is set up."""
    trial = Trial(bench, registry.folder(bench.profile.code))
    checks = [one for one in CHECKS.values() if is_chosen(one.id, only)]
    findings = run_checks(trial, checks, until_failed=until_failed)
    kind = "declarative" if bench.profile.declared else "rest"
    return Report(bench.profile.code, bench.profile.name, kind, SystemClock().now(), findings)


def check_brand(registry: Registry, code: str, *, only: Collection[str] = (), until_failed: bool = False) -> Report:
    """Set a brand up against its simulator, and try it. Raises: BrandUnknown, ProfileInvalid."""
    with on_trial(registry, code) as bench:
        return check_bench(bench, registry, only=only, until_failed=until_failed)
