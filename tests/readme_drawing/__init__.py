"""The drawing in the README: its document with its gradient, as `asg show` draws it."""

import re
from pathlib import Path

from asg_autograd import grad, show
from asg_schema import Document

ROOT = Path(__file__).parents[2]
FILE = ROOT / "autograd" / "regression.svg"


def drawing() -> str:
    """The drawing, from the document that the README tells to save."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- file: regression.json -->\n```json\n(.*?)```", readme, re.DOTALL)
    assert found, "the README has no regression.json"
    return show(grad(Document.from_json(found[1])))
