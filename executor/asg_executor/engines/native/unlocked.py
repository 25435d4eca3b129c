"""LLVM's two functions that take long, without the lock that llvmlite holds around every call.

LLVM compiles modules of different contexts on different threads at the same time; llvmlite lets one thread in at a
time, whatever it does. Nothing here may share a context, a pass builder or a target machine with another thread.
"""

import ctypes
from functools import cache
from typing import Any

from llvmlite import binding

__all__ = ["emit_object", "run_passes"]


def run_passes(passes: Any, module: Any, builder: Any) -> None:
    """Run a pass manager over a module.

    Args:
        passes: an llvmlite `ModulePassManager`.
        module: an llvmlite `ModuleRef`.
        builder: the `PassBuilder` that the passes are from.
    """
    _library().LLVMPY_RunNewModulePassManager(passes, module, builder)


def emit_object(machine: Any, module: Any) -> bytes:
    """The object file of a module.

    Args:
        machine: an llvmlite `TargetMachine`.
        module: an llvmlite `ModuleRef`.

    Raises:
        RuntimeError: LLVM cannot write it; it says why.
    """
    library = _library()
    message = ctypes.c_char_p()
    buffer = library.LLVMPY_TargetMachineEmitToMemory(machine, module, 1, ctypes.byref(message))
    if not buffer:
        text = (message.value or b"").decode(errors="replace")
        library.LLVMPY_DisposeString(message)
        raise RuntimeError(text)
    try:
        return ctypes.string_at(library.LLVMPY_GetBufferStart(buffer), library.LLVMPY_GetBufferSize(buffer))
    finally:
        library.LLVMPY_DisposeMemoryBuffer(buffer)


@cache
def _library() -> Any:
    """The library that llvmlite has loaded, with functions of our own: its are behind the lock."""
    loaded = binding.ffi.lib
    library = ctypes.CDLL(loaded._name, handle=loaded._handle)  # noqa: SLF001 - so ctypes documents them
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("LLVMPY_RunNewModulePassManager", None, [pointer, pointer, pointer]),
        ("LLVMPY_TargetMachineEmitToMemory", pointer, [pointer, pointer, ctypes.c_int, pointer]),
        ("LLVMPY_GetBufferStart", pointer, [pointer]),
        ("LLVMPY_GetBufferSize", ctypes.c_size_t, [pointer]),
        ("LLVMPY_DisposeMemoryBuffer", None, [pointer]),
        ("LLVMPY_DisposeString", None, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
