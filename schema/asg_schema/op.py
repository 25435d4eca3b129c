"""`Op`: one operation, declared once. A node of a document is an instance of an op's class.

A subclass declares everything that defines the op: its name (`op`), its operands, its attributes (typed fields), its
type rule (`infer`) and, in its docstring, its formula. The other packages attach kernels and gradient rules to the
class through `asg_schema.op_table.OpTable`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, Union, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from asg_schema.attributes import Identifier, Reference, Shape, encode_number, encode_shape
from asg_schema.dims import Dim, SymbolicDim, bind_dim, substitute_dim, symbols_of
from asg_schema.dtype import DType
from asg_schema.errors import RuleError
from asg_schema.tensor_type import TensorType

if TYPE_CHECKING:
    from asg_schema.editing import Value

__all__ = ["DTypeGroup", "Op", "Operand", "registered_ops"]

V = TypeVar("V", bound="Value")


class DTypeGroup(Enum):
    """A set of dtypes that an operand may have."""

    ANY = frozenset(DType)
    NUMERIC = frozenset(dtype for dtype in DType if dtype is not DType.BOOL)
    FLOATING = frozenset(dtype for dtype in DType if dtype.is_floating)
    INTEGER = frozenset(dtype for dtype in DType if dtype.is_integer)
    INDEX = frozenset({DType.INT32, DType.INT64})
    UINT32 = frozenset({DType.UINT32})
    BOOL = frozenset({DType.BOOL})

    @property
    def description(self) -> str:
        """What to call the group in an error or a table."""
        return {"ANY": "any dtype", "NUMERIC": "a number", "FLOATING": "a floating-point dtype"}.get(
            self.name, " or ".join(sorted(dtype.value for dtype in self.value))
        )


class Operand(NamedTuple):
    """What an op takes in one place of its `inputs`.

    Attributes:
        name: what the documentation and the builder call it.
        dtypes: the dtypes that it may have.
        variable: operands that share a variable have one dtype between them; empty: it shares none.
        differentiable: whether the result depends on it differentiably.
        optional: whether it may be left out; optional operands come last.
        variadic: whether it stands for any number of operands, at least one; only the last may.
    """

    name: str
    dtypes: DTypeGroup = DTypeGroup.FLOATING
    variable: str = "T"
    differentiable: bool = True
    optional: bool = False
    variadic: bool = False


_OPS: dict[str, type["Op"]] = {}
_COMMON = ("id", "op", "inputs", "metadata")
_SHAPE = get_args(Shape)[0]  # without the bound on the number of axes, as a field keeps it
_SHAPE_OR_NONE: object = Union[Shape, None]  # noqa: UP007 - `|` takes no Annotated in a checker's eyes
_ENCODERS: dict[object, Callable[[Any], Any]] = {
    float: encode_number,
    _SHAPE: encode_shape,
    DType: lambda dtype: dtype.value,
}


_TRUSTED_FIELDS = {"id", "inputs"}
"""What such a node was given: one set for all of them, which nothing changes, because a node is frozen."""

_new, _set = object.__new__, object.__setattr__
# These set slots of a node, which a frozen model refuses, and in two thirds of the time of `object.__setattr__`.
_set_fields, _set_extra, _set_private = (
    BaseModel.__dict__[name].__set__
    for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


def registered_ops() -> Mapping[str, type["Op"]]:
    """The ops declared so far, by name. `asg_schema.op_table.OPS` is the complete table."""
    return _OPS


class Op(BaseModel):
    """A node: one operation applied to values of the graph."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    id: Identifier
    inputs: Annotated[tuple[Reference, ...], Field(fail_fast=True)] = ()
    metadata: dict[str, str] | None = Field(
        default=None, description="Free-form notes, such as provenance. They do not enter the digest."
    )

    operands: ClassVar[tuple[Operand, ...]] = ()
    results: ClassVar[tuple[str, ...]] = ("result",)
    name: ClassVar[str]
    attributes: ClassVar[tuple[str, ...]]
    attributes_optional: ClassVar[bool]
    _defaults: ClassVar[dict[str, Any]]
    _encoders: ClassVar[tuple[tuple[str, Any, Callable[[Any], Any] | None], ...]]
    _shape_fields: ClassVar[tuple[str, ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register a concrete op, and refuse one that is declared incompletely."""
        super().__pydantic_init_subclass__(**kwargs)
        if "op" not in cls.__annotations__:
            return
        name: str = cls.model_fields["op"].default
        if not (cls.__doc__ or "").strip():
            raise TypeError(f"op {name!r}: {cls.__name__} has no docstring")
        if name in _OPS:
            raise TypeError(f"op {name!r} is declared twice: {_OPS[name].__qualname__} and {cls.__qualname__}")
        if any(operand.variadic for operand in cls.operands[:-1]):
            raise TypeError(f"op {name!r}: only the last operand may be variadic")
        fields = {key: field for key, field in cls.model_fields.items() if key not in _COMMON}
        cls.name = name
        cls.attributes = tuple(fields)
        cls._defaults = {key: field.default for key, field in fields.items()}
        cls.attributes_optional = not any(field.is_required() for field in fields.values())
        cls._encoders = tuple((key, field.default, _encoder(field.annotation)) for key, field in fields.items())
        cls._shape_fields = tuple(key for key, field in fields.items() if field.annotation in (_SHAPE, _SHAPE_OR_NONE))
        _OPS[name] = cls

    @classmethod
    def family(cls) -> str:
        """The family that the op belongs to: how the name of the module that declares it begins.

        A family that is split has its name before an underscore in each module's: `reduction_normalization`.
        """
        return cls.__module__.rpartition(".")[2].partition("_")[0]

    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The types of the op's results. `asg_schema.inference.infer_node` checks number and dtypes of operands first.

        Raises:
            RuleError: the operands' shapes or dtypes, or the attributes, break the op's rule.
        """
        raise TypeError(f"{type(self).__name__} is not an op that can be applied")

    @classmethod
    def of(cls, *operands: "V | None", **attributes: Any) -> "V":
        """Append this op to the graph that `operands` belong to, and return its first result.

        Trailing operands that are None are left out.

        Raises:
            DocumentError: the operands or the attributes break the op's rule.
        """
        first = operands[0]
        if first is None:
            raise _first_operand_missing(cls)
        return cast("V", first.editor.emit(cls, operands, attributes)[0])

    @classmethod
    def all_of(cls, *operands: "V | None", **attributes: Any) -> "tuple[V, ...]":
        """Like `of`, for all results of an op that has several."""
        first = operands[0]
        if first is None:
            raise _first_operand_missing(cls)
        return cast("tuple[V, ...]", first.editor.emit(cls, operands, attributes))

    @classmethod
    def trusted(cls, id: str, inputs: tuple[str, ...]) -> Self:
        """A node whose attributes have their defaults, from an id and references that are known to be well-formed.

        It equals `cls(id=id, inputs=inputs)`, which would check them again, and takes two thirds of its memory. The op
        has no attribute without a default (see `attributes_optional`).
        """
        node = _new(cls)
        _set(node, "__dict__", {"id": id, "inputs": inputs, "metadata": None, "op": cls.name, **cls._defaults})
        _set_fields(node, _TRUSTED_FIELDS)
        _set_extra(node, None)
        _set_private(node, None)
        return node

    def references(self) -> tuple[str, ...]:
        """The names of the op's results: `id`, `id:1` and so on."""
        if len(type(self).results) == 1:  # of the class: to ask the node itself takes longer
            return (self.id,)
        return (self.id, *(f"{self.id}:{index}" for index in range(1, len(self.results))))

    def bind(self, values: Mapping[str, int]) -> "Op":
        """The op with every symbolic dim in its attributes replaced by its value."""
        return self._with_dims(lambda dim: bind_dim(dim, values))

    def substitute(self, values: Mapping[str, Dim]) -> "Op":
        """The op with symbols in its attributes replaced by dims; see `asg_schema.dims.substitute_dim`."""
        return self._with_dims(lambda dim: substitute_dim(dim, values))

    def _with_dims(self, change: Callable[[Dim], Dim]) -> "Op":
        update = {
            key: tuple(map(change, shape))
            for key in self._shape_fields
            if (shape := getattr(self, key)) and any(isinstance(dim, SymbolicDim) for dim in shape)
        }
        return self.model_copy(update=update) if update else self

    def symbols(self) -> frozenset[str]:
        """The names of the symbols in the op's attributes."""
        dims: Iterable[Any] = (dim for key in self._shape_fields for dim in getattr(self, key) or ())
        return frozenset(name for dim in dims if isinstance(dim, SymbolicDim) for name in symbols_of(dim))

    def attribute_json(self) -> dict[str, Any]:
        """The attributes that differ from their defaults, as JSON has them."""
        result: dict[str, Any] = {}
        for key, default, encode in self._encoders:
            value = getattr(self, key)
            if value is default or (value == default and repr(value) == repr(default)):
                continue
            result[key] = value if encode is None else encode(value)
        return result

    def meaning(self) -> dict[str, Any]:
        """The attributes as they enter the digest."""
        return self.attribute_json()

    def to_json(self) -> dict[str, Any]:
        """The node as JSON has it."""
        result = {"id": self.id, "op": self.name, "inputs": self.inputs, **self.attribute_json()}
        if not self.inputs:
            del result["inputs"]
        if self.metadata:
            result["metadata"] = self.metadata
        return result

    @model_serializer(mode="wrap")
    def _serialize(self, _handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return self.to_json()

    def axis_of(self, axis: int, rank: int, field: str = "axis", operand: int = 0) -> int:
        """`axis` counted from the front, for the operand number `operand`, which has `rank` axes.

        Raises:
            RuleError: there is no such axis.
        """
        if not -rank <= axis < rank:
            allowed = f"an axis from {-rank} to {rank - 1} is needed" if rank else "a rank-0 operand has no axis"
            raise RuleError(f"{field} {axis} is out of range for {{{operand}}}: {allowed}", field=field)
        return axis % rank

    def axes_of(self, axes: tuple[int, ...] | None, rank: int, field: str = "axis") -> tuple[int, ...]:
        """`axes` counted from the front and sorted; None is all axes.

        Raises:
            RuleError: an axis is out of range or named twice.
        """
        if axes is None:
            return tuple(range(rank))
        result = sorted(self.axis_of(axis, rank, field) for axis in axes)
        if len(set(result)) != len(result):
            raise RuleError(f"{field} {list(axes)} names an axis of {{0}} twice", field=field)
        return tuple(result)


def _first_operand_missing(op: type[Op]) -> TypeError:
    return TypeError(f"{op.name}: the first operand is missing")


def _encoder(annotation: object) -> Callable[[Any], Any] | None:
    for kind, encode in _ENCODERS.items():
        if annotation == kind:
            return encode
    if annotation is int or annotation is bool or annotation is str:
        return None
    return _encode_any


def _encode_any(value: Any) -> Any:
    if isinstance(value, float):
        return encode_number(value)
    if isinstance(value, SymbolicDim):
        return encode_shape((value,))[0]
    if isinstance(value, tuple):
        return [_encode_any(item) for item in cast("tuple[Any, ...]", value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value
