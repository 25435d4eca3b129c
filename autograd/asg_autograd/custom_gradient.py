"""Calls of functions that say themselves how cotangents are pulled back through them."""

from asg_autograd.rules.table import Application, Cotangents
from asg_schema.composites.control import Call
from asg_schema.function import LinkedFunction
from asg_schema.op import Op

__all__ = ["custom_vjp", "pull_back_call"]


def custom_vjp(node: Op) -> LinkedFunction | None:
    """The function by which a node is to be differentiated; None for all but calls of functions that have one."""
    return node.linked.vjp if isinstance(node, Call) else None


def pull_back_call(vjp: LinkedFunction, application: Application) -> Cotangents:
    """The cotangents of a call's operands, by a call of the function's `vjp`; a cotangent that is missing is zero."""
    editor = application.y.editor
    seeds = [
        editor.full(result.shape, 0.0, result.dtype) if cotangent is None else cotangent
        for result, cotangent in zip(application.results, application.cotangents, strict=True)
        if result.dtype.is_floating
    ]
    given = (*application.operands, *application.results, *seeds)
    pulled = iter(editor.emit(Call, given, {"function": vjp}))
    return tuple(next(pulled) if operand.dtype.is_floating else None for operand in application.operands)
