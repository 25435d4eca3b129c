"""The bar of a training: how far it is, its loss, how many steps it takes a second, and when it ends."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text
from typing_extensions import override

__all__ = ["TrainingProgress"]


class _Speed(ProgressColumn):
    """How many units are done a second, lately."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    @override
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {self._unit}/s", style="progress.data.speed")


class TrainingProgress:
    """A progress bar, in `with`; it is drawn on a terminal only, and vanishes at the end.

    Args:
        description: what stands before the bar at first.
        total: how many steps there are; None where that is not known.
        console: where it is drawn; absent: standard error.
        unit: what is counted.
    """

    def __init__(
        self, description: str, total: int | None, console: Console | None = None, *, unit: str = "steps"
    ) -> None:
        console = console or Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(unit),
            TimeRemainingColumn(),
        )
        # Where standard output is a file, what is printed meanwhile belongs there, and not above the bar.
        hidden, above = not console.is_terminal, sys.stdout.isatty()
        self._bar = Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=above)
        self._task = self._bar.add_task(description, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, description: str) -> None:
        """One more is done.

        Args:
            description: what stands before the bar from now on.
        """
        self._bar.update(self._task, advance=1, description=description)

    def show(self, completed: int, description: str | None = None) -> None:
        """So many are done.

        Args:
            completed: how many.
            description: what stands before the bar from now on; absent: what stands there.
        """
        self._bar.update(self._task, completed=completed, description=description)
