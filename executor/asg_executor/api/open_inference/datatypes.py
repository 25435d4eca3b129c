"""The protocol's names of the dtypes."""

from collections.abc import Mapping

from asg_schema.dtype import DType

__all__ = ["DATATYPES", "config_datatype"]

DATATYPES: Mapping[DType, str] = {
    DType.BOOL: "BOOL",
    DType.INT8: "INT8",
    DType.INT32: "INT32",
    DType.INT64: "INT64",
    DType.UINT8: "UINT8",
    DType.UINT32: "UINT32",
    DType.FLOAT16: "FP16",
    DType.FLOAT32: "FP32",
    DType.FLOAT64: "FP64",
    DType.BFLOAT16: "BF16",
}
"""The protocol's name of each dtype."""


def config_datatype(dtype: DType) -> str:
    """The name of a dtype in a model's configuration."""
    return f"TYPE_{DATATYPES[dtype]}"
