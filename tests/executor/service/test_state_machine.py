"""Clients and restarts in any order, against a model; `make faults` has more and longer runs."""

from hypothesis import HealthCheck, settings

from fault_harness.state_machine import ServiceMachine

TestService = ServiceMachine.TestCase
TestService.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
