"""Machine code is made once, kept on disk, and never taken from a file that is damaged."""

import ctypes
import gc
import mmap
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from asg_executor.engines.native.compilation import machine_code
from asg_executor.engines.native.kernel_files import KernelFiles
from asg_executor.engines.native.object_code import NativeFunction, ObjectCode
from asg_executor.engines.native.program import Call, NativeProgram
from asg_executor.kernel_directory import keep_kernels_in, kernel_directory
from executor.native.kernels import Affine, Broken

SIZE = 100


def result(function: NativeFunction) -> float:
    x, y = np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)
    NativeProgram([Call(function, (x.ctypes.data, y.ctypes.data), SIZE)]).run()
    assert (y == y[0]).all()
    return float(y[0])


def code_at(directory: Path) -> ObjectCode:
    return ObjectCode(KernelFiles(directory))


def test_each_kernel_is_compiled_once(tmp_path: Path) -> None:
    code = code_at(tmp_path)
    first, second, again = code.functions([Affine(SIZE, 2.0), Affine(SIZE, 3.0), Affine(SIZE, 2.0)])
    assert [result(first), result(second), result(again)] == [2.0, 3.0, 2.0]
    assert first.address == again.address
    assert code.functions([Affine(SIZE, 3.0)])[0].address == second.address
    assert code.compiled == 2


def test_another_process_reads_what_one_compiled(tmp_path: Path) -> None:
    code_at(tmp_path).functions([Affine(SIZE, 2.0)])
    other = code_at(tmp_path)
    assert result(other.functions([Affine(SIZE, 2.0)])[0]) == 2.0
    assert other.compiled == 0


@pytest.mark.parametrize("position", [0, 20, 60, -1])
def test_a_damaged_file_is_compiled_anew(tmp_path: Path, position: int, caplog: pytest.LogCaptureFixture) -> None:
    code_at(tmp_path).functions([Affine(SIZE, 2.0)])
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    other = code_at(tmp_path)
    assert result(other.functions([Affine(SIZE, 2.0)])[0]) == 2.0
    assert other.compiled == 1
    assert "damaged" in caplog.text
    content[position] ^= 1
    assert path.read_bytes() == content


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_torn_file_is_compiled_anew(tmp_path: Path, size: int) -> None:
    code_at(tmp_path).functions([Affine(SIZE, 2.0)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:size])
    other = code_at(tmp_path)
    assert result(other.functions([Affine(SIZE, 2.0)])[0]) == 2.0
    assert other.compiled == 1


def test_the_file_of_another_kernel_is_not_taken(tmp_path: Path) -> None:
    code_at(tmp_path).functions([Affine(SIZE, 2.0)])
    (two,) = tmp_path.iterdir()
    code_at(tmp_path).functions([Affine(SIZE, 3.0)])
    (three,) = set(tmp_path.iterdir()) - {two}
    three.write_bytes(two.read_bytes())
    assert result(code_at(tmp_path).functions([Affine(SIZE, 3.0)])[0]) == 3.0


@pytest.mark.skipif(os.name == "nt", reason="its folders have other rights")
def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    code = code_at(folder)
    assert result(code.functions([Affine(SIZE, 2.0)])[0]) == 2.0
    code.functions([Affine(SIZE, 3.0)])
    assert not list(folder.iterdir())
    assert caplog.text.count("can be written by other users") == 1


def test_without_a_folder_to_write_to_nothing_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    code = code_at(tmp_path / "file" / "kernels")
    assert [result(function) for function in code.functions([Affine(SIZE, 2.0), Affine(SIZE, 3.0)])] == [2.0, 3.0]
    assert caplog.text.count("not kept") == 1


@pytest.mark.skipif(os.name == "nt", reason="its folders have other rights")
def test_the_folder_is_its_users_alone(tmp_path: Path) -> None:
    code_at(tmp_path / "kernels").functions([Affine(SIZE, 2.0)])
    assert stat.S_IMODE((tmp_path / "kernels").stat().st_mode) == 0o700


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_KERNEL_CACHE", str(tmp_path))
    assert kernel_directory() == tmp_path
    monkeypatch.delenv("ASG_KERNEL_CACHE")
    assert kernel_directory().name == "kernels"
    monkeypatch.setattr("asg_executor.kernel_directory._named", [])
    keep_kernels_in(tmp_path / "other")
    assert kernel_directory() == tmp_path / "other"


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    files = KernelFiles(tmp_path, most_bytes=3000)
    keys = [f"{number:064x}" for number in range(4)]
    for age, key in enumerate(keys[:3]):
        files.write(key, b"x" * 900)
        os.utime(tmp_path / key, (1000 + age, 1000 + age))
    assert files.read(keys[0]) is not None  # now it is the newest
    files.write(keys[3], b"x" * 900)
    assert [files.read(key) is not None for key in keys] == [True, False, True, True]


