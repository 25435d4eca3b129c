"""The part of a Markdown file that is written by a program."""

from pathlib import Path

__all__ = ["replace_part"]


def replace_part(path: Path, name: str, text: str) -> None:
    """Write a text between the lines `<!-- NAME: begin -->` and `<!-- NAME: end -->` of a file.

    Args:
        path: the file.
        name: the part's name.
        text: what stands there afterwards, in the place of what stood there.

    Raises:
        ValueError: the file has not exactly one such part; it is not changed then.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    content = path.read_text()
    if content.count(begin) != 1 or content.count(end) != 1 or content.index(begin) > content.index(end):
        raise ValueError(f"{path} needs one line {begin.strip()} and, behind it, one line {end.strip()}")
    before, _, rest = content.partition(begin)
    path.write_text(f"{before}{begin}{text.strip()}\n{end}{rest.partition(end)[2]}")
