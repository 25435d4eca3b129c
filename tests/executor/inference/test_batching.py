"""Requests that are computed together: when, and what each of them gets."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from asg_executor.inference.batching import Batcher
from executor_harness.in_process import Server, in_process
from executor_harness.inference import infer, mirror, model_of, read_answer, request_body
from executor_harness.problems import problem

Array = npt.NDArray[Any]


class Clock:
    """Schedules calls, and makes them when it is told to."""

    def __init__(self) -> None:
        self.scheduled: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def __call__(self, delay: float, function: Callable[[], None]) -> "Clock":
        self.scheduled.append((delay, function))
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def gathered(max_rows: int, use: Callable[[Batcher[str, int], Clock], None]) -> list[tuple[str, list[int]]]:
    """The batches that are computed."""
    batches: list[tuple[str, list[int]]] = []

    async def run(kind: str, items: Sequence[int]) -> None:
        batches.append((kind, list(items)))

    async def main() -> None:
        clock = Clock()
        batcher = Batcher[str, int](0.005, max_rows, run, clock)
        use(batcher, clock)
        await asyncio.sleep(0)

    asyncio.run(main())
    return batches


def test_the_first_of_a_batch_waits_as_long_as_it_may_and_no_longer() -> None:
    def use(batcher: Batcher[str, int], clock: Clock) -> None:
        for number in range(3):
            batcher.add("a", number, 1)
        assert [delay for delay, _ in clock.scheduled] == [0.005]  # later ones do not begin the wait anew
        assert batcher.waiting == {"a": 3}
        clock.scheduled[0][1]()
        assert batcher.waiting == {}
        batcher.add("a", 3, 1)
        assert len(clock.scheduled) == 2

    assert gathered(8, use) == [("a", [0, 1, 2])]


def test_a_full_batch_waits_for_nothing() -> None:
    def use(batcher: Batcher[str, int], clock: Clock) -> None:
        batcher.add("a", 0, 3)
        batcher.add("a", 1, 1)
        assert clock.cancelled == 1
        assert batcher.waiting == {}

    assert gathered(4, use) == [("a", [0, 1])]


def test_a_batch_is_never_larger_than_it_may_be() -> None:
    def use(batcher: Batcher[str, int], clock: Clock) -> None:
        batcher.add("a", 0, 3)
        batcher.add("a", 1, 2)
        assert batcher.waiting == {"a": 1}
        assert clock.cancelled == 1
        clock.scheduled[1][1]()

    assert gathered(4, use) == [("a", [0]), ("a", [1])]


def test_different_kinds_do_not_wait_for_each_other() -> None:
    def use(batcher: Batcher[str, int], clock: Clock) -> None:
        batcher.add("a", 0, 1)
        batcher.add("b", 1, 1)
        batcher.add("b", 2, 1)
        clock.scheduled[1][1]()

    assert gathered(4, use) == [("b", [1, 2])]


TABLE = json.dumps(
    {
        "asg": 1,
        "inputs": [{"id": "i", "dtype": "int64", "shape": ["n"]}],
        "parameters": [{"id": "table", "dtype": "float32", "shape": [5, 2], "init": {"kind": "normal"}}],
        "nodes": [{"id": "rows", "op": "take", "inputs": ["table", "i"], "axis": 0}],
        "outputs": [{"name": "rows", "value": "rows"}],
    }
)
MIXED = json.dumps(
    {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "nodes": [
            {"id": "mean", "op": "mean", "inputs": ["x"], "axis": [0], "keepdims": True},
            {"id": "y", "op": "subtract", "inputs": ["x", "mean"]},
        ],
        "outputs": [{"name": "y", "value": "y"}],
    }
)


def ask_all(server: Server, model: str, requests: Sequence[dict[str, Array]], **fields: Any) -> list[httpx.Response]:
    """The answers to requests that are sent at the same time."""

    async def ask() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            bodies = [request_body(inputs, parameters={"binary_data_output": True}, **fields) for inputs in requests]
            return await asyncio.gather(
                *(http.post(f"/v2/models/{model}/infer", content=body, headers=headers) for body, headers in bodies)
            )

    return server.runner.run(ask())


def batch_sizes(server: Server, model: str) -> dict[int, int]:
    (statistics,) = server.http.get(f"/v2/models/{model}/stats").json()["model_stats"]
    return {item["batch_size"]: item["compute_infer"]["count"] for item in statistics["batch_stats"]}


def test_requests_at_the_same_time_are_one_run_and_each_gets_its_rows() -> None:
    with in_process(workers=2, batching_max_delay_ms=2000.0, batching_max_size=10) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        config = server.http.get(f"/v2/models/{model}/config").json()
        assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 2_000_000
        arrays = [np.full((rows, 3), rows, np.float32) + np.arange(3, dtype=np.float32) for rows in (1, 2, 3, 4)]
        answers = ask_all(server, model, [{"in.float32": array} for array in arrays])
        for array, answer in zip(arrays, answers, strict=True):
            np.testing.assert_array_equal(read_answer(answer)["out.float32"], array[:, ::-1])
        assert batch_sizes(server, model) == {10: 1}
        (statistics,) = server.http.get(f"/v2/models/{model}/stats").json()["model_stats"]
        assert (statistics["inference_count"], statistics["execution_count"]) == (10, 1)


def test_a_wait_ends_though_nobody_else_comes() -> None:
    with in_process(workers=1, batching_max_delay_ms=1.0, batching_max_size=10) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        array = np.ones((3, 3), np.float32)
        np.testing.assert_array_equal(
            read_answer(infer(server.http, model, {"in.float32": array}, binary=False))["out.float32"], array
        )
        assert batch_sizes(server, model) == {3: 1}


def test_a_request_that_fails_does_so_alone() -> None:
    with in_process(workers=2, batching_max_delay_ms=2000.0, batching_max_size=4) as server:
        model = model_of(server.http, predict=TABLE)
        indices = [0, 7, 3, 4]
        answers = ask_all(server, model, [{"i": np.array([index])} for index in indices])
        assert "index 7 at [0]" in problem(answers.pop(1), "index_out_of_range")["detail"]
        table = server.http.get(f"/v1/sessions/{model}/parameters", headers={"Accept": "application/json"}).json()
        rows = np.array(table["parameters"]["table"]["data"], np.float32).reshape(5, 2)
        for index, answer in zip([0, 3, 4], answers, strict=True):
            np.testing.assert_array_equal(read_answer(answer)["rows"], rows[[index]])


def test_a_request_of_the_wrong_shape_disturbs_nobody() -> None:
    with in_process(workers=2, batching_max_delay_ms=2000.0, batching_max_size=2) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        good = np.ones((1, 3), np.float32)
        answers = ask_all(
            server, model, [{"in.float32": good}, {"in.float32": np.ones((1, 4), np.float32)}, {"in.float32": good}]
        )
        problem(answers.pop(1), "interface_mismatch")
        assert [answer.status_code for answer in answers] == [200, 200]
        assert batch_sizes(server, model) == {2: 1}


def test_graphs_that_mix_rows_are_computed_one_by_one_and_say_why() -> None:
    with in_process(workers=2, batching_max_delay_ms=10_000.0, batching_max_size=100) as server:
        model = model_of(server.http, predict=MIXED)
        arrays = [np.array([1, 3], np.float32), np.array([10], np.float32)]
        answers = ask_all(server, model, [{"x": array} for array in arrays])
        for array, answer in zip(arrays, answers, strict=True):
            np.testing.assert_array_equal(read_answer(answer)["y"], array - array.mean())
        assert batch_sizes(server, model) == {1: 2}
        reason = server.http.get(f"/v2/models/{model}/config").json()["parameters"]["batching"]["string_value"]
        assert reason == 'off: node "mean" (mean) is not known to keep the rows of "n" apart'


def test_rows_that_are_many_wait_for_nobody() -> None:
    with in_process(workers=1, batching_max_delay_ms=60_000.0, batching_max_size=2) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        for rows in (0, 2, 5):
            array = np.ones((rows, 3), np.float32)
            answer = infer(server.http, model, {"in.float32": array}, parameters={"binary_data_output": True})
            np.testing.assert_array_equal(read_answer(answer)["out.float32"], array)


def test_a_request_whose_time_is_over_fails_alone() -> None:
    with in_process(workers=1, batching_max_delay_ms=20.0, batching_max_size=10) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        inputs = {"in.float32": np.ones((1, 3), np.float32)}

        async def ask() -> list[httpx.Response]:
            async with server.asynchronous() as http:
                bodies = [request_body(inputs, parameters=parameters) for parameters in ({"timeout": 1}, {})]
                return await asyncio.gather(
                    *(http.post(f"/v2/models/{model}/infer", content=body, headers=headers) for body, headers in bodies)
                )

        late, good = server.runner.run(ask())
        assert "had not begun" in problem(late, "inference_timeout")["detail"]
        assert good.status_code == 200


def test_a_client_that_goes_away_takes_nobody_along() -> None:
    with in_process(workers=1, batching_max_delay_ms=2000.0, batching_max_size=3) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        body, headers = request_body({"in.float32": np.ones((1, 3), np.float32)})
        url = f"/v2/models/{model}/infer"

        async def ask() -> list[httpx.Response]:
            async with server.asynchronous() as http:
                leaving = asyncio.ensure_future(http.post(url, content=body, headers=headers))
                while server.app.state.service.pool.admitted == 0:
                    await asyncio.sleep(0.001)
                staying = [asyncio.ensure_future(http.post(url, content=body, headers=headers)) for _ in range(2)]
                leaving.cancel()
                return await asyncio.gather(*staying)

        assert [answer.status_code for answer in server.runner.run(ask())] == [200, 200]