def test_threads_that_need_the_same_kernel_compile_it_once(tmp_path: Path) -> None:
    code = code_at(tmp_path)
    wanted = [Affine(SIZE, float(factor)) for factor in range(6)]
    results: list[list[float]] = []
    together = threading.Barrier(4)

    def work(turned: int) -> None:
        together.wait()
        mine = wanted[turned:] + wanted[:turned]
        found = dict(zip(mine, code.functions(mine), strict=True))
        results.append([result(found[spec]) for spec in wanted])

    threads = [threading.Thread(target=work, args=(turned,)) for turned in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[float(factor) for factor in range(6)]] * 4
    assert code.compiled == 6


def test_what_cannot_be_compiled_fails_for_each_who_asks_and_leaves_the_others(tmp_path: Path) -> None:
    code = code_at(tmp_path)
    with pytest.raises(RuntimeError, match="LLVM"):
        code.functions([Affine(SIZE, 2.0), Broken()])
    with pytest.raises(RuntimeError, match="LLVM"):
        code.functions([Broken()])
    assert result(code.functions([Affine(SIZE, 2.0)])[0]) == 2.0
    assert code.compiled == 1


def test_whoever_waits_for_a_compilation_that_fails_compiles_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_at(tmp_path)
    begun, failing = threading.Event(), threading.Event()
    define = Affine.define

    def define_or_fail(self: Affine, module: ir.Module) -> None:
        if threading.current_thread() is threading.main_thread():
            define(self, module)
            return
        begun.set()
        failing.wait()
        raise ValueError("no")

    monkeypatch.setattr(Affine, "define", define_or_fail)

    def fail() -> None:
        with pytest.raises(ValueError, match="no"):
            code.functions([Affine(SIZE, 2.0)])

    thread = threading.Thread(target=fail)
    thread.start()
    begun.wait()
    threading.Timer(0.1, failing.set).start()
    assert result(code.functions([Affine(SIZE, 2.0)])[0]) == 2.0
    thread.join()


def test_code_that_nothing_needs_leaves_memory(tmp_path: Path) -> None:
    code = ObjectCode(KernelFiles(tmp_path), kept=2)
    held = code.functions([Affine(SIZE, 1.0)])
    for factor in range(2, 6):
        assert result(code.functions([Affine(SIZE, float(factor))])[0]) == factor
    gc.collect()
    assert code.loaded == 3  # two that are kept, and the one that is held
    assert result(held[0]) == 1.0


def test_many_kernels_are_compiled_together_and_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    code = code_at(tmp_path)
    wanted = [Affine(SIZE, float(factor)) for factor in range(20)]
    with pytest.raises(RuntimeError, match="LLVM"):
        code.functions([*wanted[:10], Broken(), *wanted[10:]])
    assert code.compiled == 20
    assert [result(function) for function in code.functions(wanted)] == [float(factor) for factor in range(20)]
    assert code.compiled == 20


def test_threads_compile_as_one_does() -> None:
    texts: list[str] = []
    for factor in range(8):
        module = ir.Module()
        Affine(SIZE, float(factor)).define(module)
        texts.append(str(module))
    alone = [machine_code(text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(machine_code, texts * 5)) == alone * 5


def test_what_llvm_cannot_read_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="expected"):
        machine_code("define nothing")


_NARROWING = """
define void @narrow(ptr %wide, ptr %half) {
  %number = load double, ptr %wide
  %narrow = fptrunc double %number to half
  store half %narrow, ptr %half
  ret void
}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the library has another name")
def test_functions_that_llvm_calls_for_want_of_an_instruction_are_found(tmp_path: Path) -> None:
    (narrow,) = code_at(tmp_path).text_functions(_NARROWING, ["narrow"])
    wide, half = np.array([1 + 2**-11 + 2**-40]), np.zeros(1, np.float16)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(narrow.address)(wide.ctypes.data, half.ctypes.data)
    assert half[0] == 1 + 2**-10  # to float32 first, it would be 1


@pytest.mark.skipif(sys.platform != "linux", reason="fills the address space as Linux gives it out")
def test_code_reaches_its_constants_where_memory_is_crowded() -> None:
    """LLVM's older linker ended the process here, as it did in one that had loaded two large frameworks."""
    command = [sys.executable, str(Path(__file__).with_name("crowded_address_space.py"))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{[float(number) for number in range(16)]}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads how much memory the process has as Linux tells it")
def test_what_is_let_go_of_gives_its_memory_back(tmp_path: Path) -> None:
    code = ObjectCode(KernelFiles(tmp_path), kept=4)

    def compile_others(first: int) -> int:
        code.functions([Affine(SIZE, float(first + number)) for number in range(100)])
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * mmap.PAGESIZE

    before = compile_others(0)
    assert compile_others(1000) - before < 100 * 40_000
