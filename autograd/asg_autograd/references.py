"""Nodes, references, roles and whole documents under new names."""

import re
from collections.abc import Mapping
from typing import TypeVar

from asg_schema.document import Document, Input, Output
from asg_schema.op import Op
from asg_schema.roles import CotangentRole, GradientRole, InputRole, OutputRole, StateUpdateRole, TangentRole
from asg_schema.traversal import node_of

__all__ = ["names_made_of_others", "renamed_document", "renamed_node", "renamed_reference"]

Role = TypeVar("Role", bound=InputRole | OutputRole | None)

# What transforms put before the name of what a derivative is of: grad., grad2., cotangent., tangent., …
_DERIVATIVE = re.compile(r"[a-z]+\d*\.")


def renamed_reference(reference: str, ids: Mapping[str, str]) -> str:
    """A reference, `id` or `id:1`, to the same result of what is called by a new id.

    Args:
        reference: the reference.
        ids: new ids by old ones; what is not among them keeps its own.
    """
    id = node_of(reference)
    return ids[id] + reference[len(id) :] if id in ids else reference


def renamed_node(node: Op, ids: Mapping[str, str]) -> Op:
    """A node with its id and its references under new ids.

    Args:
        node: the node.
        ids: new ids by old ones; what is not among them keeps its own.
    """
    inputs = tuple(renamed_reference(reference, ids) for reference in node.inputs)
    id = ids.get(node.id, node.id)
    return node if id == node.id and inputs == node.inputs else node.model_copy(update={"id": id, "inputs": inputs})


def renamed_document(document: Document, ids: Mapping[str, str], outputs: Mapping[str, str]) -> Document:
    """A document under new names. References and roles follow, and so do the types.

    Args:
        document: a valid document.
        ids: new ids of inputs, parameters and nodes by old ones; what is not among them keeps its own.
        outputs: new names of outputs by old ones, likewise. No two names may become one.
    """
    renamed = Document.model_construct(
        asg=document.asg,
        name=document.name,
        inputs=tuple(_renamed_input(item, ids, outputs) for item in document.inputs),
        parameters=tuple(
            item.model_copy(update={"id": ids[item.id]}) if item.id in ids else item for item in document.parameters
        ),
        nodes=tuple(renamed_node(node, ids) for node in document.nodes),
        outputs=tuple(_renamed_output(item, ids, outputs) for item in document.outputs),
        functions=document.functions,
        metadata=document.metadata,
    )
    types = {renamed_reference(reference, ids): type for reference, type in document.types.items()}
    object.__setattr__(renamed, "types", types)
    return renamed


def _renamed_input(item: Input, ids: Mapping[str, str], outputs: Mapping[str, str]) -> Input:
    id, role = ids.get(item.id, item.id), _renamed_role(item.role, ids, outputs)
    return item if (id, role) == (item.id, item.role) else item.model_copy(update={"id": id, "role": role})


def _renamed_output(item: Output, ids: Mapping[str, str], outputs: Mapping[str, str]) -> Output:
    name = outputs.get(item.name, item.name)
    value = renamed_reference(item.value, ids)
    role = _renamed_role(item.role, ids, outputs, of_output=True)
    if (name, value, role) == (item.name, item.value, item.role):
        return item
    return item.model_copy(update={"name": name, "value": value, "role": role})


def _renamed_role(role: Role, ids: Mapping[str, str], outputs: Mapping[str, str], of_output: bool = False) -> Role:
    if isinstance(role, GradientRole):
        return role.model_copy(update={"of": outputs.get(role.of, role.of), "wrt": ids.get(role.wrt, role.wrt)})
    if isinstance(role, CotangentRole | StateUpdateRole | TangentRole):
        names = outputs if _is_of_output(role, of_output) else ids
        return role.model_copy(update={"of": names.get(role.of, role.of)})
    return role


def _is_of_output(role: CotangentRole | StateUpdateRole | TangentRole, of_output: bool) -> bool:
    """Whether what a role names is an output."""
    return isinstance(role, CotangentRole) or (isinstance(role, TangentRole) and of_output)


def names_made_of_others(
    document: Document, ids: Mapping[str, str], outputs: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """New names of derivatives, whose names are made of those of what they are of, where these have new ones.

    So `grad.weight` becomes `grad.kernel` where `weight` becomes `kernel`. The role says what a derivative is of.

    Returns:
        `ids` and `outputs` with these names added. What has a new name there keeps that.
    """
    ids, outputs = dict(ids), dict(outputs)
    found = -1
    while found < len(ids) + len(outputs):  # a derivative of a derivative follows in the next round
        found = len(ids) + len(outputs)
        for item in document.inputs:
            if item.id not in ids and (new := _made_name(item.id, item.role, ids, outputs)):
                ids[item.id] = new
        for item in document.outputs:
            if item.name not in outputs and (new := _made_name(item.name, item.role, ids, outputs, of_output=True)):
                outputs[item.name] = new
    return ids, outputs


def _made_name(
    name: str,
    role: InputRole | OutputRole | None,
    ids: Mapping[str, str],
    outputs: Mapping[str, str],
    of_output: bool = False,
) -> str | None:
    if isinstance(role, GradientRole):
        subject, names = role.wrt, ids
    elif isinstance(role, CotangentRole | TangentRole):
        subject, names = role.of, outputs if _is_of_output(role, of_output) else ids
    else:
        return None
    head = name.removesuffix(subject)
    return head + names[subject] if subject in names and _DERIVATIVE.fullmatch(head) else None
