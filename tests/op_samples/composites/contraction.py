"""Samples of the affine map and attention: attention query by query, from its definition."""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from asg_schema.composites.contraction import Attention, AttentionWeights, Linear
from op_samples.composites.reduction import softmax_of_line
from op_samples.contraction import matrix_product
from op_samples.sample import Array, Reference, Sample, indices_of, spread


def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    product = matrix_product(x, np.ascontiguousarray(weight.T))
    return product if bias is None else product + bias


def _weights(causal: bool = False, scale: float | None = None) -> Reference:
    def reference(query: Array, key: Array, mask: Array | None = None) -> Array:
        # With the unit vectors as values, what attention yields is its weights.
        values = np.eye(key.shape[-2])
        attended = cast("Callable[..., Array]", _attention(causal, scale))
        return attended(query, key, values, mask)

    return reference


def _attention(causal: bool = False, scale: float | None = None) -> Reference:
    def reference(query: Array, key: Array, value: Array, mask: Array | None = None) -> Array:
        batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
        queries, keys, values = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (query, key, value))
        length, count = query.shape[-2], key.shape[-2]
        masks = np.broadcast_to(np.zeros(()) if mask is None else mask, (*batch, length, count))
        result = np.zeros((*batch, length, value.shape[-1]), np.longdouble)
        for *which, row in indices_of((*batch, length)):
            place = tuple(which)
            columns = range(min(row + 1, count) if causal else count)
            allowed = [c for c in columns if masks.dtype != np.bool_ or masks[(*place, row, c)]]
            if not allowed:
                continue
            factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
            scores = np.array(
                [factor * math.fsum(queries[(*place, row)] * keys[(*place, c)]) for c in allowed], np.longdouble
            )
            if masks.dtype != np.bool_:
                scores = scores + masks[(*place, row)][allowed]
            for weight, column in zip(softmax_of_line(scores), allowed, strict=True):
                result[(*place, row)] += weight * values[(*place, column)]
        return result.astype(np.float64)

    return reference


def _case(name: str, *operands: Array, **attributes: Any) -> Sample:
    return Sample(f"attention.{name}", Attention, operands, attributes, _attention(**attributes))


def _weights_case(name: str, *operands: Array, **attributes: Any) -> Sample:
    return Sample(f"attention_weights.{name}", AttentionWeights, operands, attributes, _weights(**attributes))


_QUERY, _KEY, _VALUE = spread(2, 3, 2), spread(2, 4, 2) * 0.8, spread(2, 4, 3) + 0.3
_ALLOWED = np.array([[True, False, True, True], [False, True, False, False], [True, True, True, True]])
_NOBODY = np.array([[True, True, False, True], [False, False, False, False], [True, False, False, False]])
_ADDED = np.where(_ALLOWED, spread(3, 4), -1.7)
_SQUARE = (spread(3, 2), spread(3, 2) * 0.7, spread(3, 2) + 0.3)

SAMPLES: list[Sample] = [
    Sample("linear.matrix", Linear, (spread(2, 3), spread(4, 3)), {}, _linear),
    Sample("linear.bias", Linear, (spread(2, 3), spread(4, 3), spread(4) + 0.3), {}, _linear),
    Sample("linear.vector", Linear, (spread(3), spread(2, 3), spread(2) + 0.3), {}, _linear),
    Sample("linear.batches", Linear, (spread(2, 2, 3), spread(2, 3), spread(2) + 0.3), {}, _linear),
    Sample("linear.no_rows", Linear, (np.zeros((0, 3)), spread(2, 3), spread(2)), {}, _linear),
    _case("plain", _QUERY, _KEY, _VALUE),
    _case("scale", _QUERY[0], _KEY[0], _VALUE[0], scale=0.3),
    _case("causal", *_SQUARE, causal=True),
    _case("causal_more_keys", _QUERY[0], _KEY[0], _VALUE[0], causal=True),
    _case("causal_fewer_keys", spread(4, 2), spread(2, 2) * 0.8, spread(2, 3), causal=True),
    _case("bool_mask", _QUERY, _KEY, _VALUE, _ALLOWED),
    _case("bool_mask_shuts_a_query_out", _QUERY[0], _KEY[0], _VALUE[0], _NOBODY),
    _case("added_mask", _QUERY, _KEY, _VALUE, _ADDED),
    _case("mask_of_a_row", _QUERY[0], _KEY[0], _VALUE[0], spread(4)),
    _case("mask_and_causal", *_SQUARE, _ALLOWED[:, 1:], causal=True),
    _case("batches_broadcast", spread(2, 1, 2, 2), spread(1, 2, 2, 2) * 0.8, spread(2, 1) + 0.3),
    _case("one_key", spread(2, 3), spread(1, 3), spread(1, 2)),
    _weights_case("plain", _QUERY, _KEY),
    _weights_case("scale", _QUERY[0], _KEY[0], scale=0.3),
    _weights_case("causal", *_SQUARE[:2], causal=True),
    _weights_case("bool_mask", _QUERY, _KEY, _ALLOWED),
    _weights_case("bool_mask_shuts_a_query_out", _QUERY[0], _KEY[0], _NOBODY),
    _weights_case("added_mask", _QUERY, _KEY, _ADDED),
    _weights_case("mask_and_causal", *_SQUARE[:2], _ALLOWED[:, 1:], causal=True),
    _weights_case("batches_broadcast", spread(2, 1, 2, 2), spread(1, 2, 2, 2) * 0.8),
    _weights_case("no_batches", np.zeros((0, 2, 2)), np.zeros((0, 3, 2))),
    _case("no_batches", np.zeros((0, 2, 2)), np.zeros((0, 3, 2)), np.zeros((0, 3, 1))),
]
