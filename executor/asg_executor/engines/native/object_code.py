"""Machine code for kernels: compiled once, and kept in this process and on disk."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from llvmlite import binding, ir

from asg_executor.cores import available_cores
from asg_executor.engines.native.compilation import create_linker, machine_code, processor
from asg_executor.engines.native.kernel_files import KernelFiles
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.kernel_directory import kernel_directory

__all__ = ["NativeFunction", "ObjectCode", "functions", "text_functions"]

_KEPT = 4096  # functions that no program needs any more; their code takes about 40 MB


class NativeFunction:
    """A function in this process's memory. Its code stays there as long as this object or one of its like does.

    Attributes:
        address: where it begins.
    """

    def __init__(self, library: "_Library", name: str) -> None:
        self.address: int = library.tracker[name]
        self._library = library


class _Library:
    """An object file in memory; it is removed with its tracker."""

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker


@dataclass(frozen=True)
class _Source:
    """What an object file is made from: a text that is written only where it is needed."""

    key: str
    names: tuple[str, ...]
    text: Callable[[], str]


class ObjectCode:
    """Turns sources into functions, each once.

    Args:
        files: where machine code is kept between processes.
        kept: how many object files stay in memory though nothing needs them.

    Attributes:
        compiled: how many sources were compiled, and not read from the disk.
    """

    def __init__(self, files: KernelFiles, kept: int = _KEPT) -> None:
        self._files = files
        self._kept = kept
        self._lock = Lock()
        self._loaded: WeakValueDictionary[str, _Library] = WeakValueDictionary()
        self._recent: OrderedDict[str, _Library] = OrderedDict()
        self._awaited: dict[str, Future[_Library]] = {}
        self._linker: Any = None
        self._numbers = count()
        self.compiled = 0

    @property
    def loaded(self) -> int:
        """How many object files are in memory."""
        return len(self._loaded)

    def functions(self, specs: Iterable[KernelSpec]) -> list[NativeFunction]:
        """The functions of kernels, in their order; those of equal kernels have the same code.

        Any number of threads may ask at a time; what one of them compiles, others wait for.

        Args:
            specs: the kernels.

        Raises:
            RuntimeError: LLVM refuses what a kernel defines.
        """
        sources = [_kernel_source(spec) for spec in specs]
        libraries = self._load({source.key: source for source in sources})
        return [NativeFunction(libraries[source.key], "kernel") for source in sources]

    def text_functions(self, text: str, names: Sequence[str]) -> list[NativeFunction]:
        """The functions of a module that is written in LLVM's language.

        Args:
            text: the module.
            names: the functions' names.

        Raises:
            RuntimeError: LLVM refuses the text.
        """
        source = _Source(_key(text), tuple(names), lambda: text)
        library = self._load({source.key: source})[source.key]
        return [NativeFunction(library, name) for name in names]

    def _load(self, sources: Mapping[str, _Source]) -> dict[str, _Library]:
        found: dict[str, _Library] = {}
        ours: dict[str, Future[_Library]] = {}
        theirs: dict[str, Future[_Library]] = {}
        with self._lock:
            for key in sources:
                if (library := self._loaded.get(key)) is not None:
                    found[key] = library
                elif key in self._awaited:
                    theirs[key] = self._awaited[key]
                else:
                    ours[key] = self._awaited[key] = Future()
        try:
            self._make([sources[key] for key in ours], ours)
        finally:
            self._forget(ours)
        found.update({key: future.result() for key, future in ours.items()})
        for key, future in theirs.items():  # only now, when nobody waits for us
            try:
                found[key] = future.result()
            except CancelledError:  # it failed there; here it may fail with an error of its own
                found.update(self._load({key: sources[key]}))
        self._keep(found)
        return found

    def _make(self, sources: Sequence[_Source], futures: Mapping[str, "Future[_Library]"]) -> None:
        missing: list[_Source] = []
        for source in sources:
            code = self._files.read(source.key)
            if code is None:
                missing.append(source)
            else:
                futures[source.key].set_result(self._link(source, code))
        if len(missing) == 1:
            self._compile(missing[0], futures[missing[0].key])
        elif missing:
            with ThreadPoolExecutor(min(available_cores(), len(missing))) as threads:
                made = [threads.submit(self._compile, source, futures[source.key]) for source in missing]
            for each in made:
                each.result()  # an error, if there is one; what else was compiled is kept

    def _compile(self, source: _Source, future: "Future[_Library]") -> None:
        code = machine_code(source.text())
        future.set_result(self._link(source, code))
        self._files.write(source.key, code)
        with self._lock:
            self.compiled += 1

    def _link(self, source: _Source, code: bytes) -> _Library:
        with self._lock:
            if self._linker is None:
                self._linker = create_linker()
            builder = binding.JITLibraryBuilder().add_object_img(code)
            builder.add_current_process()  # LLVM calls `memset` and the like
            for name in source.names:
                builder.export_symbol(name)
            library = _Library(builder.link(self._linker, f"library{next(self._numbers)}"))
            self._loaded[source.key] = library
            return library

    def _forget(self, futures: Mapping[str, "Future[_Library]"]) -> None:
        with self._lock:
            for key, future in futures.items():
                del self._awaited[key]
                future.cancel()  # without effect where there is a result

    def _keep(self, found: Mapping[str, _Library]) -> None:
        with self._lock:
            for key, library in found.items():
                self._recent[key] = library
                self._recent.move_to_end(key)
            while len(self._recent) > self._kept:
                self._recent.popitem(last=False)


def functions(specs: Iterable[KernelSpec]) -> list[NativeFunction]:
    """The functions of kernels; see `ObjectCode.functions`."""
    return _process_code().functions(specs)


def text_functions(text: str, names: Sequence[str]) -> list[NativeFunction]:
    """The functions of a module; see `ObjectCode.text_functions`."""
    return _process_code().text_functions(text, names)


@cache
def _process_code() -> ObjectCode:
    return ObjectCode(KernelFiles(kernel_directory()))


def _kernel_source(spec: KernelSpec) -> _Source:
    def text() -> str:
        module = ir.Module()
        spec.define(module)
        return str(module)

    kind = type(spec)
    return _Source(_key(f"{kind.__module__} {spec!r}"), ("kernel",), text)


def _key(content: str) -> str:
    return hashlib.sha256(f"{_origin()}\n{content}".encode()).hexdigest()


@cache
def _origin() -> str:
    """What machine code depends on besides the kernel: the source text of this package, and the processor."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n".encode())
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()} {processor()}"
