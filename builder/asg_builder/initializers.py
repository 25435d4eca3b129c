"""First values of parameters, by the definitions of `torch.nn.init`. The executor draws them from the session's seed.

```python
asg.parameter("weight", (64, 32), init=initializers.KaimingUniform(a=math.sqrt(5)))
```
"""

from asg_schema.initializers import (
    Constant,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)

__all__ = [
    "Constant",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
]
