"""What the process of a candidate answers."""

from pydantic import BaseModel

__all__ = ["Failed", "Held", "Profiled", "Round", "Started"]


class Started(BaseModel):
    """What became of `start`.

    Attributes:
        first_step_seconds: from the first line that describes the model to the end of the first step; what the library
            loads for it included, the import of the library itself not.
        figures: the losses of the first steps, or the first numbers of the answer.
    """

    first_step_seconds: float
    figures: list[float]


class Round(BaseModel):
    """What became of `round`.

    Attributes:
        milliseconds: of each step.
        processor_seconds: for how long all threads of the process computed, from the request to the answer.
    """

    milliseconds: list[float]
    processor_seconds: float


class Held(BaseModel):
    """What became of `memory`; None where the system does not tell.

    Attributes:
        most_bytes: what the process held at most, beyond what it held with the library imported and the data loaded.
        stepping_bytes: likewise, but only since the first steps were done: without what compiling took for a while.
    """

    most_bytes: int | None
    stepping_bytes: int | None


class Profiled(BaseModel):
    """What became of `profile`.

    Attributes:
        engine: the engine's name.
        product_share: which part of the time of a step went to matrix products and convolutions.
        product_operations: how many multiplications and additions they take.
    """

    engine: str
    product_share: float
    product_operations: int


class Failed(BaseModel):
    """What is answered in the place of anything else.

    Attributes:
        reason: the error.
    """

    reason: str
