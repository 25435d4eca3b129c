"""Local rewrites: small facts by which a node can be left out or replaced by a smaller one.

Each rule is given a node that is about to be appended, and answers with a value that can stand for its result, or None.
What a rule requires stands in its docstring; that the value has the type of the result is checked for all of them.
Rules may append nodes; these are simplified in their turn.

Rules hold for every number, NaN and infinities included, except that the sign of a zero may differ. So x - x, x · 0 and
x / x stay what they are. Importing this package fills the table.
"""

from importlib import import_module

from asg_autograd.rewrites.table import Candidate, Rewrite, rewrites

__all__ = ["Candidate", "Rewrite", "rewrites"]

# In this order, because of several rules that apply the first one that was entered is taken.
for _family in ("broadcasting", "arithmetic", "constants", "choice", "layout", "reductions", "contraction", "pieces"):
    import_module(f"asg_autograd.rewrites.{_family}")
