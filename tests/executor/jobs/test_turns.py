"""Which job begins next, and what two tenants' jobs get of one thread."""

from pathlib import Path
from typing import Any

from asg_executor.access.keys import KeyStore
from asg_executor.access.principal import Scope
from asg_executor.jobs.job import Job
from asg_executor.jobs.turns import Turns
from asg_executor.store.jobs import JobRecord
from executor_harness.in_process import in_process
from executor_harness.jobs import add_dataset, create_session, data, start_job

SETTINGS: dict[str, Any] = {"dataset": "d", "batch_size": 1}


def waiting(*tenants: str) -> list[Job]:
    return [
        Job(JobRecord(f"{number}", tenant, "s", 0, 1, SETTINGS, float(number), None, ""))
        for number, tenant in enumerate(tenants)
    ]


def order(turns: Turns, jobs: list[Job], running: list[Job], slots: int) -> str:
    """The tenants of the jobs in the order in which they begin, where of those that run the oldest ends each time."""
    begun = ""
    while jobs:
        job = turns.next(running, jobs)
        if job is None or len(running) >= slots:
            assert running
            del running[0]
            continue
        turns.began(job)
        jobs.remove(job)
        running.append(job)
        begun += job.record.tenant
    return begun


def test_tenants_take_turns_whoever_asked_first() -> None:
    assert order(Turns(1, 1), waiting(*"aaaab"), [], 1) == "abaaa"
    assert order(Turns(1, 1), waiting(*"aaabbc"), [], 1) == "abcaba"
    assert order(Turns(2, 2), waiting(*"aaab"), [], 2) == "abaa"


def test_no_tenant_waits_for_another_ones_jobs_to_end() -> None:
    turns, running = Turns(2, 2), waiting(*"aa")
    (own, other) = waiting(*"ab")
    assert turns.next(running, [own]) is None
    assert turns.next(running, [own, other]) is other
    assert turns.next([*running, other], waiting("b")) is None, "its second one does"


def test_of_one_tenant_no_more_begin_than_may() -> None:
    assert Turns(4, 1).next(waiting("a"), waiting("a")) is None


def test_a_tenants_one_job_gets_as_many_steps_as_another_ones_three(tmp_path: Path) -> None:
    """One thread computes them all. Counted in steps, so that it does not matter how fast they are."""
    with in_process(data_dir=tmp_path, workers=1, require_key=True) as server:
        keys: KeyStore = server.app.state.service.keys
        tokens = {tenant: keys.create(tenant, tenant, Scope.TRAIN)[0] for tenant in ("many", "one")}
        heads = {tenant: {"Authorization": f"Bearer {token}"} for tenant, token in tokens.items()}
        jobs: dict[str, list[str]] = {}
        for tenant, count in (("many", 3), ("one", 1)):
            server.http.headers.update(heads[tenant])
            dataset = add_dataset(server.http, data())
            jobs[tenant] = [
                start_job(server.http, create_session(server.http), dataset=dataset, batch_size=1, epochs=10_000)
                for _ in range(count)
            ]

        def steps() -> dict[str, int]:
            found: dict[str, int] = {}
            for tenant, own in jobs.items():
                server.http.headers.update(heads[tenant])
                found[tenant] = sum(server.http.get(job).json()["step"] for job in own)
            return found

        def watch() -> dict[str, int]:
            before = steps()
            while (now := steps())["one"] < before["one"] + 100:
                server.http.get(jobs["many"][0], headers=heads["many"], params={"after": 10**9, "wait": 1})
            return {tenant: now[tenant] - before[tenant] for tenant in now}

        while min(steps().values()) < 10:
            server.http.get(jobs["many"][0], headers=heads["many"], params={"after": 10**9, "wait": 1})
        taken = watch()
        for tenant, own in jobs.items():
            for job in own:
                server.http.post(f"{job}/cancel", headers=heads[tenant])
    # Without turns it would be 3 to 1. It is not quite 1 to 1: the thread does not wait for the next step of a tenant.
    assert taken["many"] < 2.5 * taken["one"], taken
