"""ASG, the format: documents, their ops, types and identity.

```python
from asg_schema import Document

document = Document.from_json(text)    # checked whole; DocumentError tells every problem
document.types["loss"], document.digest
```

An op's class lives in the module of its family, `asg_schema.ops.<family>` or `asg_schema.composites.<family>`, and in
the table `OPS` by its name. Initialisers and roles are the modules `initializers` and `roles`.
"""

from asg_schema import initializers, roles
from asg_schema.composite import Composite
from asg_schema.dims import Dim, SymbolicDim, bind_dim, dim_from_json, dim_to_json, symbol
from asg_schema.document import FORMAT_VERSION, Document, Function, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import AsgError, DimError, DocumentError, Problem, RuleError
from asg_schema.inference import infer_node
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.op_table import OPS, OpTable
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import dependents, live_nodes, prune

__all__ = [
    "FORMAT_VERSION",
    "OPS",
    "AsgError",
    "Composite",
    "DType",
    "DTypeGroup",
    "Dim",
    "DimError",
    "Document",
    "DocumentError",
    "Editor",
    "Function",
    "Input",
    "Op",
    "OpTable",
    "Operand",
    "Output",
    "Parameter",
    "Problem",
    "RuleError",
    "SymbolicDim",
    "TensorType",
    "Value",
    "bind_dim",
    "dependents",
    "dim_from_json",
    "dim_to_json",
    "infer_node",
    "initializers",
    "live_nodes",
    "prune",
    "roles",
    "symbol",
]
