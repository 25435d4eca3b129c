"""Optimizers, with the arguments of `torch.optim`. A session applies them; here they are only described."""

from asg_builder.optim import schedules
from asg_builder.optim.adam import Adam, Adamax, AdamW, Lion, NAdam
from asg_builder.optim.custom import Custom
from asg_builder.optim.descent import SGD, Adadelta, Adagrad, RMSprop
from asg_builder.optim.optimizer import Group, Optimizer
from asg_builder.optim.whole import LAMB, Adafactor, Muon

__all__ = [
    "LAMB",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Custom",
    "Group",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "schedules",
]
