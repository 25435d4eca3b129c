"""`Module`: a layer, or a tree of layers, with parameters that are named by their place in the tree."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Self, cast, overload

from typing_extensions import override

from asg_builder.graph import current_graph
from asg_builder.nn.parameter import Parameter
from asg_schema.errors import AsgError

__all__ = ["Module", "ModuleList"]


class Module:
    """The base of all layers.

    A subclass assigns parameters and other modules to attributes, and defines `forward`:

    ```python
    class Scale(nn.Module):
        def __init__(self, features: int) -> None:
            self.factor = nn.Parameter((features,), init=initializers.Ones())

        def forward(self, x: asg.Tensor) -> asg.Tensor:
            return x * self.factor.value
    ```

    Calling a module runs `forward` in the current graph. Its parameters are declared there at the first call, and found
    again at every later one. Their names are the attribute path from the root module, such as
    `block.self_attn.in_proj_weight`, and the nodes that it builds have ids in the same scope.

    A root module, one that is no attribute of another, begins the path with its `name`. Without one it takes its
    class's name in snake case, with a number behind it where that is taken, when it is first called, and keeps it for
    good: so a model that is called in two graphs has the same parameter names in both. `name=""` leaves the beginning
    out.

    A list or tuple of modules becomes a `ModuleList` when it is assigned. In any other container they would be no parts
    of the module, and calling it says so.

    A module that is assigned in two places has one set of parameters, under the name of the first.

    Args:
        name: the name of a root module.
    """

    name: str | None = None
    training: bool = True
    parent_module: "Module | None" = None
    parent_attribute: str = ""

    def __init__(self, *, name: str | None = None) -> None:
        self.name = name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward` in the current graph.

        Raises:
            AsgError: no graph is open, a name of the module is taken in it, or an attribute holds modules that are not
                parts of this one.
        """
        graph = current_graph()
        scope = self.prefix
        for attribute, child in vars(self).items():
            if isinstance(child, Parameter):
                _ = child.value
            elif _holds_modules(child):
                own, kind = type(self).__name__, type(child).__name__
                raise AsgError(
                    f"{own}.{attribute} is a {kind} of modules that are no parts of the {own}: they would have names "
                    "of their own, and eval() would not reach them. Assign a whole list, an nn.ModuleList, or each "
                    "module to an attribute"
                )
        outer, graph.scope = graph.scope, scope
        try:
            return self.forward(*args, **kwargs)
        finally:
            graph.scope = outer

    def __setattr__(self, attribute: str, value: Any) -> None:
        if attribute == "parent_module":
            return object.__setattr__(self, attribute, value)
        if isinstance(value, list | tuple) and value and all(isinstance(item, Module) for item in _items(value)):
            value = ModuleList(_items(value))
        if isinstance(value, Parameter | Module) and hasattr(Module, attribute):
            raise AsgError(
                f"{type(self).__name__}.{attribute}: every Module has an attribute of that name, which cannot hold a "
                f"{type(value).__name__}; choose another"
            )
        self._release(attribute)
        if isinstance(value, Parameter | Module) and value.parent_module is None:
            self._adopt(attribute, value)
        return object.__setattr__(self, attribute, value)

    def __delattr__(self, attribute: str) -> None:
        self._release(attribute)
        object.__delattr__(self, attribute)

    def _adopt(self, attribute: str, child: "Parameter | Module") -> None:
        ancestor: Module | None = self
        while ancestor is not None:
            if ancestor is child:
                raise AsgError(f"{type(self).__name__}.{attribute}: a module cannot be a part of itself")
            ancestor = ancestor.parent_module
        child.parent_module = self
        child.parent_attribute = attribute

    def _release(self, attribute: str) -> None:
        """Let go of what the attribute held, so that it can take a name elsewhere."""
        old = vars(self).get(attribute)
        if isinstance(old, Parameter | Module) and old.parent_module is self and old.parent_attribute == attribute:
            old.parent_module = None

    @property
    def prefix(self) -> str:
        """What the names of its parameters begin with: its path and a dot.

        Raises:
            AsgError: the root module has no name yet and no graph is open, or its name is another's in this graph.
        """
        keys: list[str] = []
        module = self
        while module.parent_module is not None:
            keys.append(module.parent_attribute)
            module = module.parent_module
        root = _root_name(module)
        return "".join(f"{part}." for part in (*((root,) if root else ()), *reversed(keys)))

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """Every module of the tree once, itself first, with its path below this module."""
        seen: set[int] = set()
        pending: list[tuple[str, Module]] = [("", self)]
        while pending:
            path, module = pending.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            children = [(key, child) for key, child in vars(module).items() if key != "parent_module"]
            pending.extend(
                (f"{path}.{key}" if path else key, child)
                for key, child in reversed(children)
                if isinstance(child, Module)
            )

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter of the tree once, with its path below this module."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for key, child in vars(module).items():
                if isinstance(child, Parameter) and id(child) not in seen:
                    seen.add(id(child))
                    yield f"{path}.{key}" if path else key, child

    def train(self, mode: bool = True) -> Self:
        """Set the whole tree to training, in which `Dropout` drops, or with False to evaluation."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set the whole tree to evaluation."""
        return self.train(mode=False)

    @override
    def __repr__(self) -> str:
        settings = [
            f"{key}={value!r}"
            for key, value in vars(self).items()
            if isinstance(value, int | float | str | tuple)
            and not key.startswith("_")
            and key not in ("parent_attribute", "training")
        ]
        children = [
            (key, child) for key, child in vars(self).items() if isinstance(child, Module) and key != "parent_module"
        ]
        if not children:
            return f"{type(self).__name__}({', '.join(settings)})"
        lines = [f"{key}: {child!r}".replace("\n", "\n  ") for key, child in children]
        return "\n  ".join([f"{type(self).__name__}({', '.join(settings)}", *lines]) + "\n)"


