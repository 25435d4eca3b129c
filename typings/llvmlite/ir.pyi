"""The classes that annotations name; what they hold is not described."""

from collections.abc import Sequence
from typing import Any

Undefined: object

class Type:
    def __getattr__(self, name: str) -> Any: ...
    def __call__(self, value: object) -> Constant: ...

class IntType(Type):
    def __init__(self, bits: int) -> None: ...

class HalfType(Type): ...
class FloatType(Type): ...
class DoubleType(Type): ...
class VoidType(Type): ...

class PointerType(Type):
    def __init__(self, pointee: Type | None = ..., addrspace: int = ...) -> None: ...

class ArrayType(Type):
    def __init__(self, element: Type, count: int) -> None: ...

class VectorType(Type):
    def __init__(self, element: Type, count: int) -> None: ...

class LiteralStructType(Type):
    def __init__(self, elements: Sequence[Type], packed: bool = ...) -> None: ...

class FunctionType(Type):
    def __init__(self, return_type: Type, args: Sequence[Type], var_arg: bool = ...) -> None: ...

class Value:
    type: Any
    name: str
    def __getattr__(self, name: str) -> Any: ...

class Constant(Value):
    def __init__(self, typ: Type, constant: object) -> None: ...

class Argument(Value): ...
class Block(Value): ...

class Instruction(Value):
    operands: Sequence[Value]
    parent: Block

class LoadInstr(Instruction):
    align: int | None

class StoreInstr(Instruction):
    align: int | None

class CallInstr(Instruction):
    callee: Any
    args: Sequence[Any]

class GEPInstr(Instruction):
    inbounds: bool

class AllocaInstr(Instruction):
    allocated_type: Type

class SelectInstr(Instruction): ...
class CastInstr(Instruction): ...
class InsertElement(Instruction): ...
class ExtractElement(Instruction): ...
class ShuffleVector(Instruction): ...

class PhiInstr(Instruction):
    incomings: Sequence[tuple[Value, Block]]

class LoadAtomicInstr(Instruction): ...
class StoreAtomicInstr(Instruction): ...
class AtomicRMW(Instruction): ...
class CmpXchg(Instruction): ...

class GlobalVariable(Value):
    linkage: str
    align: int | None
    global_constant: bool
    initializer: Constant
    def __init__(self, module: Module, typ: Type, name: str, addrspace: int = ...) -> None: ...

class Function(Value):
    args: tuple[Argument, ...]
    attributes: Any
    blocks: Any
    linkage: str
    def __init__(self, module: Module, ftype: FunctionType, name: str) -> None: ...

class Module:
    triple: str
    data_layout: str
    globals: dict[str, Any]
    def __init__(self, name: str = ..., context: object = ...) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class IRBuilder:
    block: Any
    function: Any
    module: Any
    def __init__(self, block: Block | None = ...) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
