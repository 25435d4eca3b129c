"""From LLVM's intermediate representation to machine code for the processor that this runs on."""

import ctypes
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import binding

from asg_executor.engines.native.amx import may_use_tiles
from asg_executor.engines.native.unlocked import emit_object, run_passes

__all__ = ["VectorUnit", "create_linker", "machine_code", "optimised_text", "processor", "vector_unit"]

_SUPPORT = "libgcc_s.so.1"  # has what LLVM calls where the processor has no instruction, as from float64 to float16


@dataclass(frozen=True)
class VectorUnit:
    """What a processor computes with.

    Attributes:
        bytes: the width of a vector.
        registers: how many vectors it holds.
        multiplies_pairs: whether it adds the products of two pairs of bfloat16 to a float32 at once (AVX512-BF16).
        multiplies_tiles: whether it multiplies small matrices of bfloat16 at once (AMX).
    """

    bytes: int
    registers: int
    multiplies_pairs: bool = False
    multiplies_tiles: bool = False


@cache
def vector_unit() -> VectorUnit:
    """The vectors of this processor."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        has_tiles = bool(features.get("amx-tile") and features.get("amx-bf16"))
        return VectorUnit(64, 32, bool(features.get("avx512bf16")), has_tiles and may_use_tiles())
    if features.get("avx"):
        return VectorUnit(32, 16)
    return VectorUnit(16, 32 if features.get("neon") else 16)


@cache
def processor() -> str:
    """What the machine code depends on: LLVM's version, the processor's name, and its features."""
    version = ".".join(map(str, binding.llvm_version_info))
    return f"LLVM {version} {binding.get_process_triple()} {binding.get_host_cpu_name()} {_features()}"


def machine_code(text: str) -> bytes:
    """Optimise a module and compile it. Several threads may do that at the same time.

    Args:
        text: the module, as LLVM writes it.

    Returns:
        An object file, whose code may lie anywhere in memory.

    Raises:
        RuntimeError: LLVM does not understand the text; it says where.
    """
    machine = _new_target_machine()
    return emit_object(machine, _optimised(text, machine))


def optimised_text(text: str) -> str:
    """What a module becomes before it is compiled, for those who want to see it.

    Args:
        text: the module, as LLVM writes it.

    Raises:
        RuntimeError: LLVM does not understand the text; it says where.
    """
    return str(_optimised(text, _new_target_machine()))


def _optimised(text: str, machine: Any) -> Any:
    module = binding.parse_assembly(text, context=binding.create_context())
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    builder = binding.create_pass_builder(machine, _tuning())
    passes = builder.getModulePassManager()
    run_passes(passes, module, builder)
    binding.ffi.lib.LLVMPY_DisposeNewModulePassManger(passes)  # `close` frees nothing in llvmlite 0.50
    passes.detach()
    return module


def create_linker() -> Any:
    """What puts object files into this process's memory: LLVM's LLJIT.

    Of LLVM's two linkers it has the one that lays an object file's code and constants side by side. The other takes
    memory for each where it finds some; in a process that has reserved much, code then does not reach its constants.
    """
    with suppress(OSError):  # elsewhere the system's own library has them
        ctypes.CDLL(_SUPPORT, mode=ctypes.RTLD_GLOBAL)
    return binding.create_lljit_compiler(_new_target_machine(), use_jit_link=True)


def _tuning() -> Any:
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.loop_interleaving = True
    options.loop_unrolling = True
    options.slp_vectorization = True
    return options


def _new_target_machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=_features(), opt=3, reloc="pic", codemodel="small"
    )


def _features() -> str:
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        features["prefer-256-bit"] = (
            False  # LLVM keeps to half the width on processors that once slowed down at the whole
        )
    return features.flatten()
