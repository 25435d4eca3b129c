"""What goes on around the steps of a training: means over batches, early stopping, the best weights.

`Session.fit` and `Session.evaluate` are built of these; each can be used in a loop of one's own, too.
"""

from asg_builder.training.best_checkpoint import BestCheckpoint
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.running import RunningFigures, RunningMean, RunningSum

__all__ = ["BestCheckpoint", "EarlyStopping", "RunningFigures", "RunningMean", "RunningSum"]
