"""`Identity`: nothing at all, where a module is wanted."""

from typing import Any

from typing_extensions import override

from asg_builder.nn.module import Module

__all__ = ["Identity"]


class Identity(Module):
    """x itself, as `torch.nn.Identity`.

    Args:
        name: the name, if it is a root module.
    """

    @override
    def forward(self, x: Any) -> Any:
        """The argument."""
        return x
