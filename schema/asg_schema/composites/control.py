"""Control that is defined by other graphs: calls of a document's functions."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import override

from asg_schema.attributes import NAME_PATTERN, is_name
from asg_schema.composite import Composite
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.function import LinkedFunction
from asg_schema.op import DTypeGroup, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Call"]


def _check_function(value: Any) -> LinkedFunction | str:
    if isinstance(value, LinkedFunction) or (isinstance(value, str) and is_name(value)):
        return value
    raise PydanticCustomError("function", "the name of one of the document's functions is needed")


_FunctionName = Annotated[
    LinkedFunction | str,
    GetPydanticSchema(lambda source, handler: core_schema.no_info_plain_validator_function(_check_function)),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN}$"}),
]


class Call(Composite):
    """The results of one of the document's functions, applied to the operands.

    The operands are those of the function, in order, of its inputs' types: dtypes and ranks are equal, a symbol of the
    function stands for one dim, and other dims are equal once the symbols are known. There is a result for each of its
    outputs, of the type that it has for these operands. It means what the function's nodes mean, written in its place.

    Gradient:
        operands: what the function's `vjp` answers for the operands, the results and their cotangents; without one the
            gradient of its nodes.
    """

    op: Literal["call"] = "call"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("operands", DTypeGroup.ANY, variable="", variadic=True),)
    function: _FunctionName = Field(description="The name of the function.")

    @property
    def function_name(self) -> str:
        """The name of the function, whether or not it is linked."""
        return self.function if isinstance(self.function, str) else self.function.name

    @property
    def linked(self) -> LinkedFunction:
        """The function itself.

        Raises:
            RuleError: the document has none of that name.
        """
        if isinstance(self.function, str):
            raise RuleError(f'there is no function "{self.function}"', field="function")
        return self.function

    @override
    def references(self) -> tuple[str, ...]:
        count = 1 if isinstance(self.function, str) else len(self.function.outputs)
        return (self.id, *(f"{self.id}:{index}" for index in range(1, count)))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return self.linked.result_types(operands)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        return self.linked.inline(operands)

    @override
    def attribute_json(self) -> dict[str, Any]:
        return {"function": self.function_name}

    @override
    def meaning(self) -> dict[str, Any]:
        return {"function": self.linked.digest}
