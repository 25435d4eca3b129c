"""Sessions in mixed precision: rounded contractions, float32 weights, and a loss scale that follows the gradients."""

from typing import Any

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_executor import Session
from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import NonFiniteStepError, SessionError
from asg_executor.sessions.precision import MixedPrecision
from asg_schema.document import Document

ENGINES = ["numpy", "native"]
FLOAT16 = {"kind": "mixed", "dtype": "float16"}
SGD = {"kind": "sgd", "learning_rate": 0.5}


def product_document() -> Document:
    """The loss is the sum of x · w: the gradient by w is the sum of the rows of x."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", 2]}],
            "parameters": [{"id": "w", "dtype": "float32", "shape": [2, 1], "init": {"kind": "ones"}}],
            "nodes": [
                {"id": "y", "op": "matmul", "inputs": ["x", "w"]},
                {"id": "loss", "op": "sum", "inputs": ["y"]},
            ],
            "outputs": [{"name": "y", "value": "y"}, {"name": "loss", "value": "loss"}],
        }
    )


FORWARD = product_document()
PLAIN, SCALED = grad(FORWARD), grad(FORWARD, loss_scale=True)
X = np.array([[1 + 2**-9, 0.5]], np.float32)  # bfloat16 has 8 bits: 1 + 2⁻⁹ becomes 1


def scaled_session(engine: str = "auto", *, optimizer: Any = SGD, non_finite: Any = "apply", **scaling: Any) -> Session:
    precision = {**FLOAT16, "loss_scaling": {"init_scale": 1024.0, **scaling}}
    graphs = {"train": SCALED, "predict": FORWARD}
    return Session(graphs, optimizer, engine=engine, precision=precision, non_finite=non_finite)


def assert_state(session: Session, scale: float, finite_steps: int) -> None:
    state = session.state()
    assert session.loss_scale == float(state["loss_scale:"]) == scale
    assert int(state["finite_steps:"]) == finite_steps


@pytest.mark.parametrize("engine", ENGINES)
def test_products_are_rounded_and_weights_are_not(engine: str) -> None:
    session = Session({"train": PLAIN}, SGD, engine=engine, precision="mixed", parameters={"w": [[1 + 2**-20], [1.0]]})
    assert session.precision == MixedPrecision(kind="mixed", dtype="bfloat16")
    results = session.step({"x": X}, outputs=["y", "grad.w"])
    # The weight 1 + 2⁻²⁰ and x are rounded in the product, and the gradient is the rounded x.
    np.testing.assert_array_equal(results["y"], [[1.5]])
    np.testing.assert_array_equal(results["grad.w"], [[1.0], [0.5]])
    weight = session.parameters()["w"]
    assert weight.dtype == np.float32
    np.testing.assert_array_equal(weight, np.array([[0.5 + 2**-20], [0.75]], np.float32))
    np.testing.assert_array_equal(session.run("train", {"x": X}, ["y"])["y"], [[0.875]])


def test_as_written_is_the_default_and_changes_nothing() -> None:
    choices: list[dict[str, Any]] = [{}, {"precision": "as_written"}, {"precision": {"kind": "mixed"}}]
    results = [Session({"train": PLAIN}, SGD, **settings).step({"x": X})["y"] for settings in choices]
    np.testing.assert_array_equal(results[0], X.sum(keepdims=True))
    np.testing.assert_array_equal(results[0], results[1])
    assert results[2] != results[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_are_multiplied_and_divided_by_the_scale(engine: str) -> None:
    # The cotangent of the product is 2⁻²⁶, which float16 makes 0, and 2⁻¹⁰ with the scale.
    source = FORWARD.to_dict()
    source["nodes"] += [
        {"id": "small", "op": "full", "dtype": "float32", "shape": [], "value": 2.0**-26},
        {"id": "little", "op": "multiply", "inputs": ["loss", "small"]},
    ]
    source["outputs"].append({"name": "little", "value": "little"})
    document = Document.from_dict(source)
    x = np.array([[3.0, 0.5]], np.float32)
    lost = Session({"train": grad(document, of="little")}, SGD, engine=engine, precision=FLOAT16)
    np.testing.assert_array_equal(lost.step({"x": x}, ["grad.w"])["grad.w"], [[0], [0]])
    optimizer = {"kind": "sgd", "learning_rate": 2.0**20}
    kept = Session({"train": grad(document, of="little", loss_scale=True)}, optimizer, engine=engine, precision=FLOAT16)
    assert_state(kept, 65536.0, 0)
    results = kept.step({"x": x}, ["grad.w", "loss"])
    np.testing.assert_array_equal(results["grad.w"], x.T * 2.0**-26)
    assert results["loss"] == 3.5, "outputs are not scaled"
    np.testing.assert_array_equal(kept.parameters()["w"], 1 - x.T * 2.0**-6)
    assert_state(kept, 65536.0, 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("non_finite", ["apply", "skip", "fail"])
def test_an_infinite_gradient_changes_the_scale_alone(engine: str, non_finite: str) -> None:
    session = scaled_session(engine, optimizer={"kind": "adam", "average_decay": 0.9}, non_finite=non_finite)
    session.step({"x": X})
    before = session.state()
    # 1024 · 1024 is beyond float16.
    session.step({"x": np.full((1, 2), 1024, np.float32)})
    assert (session.number, session.skipped) == (2, True)
    assert_state(session, 512.0, 0)
    after = session.state()
    assert {name for name in after if not np.array_equal(before[name], after[name])} == {"loss_scale:", "finite_steps:"}
    session.step({"x": X})
    assert (session.number, session.skipped) == (3, False)
    assert_state(session, 512.0, 1)


def test_the_scale_grows_after_enough_finite_steps_in_a_row() -> None:
    session = scaled_session(init_scale=8.0, growth_factor=4.0, backoff_factor=0.25, growth_interval=3)
    huge = np.full((1, 2), 60000, np.float32)
    expected = [(8, 1), (8, 2), (2, 0), (2, 1), (2, 2), (8, 0), (8, 1)]
    for number, (scale, finite) in enumerate(expected):
        session.step({"x": huge if number == 2 else X})
        assert session.skipped == (number == 2)
        assert_state(session, scale, finite)


@pytest.mark.usefixtures("each_engine")
def test_the_scale_stays_a_normal_number() -> None:
    session = scaled_session(init_scale=2.0**-125, backoff_factor=0.125)
    session.step({"x": np.full((1, 2), np.inf, np.float32)})
    assert session.loss_scale == 2.0**-126
    session = scaled_session(init_scale=2.0**127, growth_interval=1, growth_factor=3.0)
    session.step({"x": np.zeros((1, 2), np.float32)})
    assert (session.skipped, session.loss_scale) == (True, 2.0**126), "the scale itself is infinite in float16"


def test_a_scale_grows_only_as_far_as_float32_does() -> None:
    wide = Document.from_json(SCALED.to_json())
    session = Session(
        {"train": wide},
        SGD,
        precision={"kind": "mixed", "loss_scaling": {"init_scale": 2.0**127, "growth_interval": 1}},
    )
    session.step({"x": np.full((1, 2), 2.0**-3, np.float32)})
    assert (session.skipped, session.loss_scale) == (False, 2.0**127)


def test_clipping_sees_unscaled_gradients() -> None:
    clipped = scaled_session(optimizer={**SGD, "clip_global_norm": 1.0})
    clipped.step({"x": np.array([[3.0, 4.0]], np.float32)})
    np.testing.assert_allclose(clipped.parameters()["w"], [[1 - 0.3], [1 - 0.4]], rtol=1e-6)


@pytest.mark.parametrize("accumulation", ["sum", "mean"])
def test_micro_batches_and_parts_are_unscaled_once(accumulation: str) -> None:
    optimizer = {**SGD, "accumulation": accumulation}
    batches = [{"x": [[1.0, 2.0]]}, {"x": [[3.0, 4.0], [1.0, 0.0]]}]
    whole, parts = scaled_session(optimizer=optimizer), scaled_session(optimizer=optimizer)
    whole.step_micro_batches(batches)
    share = 0.5 if accumulation == "mean" else 1.0
    np.testing.assert_array_equal(whole.parameters()["w"], [[1 - 0.5 * 5 * share], [1 - 0.5 * 6 * share]])
    partial = parts.partial_steps.begin(["grad.w"])
    first, second = (parts.partial_steps.add(partial, batch)["grad.w"] for batch in batches)
    np.testing.assert_array_equal([first, second], [[[1], [2]], [[4], [4]]])
    parts.partial_steps.take(partial)
    assert parts.digest() == whole.digest()


def test_an_overflow_in_one_part_skips_the_step() -> None:
    session = scaled_session()
    session.step_micro_batches([{"x": X}, {"x": np.full((1, 2), 1024, np.float32)}, {"x": X}])
    assert session.skipped
    np.testing.assert_array_equal(session.parameters()["w"], [[1], [1]])
    assert session.loss_scale == 512.0


def test_state_updates_are_undone_with_the_step() -> None:
    source = FORWARD.to_dict()
    source["parameters"].append({"id": "seen", "dtype": "float32", "shape": [], "trainable": False})
    source["nodes"] += [
        {"id": "one", "op": "full", "dtype": "float32", "shape": [], "value": 1},
        {"id": "next", "op": "add", "inputs": ["seen", "one"]},
    ]
    source["outputs"].append({"name": "next", "value": "next", "role": {"kind": "state_update", "of": "seen"}})
    session = Session(
        {"train": grad(Document.from_dict(source), loss_scale=True)},
        SGD,
        precision={**FLOAT16, "loss_scaling": {"init_scale": 1024.0}},
    )
    session.step({"x": X})
    session.step({"x": np.full((1, 2), 1024, np.float32)})
    assert (session.skipped, float(session.parameters()["seen"])) == (True, 1.0)


def test_a_recorder_that_fails_leaves_the_scale() -> None:
    session = scaled_session(growth_interval=1)

    def fail(_results: object) -> None:
        assert session.loss_scale == 2 * 1024.0
        raise OSError("no room")

    digest = session.digest()
    with pytest.raises(OSError, match="no room"):
        session.step({"x": X}, recorder=fail)
    assert (session.digest(), session.loss_scale) == (digest, 1024.0)


def test_restore_takes_the_scale_along_and_parameters_alone_do_not() -> None:
    session = scaled_session(growth_interval=2)
    for _ in range(3):
        session.step({"x": X})
    saved, digest = session.state(), session.digest()
    other = scaled_session(growth_interval=2)
    other.restore(3, saved)
    assert other.digest() == digest
    assert_state(other, 2 * 1024.0, 1)
    for item in (session, other):
        item.step({"x": X})
    assert other.digest() == session.digest()
    other.restore_parameters(3, saved)
    assert_state(other, 1024.0, 0)
    with pytest.raises(InterfaceError, match="part of the state"):
        Session({"train": SCALED}, SGD, precision="as_written").restore(3, saved)


def test_runs_and_unscaled_sessions_have_a_scale_of_one() -> None:
    session = scaled_session()
    np.testing.assert_array_equal(session.run("train", {"x": X}, ["grad.w"])["grad.w"], [[X[0, 0]], [0.5]])
    plain = Session({"train": SCALED}, SGD)
    assert (plain.loss_scale, [name for name in plain.state() if name.endswith(":")]) == (None, [])
    twin = Session({"train": PLAIN}, SGD)
    for item in (plain, twin):
        item.step({"x": X})
    assert plain.digest() == twin.digest()
    unscaled = Session({"train": PLAIN}, SGD, precision=FLOAT16)
    assert unscaled.loss_scale is None


@pytest.mark.parametrize("call", ["step", "run"])
def test_a_caller_does_not_give_the_scale(call: str) -> None:
    session = scaled_session()
    inputs = {"x": X, "loss_scale": 1.0}
    with pytest.raises(InterfaceError, match='"loss_scale" is the loss scale, which the session gives; leave it out'):
        session.step(inputs) if call == "step" else session.run("train", inputs)
    assert session.number == 0


def test_a_loss_in_float16_takes_what_float16_holds() -> None:
    source = FORWARD.to_dict()
    source["nodes"].append({"id": "half", "op": "astype", "inputs": ["loss"], "dtype": "float16"})
    source["outputs"].append({"name": "half", "value": "half"})
    session = Session({"train": grad(Document.from_dict(source), of="half", loss_scale=True)}, SGD, precision=FLOAT16)
    session.step({"x": X})
    assert (session.skipped, session.loss_scale) == (True, 32768.0), "65536 is infinite in float16"
    session.step({"x": X})
    assert not session.skipped


def test_whole_numbers_are_numbers() -> None:
    assert scaled_session(init_scale=8, growth_factor=4).loss_scale == 8.0


@pytest.mark.parametrize(
    ("precision", "pointer", "message"),
    [
        ("mixt", "/precision", "mixed"),
        ({"kind": "mixed", "dtype": "float64"}, "/precision/dtype", "bfloat16"),
        ({"dtype": "float16"}, "/precision/kind", "missing"),
        ({"kind": "mixed", "scale": 1}, "/precision/scale", "there is no field"),
        ({"kind": "mixed", "loss_scaling": {"init_scale": 0.0}}, "/precision/loss_scaling/init_scale", "at least"),
        (
            {"kind": "mixed", "loss_scaling": {"growth_factor": 1.0}},
            "/precision/loss_scaling/growth_factor",
            "more than 1",
        ),
        (
            {"kind": "mixed", "loss_scaling": {"backoff_factor": 1.0}},
            "/precision/loss_scaling/backoff_factor",
            "less than 1",
        ),
        (
            {"kind": "mixed", "loss_scaling": {"growth_interval": 0}},
            "/precision/loss_scaling/growth_interval",
            "at least 1",
        ),
        ({"kind": "mixed", "loss_scaling": {}}, "/precision/loss_scaling", "no input with the role loss_scale"),
    ],
)
def test_a_precision_that_is_none_is_refused(precision: Any, pointer: str, message: str) -> None:
    with pytest.raises(SessionError) as caught:
        Session({"train": PLAIN}, SGD, precision=precision)
    problems = {problem.pointer: problem.message for problem in caught.value.problems}
    assert message in problems[pointer]


def test_gradients_that_are_not_scaled_are_refused() -> None:
    source = FORWARD.to_dict()
    source["parameters"].append({"id": "v", "dtype": "float32", "shape": []})
    source["outputs"].append({"name": "other", "value": "v"})
    both = grad(grad(Document.from_dict(source), wrt=["w"], loss_scale=True), of="other", wrt=["v"])
    with pytest.raises(SessionError, match=r'"grad\.v" is the gradient with respect to "v" and does not depend'):
        Session({"train": both}, SGD, precision=FLOAT16)
    idle = grad(Document.from_dict(source), loss_scale=True)  # the gradient by v is 0
    session = Session({"train": idle}, SGD, precision=FLOAT16)
    session.step({"x": X})
    assert float(session.parameters()["v"]) == 0.0


def small_gradients() -> tuple[Document, dict[str, Array]]:
    """A regression whose loss is so small that its gradients underflow in float16, and its data."""
    with asg.graph("regression") as graph:
        x, target = asg.input("x", ("batch", 4)), asg.input("target", ("batch", 1))
        hidden = asg.tanh(nn.Linear(4, 8, name="first")(x))
        loss = losses.mse(nn.Linear(8, 1, name="second")(hidden), target)
        graph.output(loss=loss * 1e-6)
    generator = np.random.default_rng(0)
    data = generator.normal(size=(64, 4)).astype(np.float32)
    target = (data @ np.array([[1.0], [-2.0], [0.5], [1.0]])).astype(np.float32)
    return graph.document(), {"x": data, "target": target}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_underflows_in_float16_trains_with_a_scale(engine: str) -> None:
    document, data = small_gradients()
    optimizer = {"kind": "sgd", "learning_rate": 1e5}

    def trained(graph: Document, precision: Any) -> tuple[float, float]:
        session = Session({"train": graph}, optimizer, seed=1, engine=engine, precision=precision)
        losses = [float(session.step(data)["loss"]) for _ in range(150)]
        return losses[0], losses[-1]

    first, exact = trained(grad(document), "as_written")
    assert exact < 0.1 * first
    _, scaled = trained(grad(document, loss_scale=True), FLOAT16)
    assert scaled < 1.2 * exact
    _, unscaled = trained(grad(document), FLOAT16)
    assert unscaled > 3 * scaled, "the gradients do not underflow, so that nothing is tested"


def digits_session(precision: Any, engine: str) -> float:
    """The loss after 60 steps of an MLP with Adam, on points around class centres."""
    with asg.graph("mlp") as graph:
        x, label = asg.input("x", ("batch", 16)), asg.input("label", ("batch",), dtype="int32")
        hidden = asg.relu(nn.Linear(16, 32, name="first")(x))
        graph.output(loss=losses.cross_entropy(nn.Linear(32, 5, name="second")(hidden), label))
    session = Session(
        {"train": grad(graph.document())}, {"kind": "adam", "learning_rate": 0.01}, 2, engine, precision=precision
    )
    generator = np.random.default_rng(3)
    centres = generator.normal(size=(5, 16))
    loss = 0.0
    for _ in range(60):
        labels = generator.integers(0, 5, 64)
        points = centres[labels] + 0.5 * generator.normal(size=(64, 16))
        loss = float(session.step({"x": points.astype(np.float32), "label": labels.astype(np.int32)})["loss"])
    return loss


@pytest.mark.parametrize("engine", ENGINES)
def test_an_mlp_in_bfloat16_learns_as_in_float32(engine: str) -> None:
    exact, mixed = digits_session("as_written", engine), digits_session("mixed", engine)
    assert exact < 0.1
    assert mixed != exact
    np.testing.assert_allclose(mixed, exact, rtol=0.1)


def test_engines_agree_over_steps() -> None:
    document, data = small_gradients()
    found: list[dict[str, Array]] = []
    for engine in ENGINES:
        session = Session(
            {"train": grad(document, loss_scale=True)},
            {"kind": "sgd", "learning_rate": 1e5},
            1,
            engine,
            precision=FLOAT16,
        )
        for _ in range(5):
            session.step(data)
        found.append(session.parameters())
    for name, array in found[0].items():
        np.testing.assert_allclose(array, found[1][name], rtol=2e-3, atol=2e-4)


def test_a_step_that_fails_by_the_policy_leaves_the_scale() -> None:
    session = scaled_session(optimizer={"kind": "sgd", "learning_rate": 3e38}, non_finite="fail", growth_interval=1)
    digest = session.digest()
    with pytest.raises(NonFiniteStepError):
        session.step({"x": np.full((1, 2), 10, np.float32)})  # the gradient is finite, and what it leads to is not
    assert (session.digest(), session.loss_scale) == (digest, 1024.0)
