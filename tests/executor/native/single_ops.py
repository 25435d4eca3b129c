"""An op applied to arrays by itself, with one engine or another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asg_executor.engines.engine import Engine
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.native.plan import NativePlan, Single
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Editor
from asg_schema.op import Op
from op_samples.sample import Array, dtype_of

RANDOM = np.random.default_rng(7)


def numbers(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


def halves(*shape: int) -> Array:
    return numbers(*shape).astype(np.float16)


def below(size: int, *shape: int) -> Array:
    return RANDOM.integers(-size, size, shape)


@dataclass(frozen=True)
class Application:
    """An op, its operands and its attributes."""

    op: type[Op]
    operands: tuple[Array, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def inputs(self) -> dict[str, Array]:
        """The operands under the names of the document's inputs."""
        return {f"x{number}": array for number, array in enumerate(self.operands)}

    def document(self) -> Document:
        """The op applied to inputs; the result is the output `y`."""
        editor = Editor()
        inputs = [
            editor.add_input(Input(id=name, dtype=dtype_of(array), shape=array.shape))
            for name, array in self.inputs.items()
        ]
        (result,) = editor.emit(self.op, inputs, dict(self.attributes), id="result")
        editor.add_output(Output(name="y", value=result.id))
        return editor.document()

    def run(self, engine: Engine) -> Array:
        """The result."""
        return engine.compile(self.document(), {})(self.inputs)["y"]

    def native_parts(self) -> list[int]:
        """Into how many parts each of its native kernels is divided; nothing where there are none."""
        plan = NativeEngine().compile(self.document(), {}).plan
        assert isinstance(plan, NativePlan)
        return [kernel.parts for work in plan.works if isinstance(work, Single) for kernel in work.kernels]
