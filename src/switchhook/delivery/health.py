"""The breaker, applied to a lane: what an outcome makes of its endpoint's health."""

from switchhook.delivery.breaker import Verdict, after_failure, after_success, worth_saving
from switchhook.delivery.lane import Lane
from switchhook.delivery.outcome import Fault, Outcome
from switchhook.storage.outbox import HealthRow


def follow(lane: Lane, outcome: Outcome, now: int) -> tuple[HealthRow | None, Verdict]:
    """Take an outcome of `now` (wall ms) into the lane's health.

    Returns the row to record, None when the stored one is near enough, and whether the endpoint is to be disabled.
    """
    verdict = Verdict.NOTHING
    if outcome.ok:
        lane.health = after_success()
    elif outcome.fault is not Fault.SENDER:  # our own failure says nothing about the endpoint
        lane.health, verdict = after_failure(lane.health, now)
    if not worth_saving(lane.health_saved, lane.health):
        return None, verdict
    lane.health_saved = health = lane.health
    return HealthRow(lane.workspace, lane.endpoint, health.first, health.last, health.clock), verdict
