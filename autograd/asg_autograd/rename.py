"""`rename`: other names for values, outputs and symbols."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from asg_autograd.errors import TransformError
from asg_autograd.references import names_made_of_others, renamed_document
from asg_autograd.renamed_functions import with_renamed_functions
from asg_autograd.selection import listed
from asg_autograd.specialize import substituted
from asg_schema.attributes import is_identifier, is_name
from asg_schema.dims import symbol, symbols_of
from asg_schema.document import Document
from asg_schema.errors import DimError
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.wire import nearest, show_value

__all__ = ["Renamed", "rename"]

Renamed: TypeAlias = Literal["input", "parameter", "node", "output", "symbol", "function"]
"""What has a name in a document."""


@garbage_collection_paused()
def rename(
    document: Document, names: Mapping[str, str], *, only: Renamed | Sequence[Renamed] | None = None
) -> Document:
    """The document under other names, all replaced at once: `rename(document, {"block.": "encoder.", "y": "scores"})`.

    A name is that of an input, a parameter, a node, an output, a function or a symbol of the shapes; where it is that
    of several, as `loss` often is of a node and an output, all of them are renamed. A name that ends with a dot or a
    slash, or the empty one, stands for the beginning of names, of symbols excepted; the longest that fits is replaced,
    and a whole name goes before a beginning. References and roles follow, and so do names of derivatives, which are
    made of the name of what they are of: `grad.weight` becomes `grad.kernel` where `weight` becomes `kernel`.

    Args:
        document: a valid document.
        names: new names by old ones.
        only: what is to be renamed alone, where a name is that of several.

    Raises:
        TransformError: nothing has a name that is to be replaced, or a new one is no name, or is taken.
    """
    kinds = _kinds(only)
    ids = {item.id: "input" for item in document.inputs}
    ids.update((item.id, "parameter") for item in document.parameters)
    ids.update((node.id, "node") for node in document.nodes)
    outputs = {item.name: "output" for item in document.outputs}
    symbols = {name: "symbol" for item in document.inputs for dim in item.shape for name in sorted(symbols_of(dim))}
    functions = dict.fromkeys(document.functions, "function")
    replacement = _Replacement(names)
    new_ids = replacement.of(id for id, kind in ids.items() if kind in kinds)
    new_outputs = replacement.of(outputs if "output" in kinds else ())
    new_symbols = replacement.of(symbols if "symbol" in kinds else (), whole=True)
    new_functions = replacement.of(functions if "function" in kinds else ())
    replacement.refuse_unused({**functions, **symbols, **outputs, **ids})
    new_ids, new_outputs = names_made_of_others(document, new_ids, new_outputs)
    _check_ids(ids, new_ids)
    _check_names("output", outputs, new_outputs)
    _check_names("function", functions, new_functions)
    renamed = with_renamed_functions(renamed_document(document, new_ids, new_outputs), new_functions)
    return renamed if not new_symbols else _with_symbols(renamed, symbols, new_symbols)


def _kinds(only: Renamed | Sequence[Renamed] | None) -> Sequence[str]:
    if only is None:
        return get_args(Renamed)
    kinds = listed(only, "only")
    for kind in kinds:
        if kind not in get_args(Renamed):
            raise TransformError(f'only: there is no kind of name "{kind}"; known are {", ".join(get_args(Renamed))}')
    return kinds


class _Replacement:
    """New names for old ones, and which of what was asked for took place."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._used: set[str] = set()
        beginnings = [name for name in names if not name or name[-1] in "./"]
        self._lengths = sorted({len(name) for name in beginnings}, reverse=True)

    def of(self, old: Iterable[str], whole: bool = False) -> dict[str, str]:
        """The new names of those that get one; only whole names are replaced if `whole`."""
        found: dict[str, str] = {}
        for name in old:
            begin = name if name in self._names else None if whole else self._beginning(name)
            if begin is not None:
                found[name] = self._names[begin] + name[len(begin) :]
                self._used.add(begin)
        return found

    def _beginning(self, name: str) -> str | None:
        return next((name[:length] for length in self._lengths if name[:length] in self._names), None)

    def refuse_unused(self, known: Mapping[str, str]) -> None:
        """Refuse names that nothing has.

        Args:
            known: what has which name.

        Raises:
            TransformError: there is one.
        """
        for name in self._names:
            if name in self._used:
                continue
            if name in known:
                raise TransformError(f'"{name}" is the name of a {known[name]}, which "only" leaves out')
            what = f'no name begins with "{name}"' if name[-1:] in ("", ".", "/") else f'nothing is called "{name}"'
            raise TransformError(what + nearest(name, known))


def _check_ids(kinds: Mapping[str, str], new: Mapping[str, str]) -> None:
    for old, id in new.items():
        if not is_identifier(id):
            raise TransformError(
                f'{kinds[old]} "{old}" cannot become {show_value(id)}; an id is a letter or _ followed by at most 254 '
                "letters, digits, _ . / or -"
            )
    _refuse_taken(kinds, new, "id")


def _check_names(kind: str, names: Iterable[str], new: Mapping[str, str]) -> None:
    for old, name in new.items():
        if not is_name(name):
            raise TransformError(
                f'{kind} "{old}" cannot become {show_value(name)}; a name has 1 to 255 characters, none of them a '
                "control character"
            )
    _refuse_taken(names, new, f"name of {'an' if kind == 'output' else 'a'} {kind}")


def _refuse_taken(old: Iterable[str], new: Mapping[str, str], what: str) -> None:
    names = list(old)
    counts = Counter(new.get(name, name) for name in names)
    for name in names:
        if name in new and counts[new[name]] > 1:
            other = next(other for other in names if other != name and new.get(other, other) == new[name])
            raise TransformError(f'"{name}" cannot become "{new[name]}": "{other}" has that {what} then, too')


def _with_symbols(document: Document, known: Iterable[str], new: Mapping[str, str]) -> Document:
    try:
        values = {old: symbol(name) for old, name in new.items()}
    except DimError as error:
        raise TransformError(str(error)) from None
    for old, name in new.items():
        if any(new.get(other, other) == name for other in known if other != old):
            raise TransformError(
                f'the symbol "{old}" cannot become "{name}", which is another; use specialize to make two symbols one'
            )
    result = substituted(document, values)
    _ = result.types  # written anew with the symbols
    return result
