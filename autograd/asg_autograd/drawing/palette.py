"""The colours of a drawing, for light and dark surroundings, as the style sheet that stands in it."""

__all__ = ["style_sheet"]

_LIGHT = {
    "ground": "#ffffff",
    "ink": "#1b1f24",
    "faint": "#59636e",
    "line": "#8a939d",
    "input": "#e9e3f8",
    "parameter": "#f1efe6",
    "parts": ("#dcebfb", "#fde5cf", "#d5f0e3", "#f8dcea"),
    "edges": ("#3b77b8", "#bf6a1a", "#22855b", "#b0417e"),
}
_DARK = {
    "ground": "#0d1117",
    "ink": "#e6edf3",
    "faint": "#a3adb8",
    "line": "#6e7a87",
    "input": "#352b52",
    "parameter": "#302e24",
    "parts": ("#173455", "#4a2d12", "#123d2b", "#48203a"),
    "edges": ("#6aaaf0", "#e0924a", "#4fbf8d", "#e07db6"),
}
PART_COLORS = 4
"""How many parts have a colour of their own; the next has that of the first again."""


def style_sheet() -> str:
    """The style sheet of all drawings."""
    return f"{_LAYOUT}{_colours(_LIGHT)}@media (prefers-color-scheme: dark) {{\n{_colours(_DARK)}}}\n"


_LAYOUT = """\
text { font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 11px; }
text.heading { font-size: 13px; font-weight: bold; }
text.label { font-size: 12px; font-weight: bold; stroke-width: 3; paint-order: stroke; stroke-linejoin: round; }
.shape { stroke-width: 1; }
.line { fill: none; stroke-width: 1.2; }
.reach { fill: none; stroke: transparent; stroke-width: 9; }
.between .line { stroke-dasharray: 4 3; stroke-width: 0.9; }
.from-parameter .line { stroke-width: 0.8; }
.outside .shape, .dead .shape { stroke-dasharray: 4 3; }
.dead { opacity: 0.55; }
.box > .frame { fill-opacity: 0.16; stroke-opacity: 0.7; stroke-width: 1; }
.part > .frame { fill-opacity: 0.10; stroke-dasharray: 7 4; }
"""


def _colours(palette: dict[str, str | tuple[str, ...]]) -> str:
    lines = [
        f".ground {{ fill: {palette['ground']}; }}",
        f"text {{ fill: {palette['faint']}; }}",
        f"text.heading, text.label {{ fill: {palette['ink']}; }}",
        f"text.label {{ stroke: {palette['ground']}; }}",
        f".shape {{ fill: {palette['ground']}; stroke: {palette['line']}; }}",
    ]
    for number in range(PART_COLORS):
        fill, edge = palette["parts"][number], palette["edges"][number]
        lines += [
            f".part-{number} .shape {{ fill: {fill}; stroke: {edge}; }}",
            f".part-{number} > .frame {{ fill: {fill}; stroke: {edge}; }}",
            f".part-{number} .line {{ stroke: {edge}; }}",
            f".part-{number} .arrow {{ fill: {edge}; }}",
        ]
    lines += [
        f".input .shape {{ fill: {palette['input']}; }}",
        f".parameter .shape {{ fill: {palette['parameter']}; stroke: {palette['line']}; }}",
        f".outside .shape {{ fill: {palette['ground']}; }}",
    ]
    return "".join(f"{line}\n" for line in lines)
