"""Convolution and pooling where they are easily wrong, each by numbers that were worked out by hand."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_schema import DocumentError
from asg_schema.document import Document
from asg_schema.errors import AsgError

Array = np.ndarray[Any, Any]
Build = (
    Callable[[asg.Tensor], asg.Tensor]
    | Callable[[asg.Tensor, asg.Tensor], asg.Tensor]
    | Callable[[asg.Tensor, asg.Tensor, asg.Tensor], asg.Tensor]
)


def document_of(build: Build, *shapes: tuple[Any, ...]) -> Document:
    """The document of a function of inputs x0, x1, … of these shapes, with a loss Σ y · (1, 2, 3, …)."""
    with asg.graph() as g:
        operands = [asg.input(f"x{index}", shape, "float64") for index, shape in enumerate(shapes)]
        y = cast("Callable[..., asg.Tensor]", build)(*operands)
        weights = asg.reshape(asg.iota(shape=(y.size,), dtype="float64") + 1.0, y.shape)
        g.output(y=y, loss=asg.sum(y * weights))
    return g.document()


def run(build: Build, *operands: Any, shapes: tuple[tuple[Any, ...], ...] | None = None) -> dict[str, Array]:
    """y, the loss and its gradient by every operand, under `y`, `loss`, `grad.x0`, …"""
    arrays = [np.asarray(operand, np.float64) for operand in operands]
    document = document_of(build, *(shapes or [array.shape for array in arrays]))
    names = [f"x{index}" for index in range(len(arrays))]
    return asg_executor.run(grad(document, of="loss", wrt=names), dict(zip(names, arrays, strict=True)))


def test_transposed_convolution_with_strides() -> None:
    # Elements 1, 2 place the kernel (1, 10, 100) two apart: 1, 10, 100 + 2, 20, 200.
    found = run(lambda x, w: asg.conv_transpose1d(x, w, stride=2), [[[1, 2]]], [[[1, 10, 100]]])
    np.testing.assert_array_equal(found["y"], [[[1, 10, 102, 20, 200]]])
    # ḡ is 1, 2, 3, 4, 5: by x it meets the kernel at 0 and at 2, by the kernel both elements.
    np.testing.assert_array_equal(found["grad.x0"], [[[1 + 20 + 300, 3 + 40 + 500]]])
    np.testing.assert_array_equal(found["grad.x1"], [[[1 + 2 * 3, 2 + 2 * 4, 3 + 2 * 5]]])


def test_transposed_convolution_with_padding_and_output_padding() -> None:
    # Of 1, 10, 102, 20, 200 one is cut off on each side; with one more at the end that one stays.
    x, weight = [[[1, 2]]], [[[1, 10, 100]]]
    found = run(lambda x, w: asg.conv_transpose1d(x, w, stride=2, padding=1), x, weight)
    np.testing.assert_array_equal(found["y"], [[[10, 102, 20]]])
    found = run(lambda x, w: asg.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1), x, weight)
    np.testing.assert_array_equal(found["y"], [[[10, 102, 20, 200]]])
    # Beyond the last element there is nothing but the bias.
    found = run(lambda x, w, b: asg.conv_transpose1d(x, w, b, 2, output_padding=1), x, weight, [7])
    np.testing.assert_array_equal(found["y"], [[[8, 17, 109, 27, 207, 7]]])


def test_transposed_convolution_sums_over_input_channels() -> None:
    # weight [C, O, K]: y[o] = Σ_c x[c] · weight[c, o].
    found = run(asg.conv_transpose1d, [[[1, 0], [0, 1]]], [[[1], [2]], [[30], [40]]])
    np.testing.assert_array_equal(found["y"], [[[1, 30], [2, 40]]])


def test_transposed_convolution_over_two_axes() -> None:
    found = run(lambda x, w: asg.conv_transpose2d(x, w, stride=2), [[[[1, 2]]]], [[[[1, 10], [100, 1000]]]])
    np.testing.assert_array_equal(found["y"], [[[[1, 10, 2, 20], [100, 1000, 200, 2000]]]])


def test_transposed_convolution_is_the_adjoint_of_convolution() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2))

    def convolve(x: asg.Tensor, w: asg.Tensor) -> asg.Tensor:
        return asg.conv2d(x, w, stride=(2, 3), padding=1)

    def transposed(g: asg.Tensor, w: asg.Tensor) -> asg.Tensor:
        # 6 elements, 2 of padding, a kernel of 3 and strides of 2 leave one over; 5, 2, 2 and 3 leave two.
        return asg.conv_transpose2d(g, w, stride=(2, 3), padding=1, output_padding=(1, 2))

    y = run(convolve, x, weight)["y"]
    g = np.cos(np.arange(y.size, dtype=np.float64)).reshape(y.shape)
    back = run(transposed, g, weight)["y"]
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(y * g), np.sum(x * back), rtol=1e-13)


@pytest.mark.parametrize("shape", [(1, 1, 5), (1, 1, "length")])
def test_adaptive_pooling_with_a_size_that_does_not_divide(shape: tuple[Any, ...]) -> None:
    # Of 5 elements to 3 places the windows are 0-1, 1-3 and 3-4: from floor(i·5/3) to ceil((i+1)·5/3).
    x = [[[1, 20, 300, 4000, 50000]]]
    found = run(lambda x: asg.adaptive_avg_pool1d(x, 3), x, shapes=(shape,))
    np.testing.assert_allclose(found["y"], [[[10.5, 1440, 27000]]], rtol=1e-15)
    np.testing.assert_allclose(found["grad.x0"], [[[1 / 2, 1 / 2 + 2 / 3, 2 / 3, 2 / 3 + 3 / 2, 3 / 2]]], rtol=1e-15)
    found = run(lambda x: asg.adaptive_max_pool1d(x, 3), x, shapes=(shape,))
    np.testing.assert_array_equal(found["y"], [[[20, 4000, 50000]]])
    np.testing.assert_array_equal(found["grad.x0"], [[[0, 1, 0, 2, 3]]])


def test_adaptive_pooling_to_more_places_than_elements() -> None:
    # Of 2 elements to 3 places the windows are 0, 0-1 and 1.
    found = run(lambda x: asg.adaptive_avg_pool1d(x, 3), [[[1, 3]]])
    np.testing.assert_array_equal(found["y"], [[[1, 2, 3]]])
    np.testing.assert_array_equal(found["grad.x0"], [[[2, 4]]])


def test_adaptive_pooling_over_two_axes() -> None:
    x = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
    found = run(lambda x: asg.adaptive_avg_pool2d(x, (2, 2)), x)
    np.testing.assert_array_equal(found["y"], [[[[3, 4], [6, 7]]]])
    found = run(lambda x: asg.adaptive_max_pool2d(x, 2), x)
    np.testing.assert_array_equal(found["y"], [[[[5, 6], [8, 9]]]])
    found = run(lambda x: asg.adaptive_avg_pool2d(x, (None, 1)), x)
    np.testing.assert_array_equal(found["y"], [[[[2], [5], [8]]]])


def test_padded_average_pooling_that_counts_the_padding() -> None:
    # Of 1, 2, 3, 4 with a zero on both sides: (0+1)/2, (2+3)/2, (4+0)/2.
    found = run(lambda x: asg.avg_pool1d(x, 2, padding=1), [[[1, 2, 3, 4]]])
    np.testing.assert_array_equal(found["y"], [[[0.5, 2.5, 2]]])
    np.testing.assert_array_equal(found["grad.x0"], [[[0.5, 1, 1, 1.5]]])


def test_padded_average_pooling_that_does_not_count_the_padding() -> None:
    found = run(lambda x: asg.avg_pool1d(x, 2, padding=1, count_include_pad=False), [[[1, 2, 3, 4]]])
    np.testing.assert_array_equal(found["y"], [[[1, 2.5, 4]]])
    np.testing.assert_array_equal(found["grad.x0"], [[[1, 1, 1, 3]]])


def test_padded_average_pooling_over_two_axes() -> None:
    # A window of 3 by 3 in the corner meets 4 elements, at the edge 6, in the middle 9.
    ones = np.ones((1, 1, 3, 3))
    found = run(lambda x: asg.avg_pool2d(x, 3, stride=1, padding=1), ones)
    np.testing.assert_allclose(found["y"] * 9, [[[[4, 6, 4], [6, 9, 6], [4, 6, 4]]]], rtol=1e-15)
    found = run(lambda x: asg.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False), ones)
    np.testing.assert_array_equal(found["y"], ones)


def test_average_pooling_in_ceil_mode() -> None:
    # The third window holds the 5 and what is behind it, which never counts; the padding does.
    found = run(lambda x: asg.avg_pool1d(x, 2, ceil_mode=True), [[[1, 2, 3, 4, 5]]])
    np.testing.assert_array_equal(found["y"], [[[1.5, 3.5, 5]]])
    found = run(lambda x: asg.avg_pool1d(x, 3, stride=3, padding=1, ceil_mode=True), [[[1, 2, 3, 4, 5, 6]]])
    np.testing.assert_array_equal(found["y"], [[[1, 4, 3]]])


def test_grouped_convolution() -> None:
    # Channels 0-1 make results 0-1, channels 2-3 make results 2-3.
    x = [[[1, 2], [10, 20], [100, 200], [1000, 2000]]]
    weight = [[[1], [1]], [[1], [-1]], [[1], [2]], [[0], [3]]]
    found = run(lambda x, w: asg.conv1d(x, w, groups=2), x, weight)
    np.testing.assert_array_equal(found["y"], [[[11, 22], [-9, -18], [2100, 4200], [3000, 6000]]])
    # ḡ is 1 … 8, two for each result.
    np.testing.assert_array_equal(found["grad.x0"], [[[1 + 3, 2 + 4], [1 - 3, 2 - 4], [5, 6], [10 + 21, 12 + 24]]])
    np.testing.assert_array_equal(
        found["grad.x1"],
        [[[1 + 4], [10 + 40]], [[3 + 8], [30 + 80]], [[500 + 1200], [5000 + 12000]], [[700 + 1600], [7000 + 16000]]],
    )


def test_depthwise_convolution() -> None:
    found = run(lambda x, w: asg.conv1d(x, w, groups=2), [[[1, 2, 3], [10, 20, 30]]], [[[1, 1]], [[1, -1]]])
    np.testing.assert_array_equal(found["y"], [[[3, 5], [-10, -10]]])
    np.testing.assert_array_equal(found["grad.x0"], [[[1, 3, 2], [3, 1, -4]]])
    np.testing.assert_array_equal(found["grad.x1"], [[[1 + 4, 2 + 6]], [[30 + 80, 60 + 120]]])


def test_convolution_is_cross_correlation() -> None:
    found = run(asg.conv1d, [[[1, 2, 4]]], [[[1, 10]]])
    np.testing.assert_array_equal(found["y"], [[[21, 42]]])


@pytest.mark.parametrize("kernel", [2, 3])
def test_padding_that_keeps_the_size(kernel: int) -> None:
    # Of an odd number of zeros one more goes behind.
    found = run(lambda x, w: asg.conv1d(x, w, padding="same"), [[[1, 2, 4]]], [[[1] * kernel]])
    np.testing.assert_array_equal(found["y"], [[[3, 6, 4]]] if kernel == 2 else [[[3, 7, 6]]])


@pytest.mark.parametrize(("kernel", "width"), [((2, 2), 600), ((40, 9), 60), ((1, 300), 400)])
def test_places_of_maxima_that_no_byte_holds(kernel: tuple[int, int], width: int) -> None:
    x = np.random.default_rng(0).permutation(3 * 80 * width).reshape(3, 80, width).astype(np.float64)
    with asg.graph() as g:
        _, indices = asg.max_pool2d(asg.input("x", x.shape, "float64"), kernel, return_indices=True)
        g.output(indices=indices)
    rows, columns = 80 // kernel[0], width // kernel[1]
    blocks = x[:, : rows * kernel[0], : columns * kernel[1]].reshape(3, rows, kernel[0], columns, kernel[1])
    lines = blocks.transpose(0, 1, 3, 2, 4).reshape(3, rows, columns, -1)
    down, across = np.divmod(lines.argmax(-1), kernel[1])
    first = np.arange(rows)[:, None] * kernel[0] * width + np.arange(columns) * kernel[1]
    np.testing.assert_array_equal(asg_executor.run(g.document(), {"x": x})["indices"], first + down * width + across)


@pytest.mark.parametrize("size", [6, 7])
def test_gradients_where_strides_leave_symbolic_axes_a_remainder(size: int) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, size, size + 1)), rng.standard_normal((4, 3, 3, 2))

    def convolve(x: asg.Tensor, w: asg.Tensor) -> asg.Tensor:
        return asg.conv2d(x, w, stride=(2, 3), padding=1)

    expected = run(convolve, x, weight)
    symbolic = run(convolve, x, weight, shapes=(("batch", 3, "height", "width"), (4, 3, 3, 2)))
    for name, array in expected.items():
        np.testing.assert_allclose(symbolic[name], array, rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_gradient_that_is_not_finite_stays_where_it_belongs() -> None:
    # The window of the last place never meets the first element.
    found = run(lambda x, w: asg.conv1d(x, w, padding=1), [[[np.inf, 1, 2, 3]]], [[[1, 1, 1]]])
    np.testing.assert_array_equal(found["y"], [[[np.inf, np.inf, 6, 5]]])
    np.testing.assert_array_equal(found["grad.x0"], [[[3, 6, 9, 7]]])


def test_max_pooling_finds_places_in_the_unpadded_axes() -> None:
    x = [[[[1, 5, 2, 0], [3, 4, 8, 6], [7, 7, 1, 9]]]]
    with asg.graph() as g:
        values, indices = asg.max_pool2d(
            asg.input("x", (1, 1, 3, 4), "float64"), 2, stride=2, padding=1, return_indices=True
        )
        g.output(values=values, indices=indices)
    found = asg_executor.run(g.document(), {"x": np.asarray(x, np.float64)})
    np.testing.assert_array_equal(found["values"], [[[[1, 5, 0], [7, 8, 9]]]])
    np.testing.assert_array_equal(found["indices"], [[[[0, 1, 3], [8, 6, 11]]]])


REFUSED: list[tuple[str, Callable[[asg.Tensor], asg.Tensor]]] = [
    ("conv2d: input .* has 2 axes; 3 or 4 are needed", lambda x: asg.conv2d(x, x)),
    ("conv1d: weight .* has 2 axes; 3 are needed", lambda x: asg.conv1d(x, x)),
    ("max_pool1d: stride has 2 entries; 1 is needed", lambda x: asg.max_pool1d(x, 2, (1, 2))),
    ("max_pool1d: kernel_size is 2.5; an integer, or one", lambda x: asg.max_pool1d(x, cast("int", 2.5))),
    ("conv1d: stride is .*1.5.*; an integer, or one", lambda x: asg.conv1d(x, x[None], stride=cast("int", (1.5,)))),
    ("max_pool1d: padding 2 with a kernel of 3; 0 to 1 is needed", lambda x: asg.max_pool1d(x, 3, padding=2)),
    ("avg_pool1d: with ceil_mode, whether", lambda x: asg.avg_pool1d(x, 1, 2, ceil_mode=True)),
    ("adaptive_avg_pool1d: output_size is None", lambda x: asg.adaptive_avg_pool1d(x, [None])),
    ('interpolate: mode "bilinear" is for 2 axes, not 1', lambda x: asg.interpolate(x, 4, mode="bilinear")),
]


_FAR = 2**62


FAR_STEPS: list[tuple[Callable[[asg.Tensor], asg.Tensor], Any]] = [
    (lambda x: asg.conv(x, asg.ones((1, 1, 2), "float64"), strides=[_FAR]), [[[5.0]]]),
    (lambda x: asg.conv(x, asg.ones((1, 1, 1), "float64"), rhs_dilation=[_FAR]), [[[2.0, 3.0, 1.0]]]),
    (lambda x: asg.max_pool(x, kernel_size=[2], strides=[_FAR])[0], [[[3.0]]]),
    (lambda x: asg.max_pool(x, kernel_size=[1], dilation=[_FAR])[0], [[[2.0, 3.0, 1.0]]]),
    (lambda x: asg.max_pool(x, kernel_size=[2], dilation=[_FAR], padding=[[0, _FAR]])[0], [[[2.0, 3.0, 1.0]]]),
    (lambda x: asg.max_pool(x, kernel_size=[_FAR], padding=[[_FAR - 1, 0]])[0], [[[2.0, 3.0, 3.0]]]),
    (lambda x: asg.max_pool(x, kernel_size=[_FAR], padding=[[0, _FAR - 1]])[0], [[[3.0, 3.0, 1.0]]]),
]


@pytest.mark.parametrize(("build", "expected"), FAR_STEPS)
def test_steps_and_windows_that_no_array_has(build: Build, expected: Any) -> None:
    found = run(build, [[[2.0, 3.0, 1.0]]])
    np.testing.assert_array_equal(found["y"], expected)


NO_TENSOR: list[tuple[str, Callable[[asg.Tensor], asg.Tensor]]] = [
    ("conv1d: input is a int; a Tensor is needed", lambda x: asg.conv1d(cast("asg.Tensor", 3), x[None])),
    ("max_pool1d: input is a ndarray; a Tensor", lambda x: asg.max_pool1d(cast("asg.Tensor", np.zeros((1, 1, 4))), 2)),
]


@pytest.mark.parametrize(("message", "build"), NO_TENSOR)
def test_what_is_no_tensor_is_refused(message: str, build: Build) -> None:
    with pytest.raises(TypeError, match=message):
        document_of(build, (3, "n"))


@pytest.mark.parametrize("shape", [(1,), (1, 2), (3,)])
def test_a_bias_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AsgError, match=r"conv1d: bias .* has not one number for each of the channels of weight"):
        document_of(lambda x, w, b: asg.conv1d(x, w, b), (1, 1, 4), (2, 1, 3), shape)


def test_sizes_may_be_integers_of_numpy() -> None:
    found = run(lambda x: asg.max_pool1d(x, cast("int", np.int64(2)), [cast("int", np.int32(1))]), [[[1, 3, 2]]])
    np.testing.assert_array_equal(found["y"], [[[3, 3]]])


@pytest.mark.parametrize(("message", "build"), REFUSED)
def test_arguments_that_are_refused(message: str, build: Build) -> None:
    with pytest.raises(AsgError, match=message):
        document_of(build, (3, "n"))


def test_sizes_that_do_not_fit_when_the_document_runs_are_named() -> None:
    document = document_of(lambda x: asg.max_pool1d(x, 3), (1, 1, "n"))
    with pytest.raises(AsgError, match=r"with n = 2: .*has 2 elements with padding .* reaches over 3"):
        asg_executor.run(document, {"x0": np.zeros((1, 1, 2))})
    with pytest.raises(DocumentError, match="reaches over 3"):
        document_of(lambda x: asg.max_pool1d(x, 3), (1, 1, 2))
