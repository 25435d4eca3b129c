"""`Custom`: an update rule of one's own, as a document."""

from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from asg_builder.optim.optimizer import Optimizer
from asg_builder.optim.schedules import LearningRate
from asg_schema.document import Document

__all__ = ["Custom"]


@dataclass(frozen=True)
class Custom(Optimizer):
    """An update rule of one's own, as a document over vectors of parameters.

    The document's inputs are `parameter` and `gradient`, vectors of the symbolic length "length"; `step` (int64) and
    `learning_rate` (float64), of rank 0, where it uses them; and slots, vectors like the parameter, which hold zeros
    before the first step. Its outputs are `parameter` and each slot: the next values.

        with asg.graph("momentum") as g:
            p, d, m = (asg.input(name, ("length",)) for name in ("parameter", "gradient", "momentum"))
            rate = asg.astype(asg.input("learning_rate", (), "float64"), "float32")
            m = 0.9 * m + d
            g.output(parameter=p - rate * m, momentum=m)
        optimizer = optim.Custom(g.document(), lr=0.1)

    Attributes:
        document: the document.
        lr: the learning rate or its schedule; given exactly where the document has that input.
    """

    kind: ClassVar[str] = "document"
    document: Document
    lr: LearningRate | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        document: Any = self.document
        if not isinstance(document, Document):
            raise ValueError(f"Custom: document is of the type {type(document).__name__}; a Document is needed")

    @override
    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "document": self.document.to_dict()}