def _items(value: Any) -> list[Any]:
    return list(value)


def _holds_modules(value: Any) -> bool:
    """Whether a value is a container with a module in it, or in a container within."""
    if not isinstance(value, list | tuple | dict | set):
        return False
    items: Iterable[Any] = cast("dict[Any, Any]", value).values() if isinstance(value, dict) else cast("Any", value)
    return any(isinstance(item, Module) or _holds_modules(item) for item in items)


def _root_name(module: Module) -> str:
    """The name of a root module in the current graph, which it is given there if it has none."""
    if module.name == "":
        return ""
    graph = current_graph()
    if module.name is None:
        hint = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(module).__name__).lower()
        module.name = graph.unclaimed(hint)
    owner = graph.owner(f"{module.name}.")
    if owner is None:
        graph.claim(f"{module.name}.", module)
    elif owner is not module:
        raise AsgError(
            f'two modules are named "{module.name}" in the graph "{graph.name}", a {type(owner).__name__} and a '
            f"{type(module).__name__}; give one of them another name"
        )
    return module.name


class ModuleList(Module):
    """Modules in a list: their names are their positions. A list or tuple of modules that is assigned becomes one.

    Args:
        modules: the modules.
        name: the name, if it is a root module.
    """

    def __init__(self, modules: Iterable[Module] = (), *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._keys: list[str] = []
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        """Add a module at the end, named by its position."""
        self._add(str(len(self._keys)), module)

    def _add(self, key: str, module: Module) -> None:
        own = type(self).__name__
        if not isinstance(cast("object", module), Module):
            raise TypeError(f"{own} holds modules, not a {type(module).__name__}")
        if key in self._keys or hasattr(type(self), key):
            raise AsgError(f'{own}: "{key}" is the name of something else in it; choose another')
        setattr(self, key, module)
        self._keys.append(key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Module]:
        return (vars(self)[key] for key in self._keys)

    @overload
    def __getitem__(self, position: int) -> Module: ...
    @overload
    def __getitem__(self, position: slice) -> "ModuleList": ...
    def __getitem__(self, position: int | slice) -> "Module | ModuleList":
        modules = list(self)
        return ModuleList(modules[position]) if isinstance(position, slice) else modules[position]
