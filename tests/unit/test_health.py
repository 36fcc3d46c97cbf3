"""Liveness and readiness differ."""

from __future__ import annotations

from stream.observe.health import STALLED_AFTER, Health


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_is_not_ready_before_it_listens():
    health = Health(Clock())

    assert health.not_ready() == "starting"
    assert health.not_alive() is None


def test_waiting_for_a_dependency_fails_readiness_and_never_liveness():
    clock = Clock()
    health = Health(clock)
    health.started = True
    health.saw_lag(100)
    health.wait("Postgres")
    clock.now += 100 * STALLED_AFTER

    assert health.not_ready() == "waiting for Postgres"
    assert health.not_alive() is None


def test_a_loop_that_stands_still_while_input_lags_is_dead():
    clock = Clock()
    health = Health(clock)
    health.started = True
    health.progress()
    health.saw_lag(3)
    clock.now += STALLED_AFTER + 1

    assert health.not_alive() == f"no progress for {STALLED_AFTER + 1:.0f} s while 3 messages wait"
    health.progress()
    assert health.not_alive() is None


def test_a_quiet_night_is_no_stall():
    clock = Clock()
    health = Health(clock)
    health.started = True
    for _ in range(10):
        health.saw_lag(0)
        clock.now += STALLED_AFTER
    health.saw_lag(0)

    assert health.not_alive() is None
