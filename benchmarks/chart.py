"""The chart of `benchmarks.results.Results`: bars for the medians, one group a workload."""

from pathlib import Path
from typing import Any, cast

from matplotlib.figure import Figure

from benchmarks.results import Results, Row
from benchmarks.steps import ASG, JAX, NATIVE, NUMPY, TORCH, TORCH_COMPILE

__all__ = ["draw_chart"]

_COLORS = {
    ASG: "#1f6fb4",
    NATIVE: "#4a90c9",
    NUMPY: "#9cc4e4",
    TORCH: "#d9793b",
    TORCH_COMPILE: "#edb98f",
    JAX: "#6a9c5b",
}
_COLUMNS = 2
_DOTS_PER_INCH = 120


def draw_chart(results: Results, path: Path) -> None:
    """Draw one panel a workload, with a bar for each candidate in a process: the median, and a line at the minimum.

    Args:
        results: what is drawn.
        path: the PNG file.
    """
    lines = -(-len(results.rows) // _COLUMNS)
    figure = cast("Any", Figure(figsize=(11, 0.3 + 1.7 * lines), layout="constrained"))
    panels = figure.subplots(lines, _COLUMNS, squeeze=False).flatten()
    for panel, row in zip(panels, results.rows, strict=False):
        _draw_panel(panel, row)
    for panel in panels[len(results.rows) :]:
        panel.set_axis_off()
    machine = results.machine
    where = f"{machine.cores} cores, {machine.processor}, float32"
    figure.suptitle(f"Milliseconds: the median of all steps, and a line at the minimum ({where})", fontsize=10)
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _draw_panel(panel: Any, row: Row) -> None:
    names = [name for name in _COLORS if name in row.timed]
    medians = [row.timed[name].median for name in names]
    bars = panel.barh(names, medians, color=[_COLORS[name] for name in names], height=0.75)
    panel.vlines(
        [row.timed[name].minimum for name in names],
        [index - 0.375 for index in range(len(names))],
        [index + 0.375 for index in range(len(names))],
        color="black",
        linewidth=0.8,
    )
    panel.bar_label(bars, labels=[f"{median:.3g}" for median in medians], padding=3, fontsize=8)
    panel.set_title(row.description, fontsize=8.5, loc="left")
    panel.invert_yaxis()  # the first on top
    panel.set_xlim(0, 1.12 * max(medians))
    panel.tick_params(labelsize=8)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
