"""What surrounds the update rule in a step, as documents: clipping, micro-batches, and the average of the weights.

Each document works on vectors of a symbolic length, and an output of it may be written over the memory of the input of
the same name. Where the vectors of several dtypes take part they are numbered: `gradient.0`, `gradient.1`, …
"""

from collections.abc import Sequence

from asg_executor.optimizers.rule import VECTOR, accumulation_dtype, convert
from asg_schema.composites.elementwise import Clip
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.comparison import Equal, IsFinite
from asg_schema.ops.elementwise import Abs, Minimum, Where
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.ops.reduction import Max

__all__ = [
    "accumulate_document",
    "average_document",
    "clip_norm_document",
    "clip_value_document",
    "scale_document",
    "unscale_document",
]

_NORM_EPS = 1e-6  # of `torch.nn.utils.clip_grad_norm_`
_LARGEST_FLOAT32 = (2.0 - 2.0**-23) * 2.0**127


def _vector(editor: Editor, name: str, dtype: DType) -> Value:
    return editor.add_input(Input(id=name, dtype=dtype, shape=VECTOR))


def _output(editor: Editor, name: str, value: Value) -> None:
    editor.add_output(Output(name=name, value=value.id))


def clip_value_document(dtype: DType, limit: float) -> Document:
    """Clip: gradient ← clip(gradient, -limit, limit). NaN stays NaN, and an infinity becomes the limit.

    Input and output: `gradient`, of `dtype`.
    """
    editor = Editor()
    wide = accumulation_dtype(dtype)
    gradient = convert(_vector(editor, "gradient", dtype), wide)
    if wide is DType.FLOAT32:
        limit = min(limit, _LARGEST_FLOAT32)
    _output(editor, "gradient", convert(Clip.of(gradient, min=-limit, max=limit), dtype))
    return editor.document(f"clip_value.{dtype.value}")


def clip_norm_document(dtypes: Sequence[DType], limit: float) -> Document:
    """Scale all gradients by min(1, limit / (norm + 1e-6)), where `norm` is the Euclidean norm of all of them.

    Squares are summed in the dtype of the gradients (float32 for 16-bit ones), and the sums in float64. As in PyTorch,
    a NaN among the gradients makes all of them NaN; an infinite norm makes finite gradients 0 and infinite ones NaN.

    Inputs and outputs: `gradient.0`, `gradient.1`, …, of these dtypes.
    """
    editor = Editor()
    shapes = [(symbol(f"length_{number}"),) for number in range(len(dtypes))]
    gradients = [
        editor.add_input(Input(id=f"gradient.{number}", dtype=dtype, shape=shape))
        for number, (dtype, shape) in enumerate(zip(dtypes, shapes, strict=True))
    ]
    wide = [convert(gradient, accumulation_dtype(gradient.dtype)) for gradient in gradients]
    total = editor.full((), 0.0, DType.FLOAT64)
    for gradient in wide:
        total = total + convert(gradient @ gradient, DType.FLOAT64)
    scale = Minimum.of(limit / (Sqrt.of(total) + _NORM_EPS), total.scalar(1.0))
    for number, (dtype, gradient) in enumerate(zip(dtypes, wide, strict=True)):
        _output(editor, f"gradient.{number}", convert(gradient * convert(scale, gradient.dtype), dtype))
    return editor.document("clip_global_norm")


def accumulate_document(dtype: DType) -> Document:
    """Add up: total ← total + gradient.

    Inputs: `gradient`, of `dtype`, and `total`, of `accumulation_dtype(dtype)`. Output: `total`.
    """
    editor = Editor()
    wide = accumulation_dtype(dtype)
    gradient, total = _vector(editor, "gradient", dtype), _vector(editor, "total", wide)
    _output(editor, "total", total + convert(gradient, wide))
    return editor.document(f"accumulate.{dtype.value}")


def scale_document(dtype: DType) -> Document:
    """Share: gradient ← total · share.

    Inputs: `total`, of `accumulation_dtype(dtype)`, and `share`, float64, rank 0. Output: `gradient`, of `dtype`.
    """
    editor = Editor()
    total = _vector(editor, "total", accumulation_dtype(dtype))
    share = editor.add_input(Input(id="share", dtype=DType.FLOAT64, shape=()))
    _output(editor, "gradient", convert(total * convert(share, total.dtype), dtype))
    return editor.document(f"scale.{dtype.value}")


def unscale_document(dtype: DType) -> Document:
    """Take the loss scale out: gradient ← gradient / loss_scale; and whether all of it is finite then.

    Inputs: `gradient`, of `dtype`, and `loss_scale`, float32, rank 0. Outputs: `gradient`, and `finite`, bool, rank 0.
    """
    editor = Editor()
    wide = accumulation_dtype(dtype)
    gradient = convert(_vector(editor, "gradient", dtype), wide)
    scale = editor.add_input(Input(id="loss_scale", dtype=DType.FLOAT32, shape=()))
    unscaled = convert(gradient / convert(scale, wide), dtype)
    _output(editor, "gradient", unscaled)
    _output(editor, "finite", IsFinite.of(Max.of(Abs.of(unscaled))))
    return editor.document(f"unscale.{dtype.value}")


def average_document(dtype: DType, decay: float) -> Document:
    """Average: average ← decay · average + (1 - decay) · parameter; in the first step average ← parameter.

    Inputs: `parameter`, of `dtype`, `average`, of `accumulation_dtype(dtype)`, and `step`, int64, rank 0. Output:
    `average`.
    """
    editor = Editor()
    wide = accumulation_dtype(dtype)
    parameter, average = _vector(editor, "parameter", dtype), _vector(editor, "average", wide)
    step = editor.add_input(Input(id="step", dtype=DType.INT64, shape=()))
    kept = convert(Where.of(Equal.of(step, step.scalar(1)), *_numbers(editor, 0.0, decay)), wide)
    _output(editor, "average", average * kept + convert(parameter, wide) * (1.0 - kept))
    return editor.document(f"average.{dtype.value}")


def _numbers(editor: Editor, *values: float) -> list[Value]:
    return [editor.full((), value, DType.FLOAT64) for value in values]
