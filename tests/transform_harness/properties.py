"""What each transform has to keep of a document: that it is one, what it means, and what it computes."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from asg_autograd import (
    NotDifferentiableError,
    checkpoint,
    diff,
    grad,
    hessian_vector_product,
    jvp,
    linearize,
    lower,
    merge,
    prune,
    rename,
    simplification,
    simplify,
    specialize,
    split,
    vjp,
    vmap,
)
from asg_executor.errors import ExecutorError, SymbolError
from asg_schema.composite import Composite
from asg_schema.dims import bind_dim, symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.ops.elementwise_functions import Sin, Tanh
from asg_schema.ops.reduction import Sum
from asg_schema.roles import GradientRole, RngKeyRole
from op_samples.comparing import PRECISION, largest_magnitude
from op_samples.sample import Array, array_dtype, dtype_of
from transform_harness.random_documents import RandomDocument, run

__all__ = ["PROPERTIES", "assert_is_a_document"]

_EXAMPLES = 3
# Rewrites after which a sum or a product of matrices is rounded otherwise.
_ROUNDED = {
    "sum_of_broadcast",
    "transpose_of_product",
    "einsum_of_permutation",
    "permutation_of_einsum",
    "einsum_of_two_matrices",
}


def assert_is_a_document(document: Document) -> None:
    """It is valid, reads back as it is written, has the types that inference gives, and a digest that tells of it."""
    text = document.to_json()
    read = Document.from_json(text)
    assert read == document
    assert dict(read.types) == dict(document.types)
    assert read.to_json() == text
    assert read.digest == document.digest
    beginning = {f"{node.id}": f"other.{node.id}" for node in document.nodes}
    if beginning:
        assert rename(document, beginning, only="node").digest == document.digest


def assert_equal(actual: dict[str, Array], expected: dict[str, Array], what: str, *, bits: bool = True) -> None:
    """The same outputs; bit by bit but for the sign of zero, or up to what a sum rounds in another order."""
    assert list(actual) == list(expected), what
    for name, wanted in expected.items():
        found = actual[name]
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), f"{what}: {name}"
        if not dtype_of(wanted).is_floating:
            np.testing.assert_array_equal(found, wanted, f"{what}: {name}")
            continue
        wide, exact = found.astype(np.float64), wanted.astype(np.float64)
        if bits:
            np.testing.assert_array_equal(wide, exact, f"{what}: {name}")
            continue
        eps = PRECISION[dtype_of(wanted)][0]
        scale = max(1.0, largest_magnitude(wanted))
        np.testing.assert_allclose(wide, exact, rtol=512 * eps, atol=512 * eps * scale, err_msg=f"{what}: {name}")


def check_simplify(made: RandomDocument, random: Random) -> None:
    before = run(made.document, made.values)
    made_simpler = simplification(made.document)
    simplified, applied = made_simpler.document, made_simpler.applied
    assert_is_a_document(simplified)
    assert len(simplified.nodes) <= len(made.document.nodes)
    assert_equal(run(simplified, made.values), before, f"simplify, {applied}", bits=applied.keys().isdisjoint(_ROUNDED))
    assert simplify(simplified) == simplified


def check_lower(made: RandomDocument, random: Random) -> None:
    lowered = lower(made.document)
    assert_is_a_document(lowered)
    assert not any(isinstance(node, Composite) for node in lowered.nodes)
    assert lower(lowered) == lowered
    assert_equal(run(lowered, made.values), run(made.document, made.values), "lower", bits=False)


def check_prune(made: RandomDocument, random: Random) -> None:
    names = [output.name for output in made.document.outputs]
    kept = [name for name in names if random.random() < 0.5] or names[:1]
    before = run(made.document, made.values)
    for unused in ("drop", "keep"):
        pruned = prune(made.document, kept, unused=unused)
        assert_is_a_document(pruned)
        assert prune(pruned, kept, unused=unused) == pruned
        assert_equal(run(pruned, made.values), {name: before[name] for name in kept}, "prune")


def check_rename(made: RandomDocument, random: Random) -> None:
    others = {item.id: f"named.{item.id}" for item in (*made.document.inputs, *made.document.parameters)}
    symbols = {name: f"{name}_long" for name in made.sizes}
    renamed = rename(made.document, {**others, **symbols})
    assert_is_a_document(renamed)
    values = {others[name]: array for name, array in made.values.items() if name in others}
    assert_equal(run(renamed, values), run(made.document, made.values), "rename")
    back = {new: old for old, new in {**others, **symbols}.items()}
    assert rename(renamed, back) == made.document


def check_specialize(made: RandomDocument, random: Random) -> None:
    chosen = {name: size for name, size in made.sizes.items() if random.random() < 0.6}
    special = specialize(made.document, **chosen)
    assert_is_a_document(special)
    assert_equal(run(special, made.values), run(made.document, made.values), "specialize")
    assert specialize(special, **{name: size for name, size in made.sizes.items() if name not in chosen}) == (
        specialize(made.document, **made.sizes)
    )


def check_checkpoint(made: RandomDocument, random: Random) -> None:
    trained = _differentiated(made, random)
    if trained is None:
        return
    before = _derivatives(trained, made)
    if before is None:
        return
    ids = [node.id for node in made.document.nodes]
    kept = {id for id in ids if random.random() < 0.3}
    for small in (checkpoint(trained, symbols=made.sizes), checkpoint(trained, keep=lambda node: node.id in kept)):
        assert_is_a_document(small)
        assert_equal(run(small, made.values), before, "checkpoint")
        assert_equal(run(simplify(small), made.values), before, "simplify of checkpoint", bits=False)


def check_split(made: RandomDocument, random: Random) -> None:
    trained = _differentiated(made, random)
    if trained is None or not any(isinstance(item.role, GradientRole) for item in trained.outputs):
        return
    before = _derivatives(trained, made)
    if before is None:
        return
    parts = split(trained, symbols=made.sizes)
    for part in parts:
        assert_is_a_document(part)
    first = run(parts.forward, made.values)
    second = run(parts.backward, {**made.values, **first})
    found = {**first, **second}
    assert_equal({name: found[name] for name in before}, before, "split")


def check_merge(made: RandomDocument, random: Random) -> None:
    """A function of an output, its shape in symbols of its own, put behind the document that has this output."""
    floating = [item for item in made.document.outputs if made.document.types[item.value].dtype.is_floating]
    output = random.choice(floating)
    type = made.document.types[output.value]
    editor = Editor()
    shape = [symbol(f"m{axis}") if random.random() < 0.5 else dim for axis, dim in enumerate(type.shape)]
    z = editor.add_input(Input(id="z", dtype=type.dtype, shape=tuple(shape)))
    editor.add_output(Output(name="behind", value=Sum.of(Tanh.of(z) * z).id))
    behind = grad(editor.document(), "behind", ["z"])
    merged = merge(made.document, behind, {"z": output.name})
    assert_is_a_document(merged)
    first = run(made.document, made.values)
    try:
        second = run(behind, {"z": first[output.name]})
    except SymbolError:  # alone it is not told what n is in n // 2
        return
    assert_equal(run(merged, made.values), {**first, **second}, "merge")


def check_diff(made: RandomDocument, random: Random) -> None:
    """What is renamed, or written in another order, means the same; what computes otherwise does not."""
    nodes = {node.id: f"n{number}" for number, node in enumerate(made.document.nodes)}
    others = rename(made.document, nodes, only="node")
    assert diff(made.document, others).same
    assert not diff(made.document, others).nodes
    editor = Editor()
    editor.load(made.document)
    (loss,) = (item for item in editor.outputs if item.name == "loss")
    editor.outputs.remove(loss)
    editor.outputs.append(Output(name="loss", value=Sin.of(editor.value(loss.value)).id))
    changed = editor.document()
    found = diff(made.document, changed)
    assert not found.same
    assert [change.name for change in found.outputs if change.before is not None] == ["loss"]
    assert [change.name for change in diff(changed, made.document).outputs if change.after is not None] == ["loss"]


def check_products(made: RandomDocument, random: Random) -> None:
    """⟨ḡ, J v⟩ = ⟨Jᵀ ḡ, v⟩, whether J v is computed at once or by `linearize`."""
    names = _some(made.differentiable(), random)
    outputs = [item.name for item in made.document.outputs if made.document.types[item.value].dtype.is_floating]
    if not names:
        return
    try:
        backward = vjp(made.document, outputs, names)
    except NotDifferentiableError:
        return
    forward = jvp(made.document, names, outputs)
    assert_is_a_document(backward)
    assert_is_a_document(forward)
    generator = np.random.default_rng(random.randrange(2**32))
    before = run(made.document, made.values)
    tangents = {f"tangent.{name}": generator.normal(size=made.values[name].shape) for name in names}
    cotangents = {
        f"cotangent.{name}": generator.normal(size=before[name].shape).astype(before[name].dtype) for name in outputs
    }
    try:
        moved = run(forward, {**made.values, **tangents})
    except ExecutorError:  # there is a value and no derivative, as of the determinant of a singular matrix
        with pytest.raises(ExecutorError):
            run(backward, {**made.values, **cotangents})
        return
    pulled = run(backward, {**made.values, **cotangents})
    left, left_size = _inner([(moved[f"tangent.{name}"], cotangents[f"cotangent.{name}"]) for name in outputs])
    right, right_size = _inner([(pulled[f"grad.{name}"], tangents[f"tangent.{name}"]) for name in names])
    dtypes = _dtypes(made.document)
    eps = 0.05 if dtypes & {DType.FLOAT16, DType.BFLOAT16} else 1e-4 if DType.FLOAT32 in dtypes else 1e-8
    if np.isfinite(left) and np.isfinite(right):
        assert abs(left - right) <= eps * max(1.0, left_size, right_size), (left, right)
    parts = linearize(made.document, names, outputs, symbols=made.sizes)
    for part in parts:
        assert_is_a_document(part)
    first = run(parts.forward, made.values)
    second = run(parts.linear, {**made.values, **first, **tangents})
    assert_equal(second, {f"tangent.{name}": moved[f"tangent.{name}"] for name in outputs}, "linearize")


def check_vmap(made: RandomDocument, random: Random) -> None:
    compare_with_loop(prune(made.document, _stateless(made.document)), made, random, "vmap")


def compare_with_loop(document: Document, made: RandomDocument, random: Random, what: str) -> None:
    """`vmap` over some of the floating-point inputs computes for each example what the document computes for it."""
    inputs = [item.id for item in document.inputs if item.dtype.is_floating]
    names = _some(inputs, random)
    if not names:
        return
    axes = {name: random.randint(0, made.values[name].ndim) for name in names}
    keys = [item.id for item in document.inputs if isinstance(item.role, RngKeyRole)]
    size = random.choice([None, _EXAMPLES])
    mapped = vmap(document, {**axes, **dict.fromkeys(keys)}, size=size)
    assert_is_a_document(mapped)
    points = [
        {name: (made.values[name] * (1 - 0.03 * number)).astype(made.values[name].dtype) for name in names}
        for number in range(_EXAMPLES)
    ]
    try:
        results = [run(document, {**made.values, **point}) for point in points]
    except ExecutorError:  # the op is not defined there
        return
    stacked = {name: np.stack([point[name] for point in points], axes[name]) for name in names}
    found = run(mapped, {**made.values, **stacked})
    places = {item.name: axes.get(item.role.wrt, 0) for item in document.outputs if isinstance(item.role, GradientRole)}
    expected = {
        output.name: np.stack([result[output.name] for result in results], places.get(output.name, 0))
        for output in document.outputs
    }
    assert_equal(found, expected, what, bits=False)


def check_compositions(made: RandomDocument, random: Random) -> None:
    """Transforms of transforms, in a random order, are documents that run; those that keep the meaning do."""
    names = _some(made.differentiable(), random)
    if not names:
        return
    document, values = made.document, dict(made.values)
    try:
        for _ in range(random.randint(2, 3)):
            document = _transformed(document, names, values, made, random)
            assert_is_a_document(document)
    except NotDifferentiableError:
        return
    try:
        before = run(document, values)
    except ExecutorError:
        return
    kept: list[Callable[[Document], Document]] = [simplify, lower, prune, lambda item: simplify(lower(item))]
    transform = random.choice(kept)
    after = transform(document)
    assert_is_a_document(after)
    assert_equal(run(after, values), before, f"composition, {transform}", bits=False)
    stateless = prune(document, _stateless(document))
    compare_with_loop(stateless, RandomDocument(stateless, values, made.sizes), random, "vmap of a composition")


def _transformed(
    document: Document, names: list[str], values: dict[str, Array], made: RandomDocument, random: Random
) -> Document:
    """A transform of the document, with values for the inputs that it adds."""
    scalars = [
        item.name
        for item in document.outputs
        if document.types[item.value].dtype.is_floating and not document.types[item.value].rank
    ]
    floating = [item.name for item in document.outputs if document.types[item.value].dtype.is_floating]
    kind = random.choice(["grad", "grad", "jvp", "vjp", "hvp", "checkpoint", "simplify"])
    if kind == "grad":
        result = grad(document, random.choice(scalars), names)
    elif kind == "hvp":
        result = hessian_vector_product(document, random.choice(scalars), names)
    elif kind == "jvp":
        result = jvp(document, names, _some(floating, random))
    elif kind == "vjp":
        result = vjp(document, _some(floating, random), names)
    elif kind == "checkpoint" and any(isinstance(item.role, GradientRole) for item in document.outputs):
        result = checkpoint(document, symbols=made.sizes)
    else:
        result = simplify(document)
    generator = np.random.default_rng(random.randrange(2**32))
    for item in result.inputs:
        if item.id not in values:
            shape = tuple(bind_dim(dim, made.sizes) for dim in item.shape)
            values[item.id] = generator.normal(size=shape).astype(array_dtype(item.dtype))
    return result


def _differentiated(made: RandomDocument, random: Random) -> Document | None:
    names = _some(made.differentiable(), random)
    if not names:
        return None
    try:
        trained = grad(made.document, wrt=names)
    except NotDifferentiableError:
        return None
    assert_is_a_document(trained)
    return trained


def _derivatives(trained: Document, made: RandomDocument) -> dict[str, Array] | None:
    """What a document with derivatives computes; None where the value has none, such as at a singular matrix."""
    try:
        return run(trained, made.values)
    except ExecutorError:
        return None


def _dtypes(document: Document) -> set[DType]:
    """The dtypes of all values, those within functions included."""
    return {type.dtype for type in lower(document).types.values()}


def _stateless(document: Document) -> list[str]:
    return [item.name for item in document.outputs if item.role is None or item.role.kind != "state_update"]


def _some(names: list[str], random: Random) -> list[str]:
    return [name for name in names if random.random() < 0.5] or names[:1]


def _inner(pairs: list[tuple[Array, Array]]) -> tuple[float, float]:
    """The inner product, and how large its terms are."""
    with np.errstate(all="ignore"):
        products = [left.astype(np.float64) * right.astype(np.float64) for left, right in pairs]
        return sum(float(np.sum(terms)) for terms in products), sum(float(np.sum(np.abs(terms))) for terms in products)


PROPERTIES: dict[str, Callable[[RandomDocument, Random], None]] = {
    "simplify": check_simplify,
    "lower": check_lower,
    "prune": check_prune,
    "rename": check_rename,
    "specialize": check_specialize,
    "checkpoint": check_checkpoint,
    "split": check_split,
    "merge": check_merge,
    "diff": check_diff,
    "products": check_products,
    "vmap": check_vmap,
    "compositions": check_compositions,
}
