"""Clients and restarts in any order, against a model."""

from hypothesis import HealthCheck, settings

from fault_harness.extent import ROUNDS
from fault_harness.state_machine import ServiceMachine

TestService = ServiceMachine.TestCase
TestService.settings = settings(
    max_examples=ROUNDS,
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
