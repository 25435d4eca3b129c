"""The commands of the transformer.

Each reads a document from a file or standard input and writes one to standard output or a file, so that they pipe:
`asg grad model.json | asg validate -`.
"""

from collections.abc import Callable

from asg_autograd.commands.checkpoint import checkpoint
from asg_autograd.commands.diff import diff
from asg_autograd.commands.grad import grad
from asg_autograd.commands.hvp import hvp
from asg_autograd.commands.jvp import jvp
from asg_autograd.commands.linearize import linearize
from asg_autograd.commands.lower import lower
from asg_autograd.commands.merge import merge
from asg_autograd.commands.prune import prune
from asg_autograd.commands.rename import rename
from asg_autograd.commands.show import show
from asg_autograd.commands.simplify import simplify
from asg_autograd.commands.specialize import specialize
from asg_autograd.commands.split import split
from asg_autograd.commands.vjp import vjp
from asg_autograd.commands.vmap import vmap

__all__ = ["commands"]

commands: list[tuple[str, Callable[..., None]]] = [
    ("grad", grad),
    ("vjp", vjp),
    ("jvp", jvp),
    ("hvp", hvp),
    ("vmap", vmap),
    ("simplify", simplify),
    ("lower", lower),
    ("prune", prune),
    ("specialize", specialize),
    ("rename", rename),
    ("diff", diff),
    ("checkpoint", checkpoint),
    ("split", split),
    ("linearize", linearize),
    ("merge", merge),
    ("show", show),
]
"""What `asg` offers of this part. It says errors on standard error and exits with 1 where a command raises one."""
