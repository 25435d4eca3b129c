"""The multilayer perceptron as a runtime of MLServer, in NumPy. It runs in MLServer's own environment."""

import os

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class MultilayerPerceptron(MLModel):
    """relu(x·W₁ + b₁) and so on; the last layer without relu. The weights come from the file that MLP_WEIGHTS names."""

    async def load(self) -> bool:
        """Read the weights."""
        with np.load(os.environ["MLP_WEIGHTS"]) as file:
            self.layers = [(file[f"weight{index}"], file[f"bias{index}"]) for index in range(len(file) // 2)]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Compute the outputs."""
        value = NumpyCodec.decode_input(payload.inputs[0])
        for index, (weight, bias) in enumerate(self.layers):
            value = value @ weight + bias
            if index < len(self.layers) - 1:
                np.maximum(value, 0, out=value)
        output = NumpyCodec.encode_output(name="y", payload=value)
        return InferenceResponse(model_name=self.name, outputs=[output])
