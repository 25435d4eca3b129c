"""A program whose threads compile documents, equal and different ones, while nothing that is compiled stays for long.

Few kernels stay in memory, and few files on disk; files are cut, changed and removed meanwhile, here and in whatever
other process has the same directory. Each result is compared with the first one, to the bit. In the end it prints what
it has counted, as JSON.
"""

import faulthandler
import gc
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event
from unittest.mock import patch

from asg_executor.engines.native.kernel_files import KernelFiles
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.native.object_code import ObjectCode
from asg_executor.plan.arrays import Array
from executor.native.varied_documents import VariedDocument, varied_document

__all__ = ["KEPT_FUNCTIONS", "main"]

KEPT_FUNCTIONS = 5
_KEPT_BYTES = 60_000
_DOCUMENTS, _STEPS = 8, 5
_THREADS, _ROUNDS = 4, 12
_SECONDS = 240


class _Warnings(logging.Handler):
    """Counts what the files' warnings say is damaged; nothing else may be warned of."""

    def __init__(self) -> None:
        super().__init__()
        self.damaged = 0
        self.others: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "is damaged" in message:
            self.damaged += 1
        else:
            self.others.append(message)


def _results(made: VariedDocument) -> Mapping[str, bytes]:
    """The outputs' bytes, of a document compiled anew."""
    results: Mapping[str, Array] = NativeEngine().compile(made.document, {})(made.inputs)
    return {name: array.tobytes() for name, array in results.items()}


def _compile_some(
    documents: Sequence[VariedDocument], expected: Sequence[Mapping[str, bytes]], rounds: int, seed: int
) -> int:
    """How many results were others than the first ones."""
    random = Random(seed)
    wrong = 0
    for _ in range(rounds):
        number = random.randrange(len(documents))
        wrong += _results(documents[number]) != expected[number]
    return wrong


def _damage(directory: Path, seed: int, ended: Event) -> None:
    """Cut, change and remove files, until it is ended."""
    random = Random(seed)
    while not ended.wait(0.02):
        files = [path for path in directory.iterdir() if not path.suffix]
        if not files:
            continue
        path = random.choice(files)
        with suppress(FileNotFoundError):  # it was removed meanwhile, by whom ever
            content = bytearray(path.read_bytes())
            kind = random.randrange(3)
            if kind == 0 or not content:
                path.unlink()
            elif kind == 1:
                path.write_bytes(content[: random.randrange(len(content))])
            else:
                content[random.randrange(len(content))] ^= 255
                path.write_bytes(content)


def _held() -> tuple[int, int]:
    """How many ranges of memory are mapped, and how many files are open."""
    gc.collect()
    return len(Path("/proc/self/maps").read_text().splitlines()), len(list(Path("/proc/self/fd").iterdir()))


def main(directory: Path, seed: int) -> None:
    """Compile, damage, and count.

    Args:
        directory: where the files are.
        seed: of what is compiled and damaged when.
    """
    faulthandler.dump_traceback_later(_SECONDS, exit=True)  # whoever waits for another that waits says so
    warnings = _Warnings()
    logging.getLogger("asg_executor").addHandler(warnings)
    documents = [varied_document(number, _STEPS) for number in range(_DOCUMENTS)]
    code = ObjectCode(KernelFiles(directory, _KEPT_BYTES), kept=KEPT_FUNCTIONS)
    ended = Event()
    with (
        patch("asg_executor.engines.native.object_code._process_code", lambda: code),
        ThreadPoolExecutor(_THREADS + 1) as threads,
    ):
        expected = [_results(made) for made in documents]
        once = code.compiled
        damaging = threads.submit(_damage, directory, seed, ended)

        def compile_some(rounds: int) -> int:
            seeds = range(seed, seed + _THREADS)
            working = [threads.submit(_compile_some, documents, expected, rounds, each) for each in seeds]
            return sum(each.result() for each in working)

        try:
            wrong = compile_some(_ROUNDS // 4)
            before = _held()
            wrong += compile_some(_ROUNDS)
            after = _held()
        finally:
            ended.set()
        damaging.result()
    counted = {"wrong": wrong, "once": once, "compiled": code.compiled, "loaded": code.loaded}
    counted |= {"maps": [before[0], after[0]], "files": [before[1], after[1]]}
    print(json.dumps(counted | {"damaged": warnings.damaged, "other_warnings": warnings.others}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
