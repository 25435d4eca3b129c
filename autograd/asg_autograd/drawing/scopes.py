"""The tree of scopes in one part of a drawing, and what of it is shown.

Ids are names with dots and slashes between them, so each id says in which scope a value stands: `block.0.add` in the
scope `0` of the scope `block`. A scope that holds one value alone, or one scope alone, is no box of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from asg_autograd.drawing.leaves import Leaf
from asg_schema.op import Op

__all__ = ["Collapsed", "Member", "Run", "Scope", "depth_that_fits", "members_of", "tree_of"]


@dataclass(slots=True)
class Scope:
    """A scope and what stands in it.

    Attributes:
        path: its place among all scopes, as paths of leaves begin; empty for the whole part.
        depth: how many scopes hold it.
        scopes: the scopes directly inside, by path.
        leaves: the leaves directly inside.
    """

    path: str
    depth: int = 0
    scopes: dict[str, "Scope"] = field(default_factory=dict[str, "Scope"])
    leaves: list[Leaf] = field(default_factory=list[Leaf])

    def label(self, path: str) -> str:
        """What to call something inside it that has this path."""
        return path[len(self.path) + 1 :] if self.path else path

    def walk(self) -> Iterator["Scope"]:
        """It and all scopes inside, each before those that it holds."""
        stack: list[Scope] = [self]
        while stack:
            scope = stack.pop()
            yield scope
            stack.extend(reversed(scope.scopes.values()))

    def all_leaves(self) -> Iterator[Leaf]:
        """The leaves inside it, at any depth."""
        for scope in self.walk():
            yield from scope.leaves


class Collapsed(NamedTuple):
    """A scope that is shown as one shape.

    Attributes:
        scope: the scope.
        label: what it is called where it stands.
    """

    scope: Scope
    label: str


class Run(NamedTuple):
    """Neighbours that are shown as one shape, because there are too many and no scope holds them."""

    members: tuple["Leaf | Collapsed", ...]


Member: TypeAlias = "Leaf | Collapsed | Run | Scope"
"""What stands directly in a box: a shape, or a box of its own."""


def tree_of(leaves: Iterable[Leaf]) -> Scope:
    """The scopes of one part, those left out that hold one thing alone."""
    root = Scope("")
    for leaf in leaves:
        scope = root
        for end in leaf.scope_ends:
            path = leaf.path[:end]
            scope = scope.scopes.setdefault(path, Scope(path))
        scope.leaves.append(leaf)
    for scope in reversed(list(root.walk())):
        _leave_out_single_members(scope)
    for scope in root.walk():
        for inner in scope.scopes.values():
            inner.depth = scope.depth + 1
    return root


def _leave_out_single_members(scope: Scope) -> None:
    kept: dict[str, Scope] = {}
    for path, inner in scope.scopes.items():
        if len(inner.leaves) + len(inner.scopes) > 1:
            kept[path] = inner
            continue
        scope.leaves.extend(inner.leaves)
        kept.update(inner.scopes)
    scope.scopes = kept


def depth_that_fits(roots: Sequence[Scope], most: int) -> int:
    """How many levels of boxes may be open so that at most `most` shapes are drawn; 0 at least."""
    leaves: dict[int, int] = {}
    scopes: dict[int, int] = {}
    for root in roots:
        for scope in root.walk():
            leaves[scope.depth] = leaves.get(scope.depth, 0) + len(scope.leaves)
            scopes[scope.depth] = scopes.get(scope.depth, 0) + 1
    shown = accumulate(leaves.get(depth, 0) for depth in range(max(scopes, default=0) + 1))
    fitting = [depth for depth, count in enumerate(shown) if count + scopes.get(depth + 1, 0) <= most]
    return max(fitting, default=0)


def members_of(scope: Scope, depth: int, most: int) -> list[Member]:
    """What stands directly in a box.

    Args:
        scope: the scope of the box.
        depth: how many levels of boxes are open.
        most: about how many members there may be; neighbours of one kind are put together where there are more.
    """
    if scope.depth < depth:
        return [*scope.leaves, *scope.scopes.values()]
    members = [*scope.leaves, *(Collapsed(inner, scope.label(inner.path)) for inner in scope.scopes.values())]
    return [*members] if len(members) <= most else list(_runs(members, most))


def _runs(members: Sequence[Leaf | Collapsed], most: int) -> Iterator[Member]:
    """The members with neighbours of one kind put together, about `most` in all."""
    groups: dict[type, list[Leaf | Collapsed]] = {}
    for member in members:
        groups.setdefault(_group(member), []).append(member)
    length = -(-len(members) // max(1, most - len(groups)))
    for group in groups.values():
        for start in range(0, len(group), length):
            together = group[start : start + length]
            yield Run(tuple(together)) if len(together) > 1 else together[0]


def _group(member: Leaf | Collapsed) -> type:
    """Inputs are put together with inputs, parameters with parameters, nodes with nodes of any op."""
    if isinstance(member, Collapsed):
        return Collapsed
    return Op if isinstance(member.item, Op) else type(member.item)
