"""Layers, with the names and argument order of `torch.nn`.

A layer holds descriptions of its parameters, and no numbers. Calling it within `asg.graph` adds its nodes to the graph
and declares its parameters there; see `Module` for their names.
"""

from asg_builder.nn.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
)
from asg_builder.nn.alibi import ALiBi
from asg_builder.nn.average_pooling import AvgPool1d, AvgPool2d, AvgPool3d
from asg_builder.nn.axis_activations import GLU, LogSoftmax, Softmax
from asg_builder.nn.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from asg_builder.nn.convolution import Conv1d, Conv2d, Conv3d
from asg_builder.nn.convolution_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from asg_builder.nn.dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from asg_builder.nn.embedding import Embedding
from asg_builder.nn.feed_forward import FeedForward
from asg_builder.nn.flatten import Flatten
from asg_builder.nn.group_norm import GroupNorm
from asg_builder.nn.identity import Identity
from asg_builder.nn.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from asg_builder.nn.layer_norm import LayerNorm
from asg_builder.nn.learned_positional_encoding import LearnedPositionalEncoding
from asg_builder.nn.linear import Linear
from asg_builder.nn.max_pooling import MaxPool1d, MaxPool2d, MaxPool3d
from asg_builder.nn.module import Module, ModuleList
from asg_builder.nn.multi_head_attention import MultiHeadAttention
from asg_builder.nn.parameter import Parameter
from asg_builder.nn.piecewise_activations import (
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Softshrink,
)
from asg_builder.nn.residual import Residual
from asg_builder.nn.rms_norm import RMSNorm
from asg_builder.nn.rotary_embedding import RotaryEmbedding
from asg_builder.nn.sequential import Sequential
from asg_builder.nn.sinusoidal_positional_encoding import SinusoidalPositionalEncoding
from asg_builder.nn.smooth_activations import (
    CELU,
    ELU,
    GELU,
    SELU,
    LogSigmoid,
    Mish,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)
from asg_builder.nn.transformer_block import TransformerBlock
from asg_builder.nn.transformer_decoder_block import TransformerDecoderBlock

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "ALiBi",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "FeedForward",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositionalEncoding",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "Module",
    "ModuleList",
    "MultiHeadAttention",
    "PReLU",
    "Parameter",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Residual",
    "RotaryEmbedding",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositionalEncoding",
    "Softmax",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "TransformerBlock",
    "TransformerDecoderBlock",
]
