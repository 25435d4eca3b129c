"""Every optimizer as its definition reads, in NumPy: one parameter at a time, moments corrected where the papers do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["DEFINITIONS", "FORMS", "MATRIX_FORMS"]

Array: TypeAlias = npt.NDArray[Any]
Form: TypeAlias = Mapping[str, Any]
Definition: TypeAlias = Callable[[Form, Array, Iterable[Array]], Array]


def _signed(form: Form, g: Array) -> Array:
    return -g if form.get("maximize") else g


def sgd(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    momentum, buffer = form.get("momentum", 0.0), None
    for g in gradients:
        g = _signed(form, g) + form.get("weight_decay", 0.0) * p
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - form.get("dampening", 0.0)) * g
            g = g + momentum * buffer if form.get("nesterov") else buffer
        p = p - form["learning_rate"] * g
    return p


def _adam(form: Form, p: Array, gradients: Iterable[Array], decoupled: bool) -> Array:
    rate, (beta1, beta2) = form.get("learning_rate", 1e-3), form.get("betas", (0.9, 0.999))
    decay = form.get("weight_decay", 1e-2 if decoupled else 0.0)
    m, v, largest = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        g = _signed(form, g)
        if decoupled:
            p = p - rate * decay * p
        else:
            g = g + decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        corrected = (largest if form.get("amsgrad") else v) / (1 - beta2**t)
        p = p - rate * (m / (1 - beta1**t)) / (np.sqrt(corrected) + form.get("eps", 1e-8))
    return p


def adam(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    return _adam(form, p, gradients, False)


def adamw(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    return _adam(form, p, gradients, True)


def rmsprop(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    alpha = form.get("alpha", 0.99)
    square, mean, buffer = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        g = _signed(form, g) + form.get("weight_decay", 0.0) * p
        square, mean = alpha * square + (1 - alpha) * g**2, alpha * mean + (1 - alpha) * g
        variance = square - mean**2 if form.get("centered") else square
        buffer = form.get("momentum", 0.0) * buffer + g / (np.sqrt(variance) + form.get("eps", 1e-8))
        p = p - form.get("learning_rate", 1e-2) * buffer
    return p


def adagrad(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    total = np.full_like(p, form.get("initial_accumulator_value", 0.0))
    for t, g in enumerate(gradients):
        g = _signed(form, g) + form.get("weight_decay", 0.0) * p
        total = total + g**2
        rate = form.get("learning_rate", 1e-2) / (1 + t * form.get("lr_decay", 0.0))
        p = p - rate * g / (np.sqrt(total) + form.get("eps", 1e-10))
    return p


def adadelta(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    rho, eps = form.get("rho", 0.9), form.get("eps", 1e-6)
    square, moved = np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        g = _signed(form, g) + form.get("weight_decay", 0.0) * p
        square = rho * square + (1 - rho) * g**2
        delta = np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = rho * moved + (1 - rho) * delta**2
        p = p - form.get("learning_rate", 1.0) * delta
    return p


def adamax(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    beta1, beta2 = form.get("betas", (0.9, 0.999))
    m, u = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        g = _signed(form, g) + form.get("weight_decay", 0.0) * p
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + form.get("eps", 1e-8))
        p = p - form.get("learning_rate", 2e-3) / (1 - beta1**t) * m / u
    return p


def nadam(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    rate, (beta1, beta2) = form.get("learning_rate", 2e-3), form.get("betas", (0.9, 0.999))
    decay, fall = form.get("weight_decay", 0.0), form.get("momentum_decay", 4e-3)
    m, v, product = np.zeros_like(p), np.zeros_like(p), 1.0
    for t, g in enumerate(gradients, start=1):
        g = _signed(form, g)
        if form.get("decoupled_weight_decay"):
            p = p - rate * decay * p
        else:
            g = g + decay * p
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (number * fall)) for number in (t, t + 1))
        product *= mu
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        expected = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        p = p - rate * expected / (np.sqrt(v / (1 - beta2**t)) + form.get("eps", 1e-8))
    return p


def lion(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    """Chen et al., 2023, algorithm 2."""
    beta1, beta2 = form.get("betas", (0.9, 0.99))
    m = np.zeros_like(p)
    for g in gradients:
        g = _signed(form, g)
        update = np.sign(beta1 * m + (1 - beta1) * g) + form.get("weight_decay", 0.0) * p
        p = p - form.get("learning_rate", 1e-4) * update
        m = beta2 * m + (1 - beta2) * g
    return p


def lamb(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    """You et al., 2020, algorithm 2, with the identity as φ."""
    beta1, beta2 = form.get("betas", (0.9, 0.999))
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        g = _signed(form, g)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + form.get("eps", 1e-6))
        update = r + form.get("weight_decay", 0.0) * p
        size, length = float(np.sqrt((p**2).sum())), float(np.sqrt((update**2).sum()))
        trust = size / length if size > 0 and length > 0 else 1.0
        p = p - form.get("learning_rate", 1e-3) * trust * update
    return p


def adafactor(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    rate, (least, scale) = form.get("learning_rate", 1e-2), form.get("eps", (None, 1e-3))
    least = float(np.finfo(np.float64).eps) if least is None else least
    row, column, variance = 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        g = _signed(form, g)
        weight = t ** form.get("beta2_decay", -0.8)
        if p.ndim > 1:
            row = (1 - weight) * row + weight * (g**2).mean(axis=-1)
            column = (1 - weight) * column + weight * (g**2).mean(axis=-2)
            mean = np.maximum(row.mean(axis=-1), least)
            estimate = np.einsum("...r,...c->...rc", row, column) / mean[..., None, None]
        else:
            estimate = variance = (1 - weight) * variance + weight * g**2
        update = g / np.sqrt(np.maximum(estimate, least**2))
        root_mean_square = np.sqrt((update**2).mean())
        size = max(scale, float(np.sqrt((p**2).mean()))) * min(rate, t**-0.5)
        p = p - rate * form.get("weight_decay", 0.0) * p
        p = p - size / max(1.0, root_mean_square / form.get("d", 1.0)) * update
    return p


def muon(form: Form, p: Array, gradients: Iterable[Array]) -> Array:
    """The Newton-Schulz iteration acts on singular values alone: x ↦ c₀x + c₁x³ + c₂x⁵."""
    rate, momentum = form.get("learning_rate", 1e-3), form.get("momentum", 0.95)
    c0, c1, c2 = form.get("ns_coefficients", (3.4445, -4.7750, 2.0315))
    rows, columns = p.shape
    adjusted = {"original": max(1.0, rows / columns) ** 0.5, "match_rms_adamw": 0.2 * max(rows, columns) ** 0.5}
    buffer = np.zeros_like(p)
    for g in gradients:
        buffer = momentum * buffer + (1 - momentum) * g
        direction = (1 - momentum) * g + momentum * buffer if form.get("nesterov", True) else buffer
        u, values, v = np.linalg.svd(direction, full_matrices=False)
        values = values / max(float(np.sqrt((values**2).sum())), form.get("eps", 1e-7))
        for _ in range(form.get("ns_steps", 5)):
            values = c0 * values + c1 * values**3 + c2 * values**5
        p = p - rate * form.get("weight_decay", 0.1) * p
        p = p - rate * adjusted[form.get("adjust_lr_fn", "original")] * (u * values) @ v
    return p


DEFINITIONS: dict[str, Definition] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "adamax": adamax,
    "nadam": nadam,
    "lion": lion,
    "lamb": lamb,
    "adafactor": adafactor,
    "muon": muon,
}

_SGD: list[dict[str, Any]] = [
    {"learning_rate": 0.05},
    {"learning_rate": 0.05, "weight_decay": 0.1},
    {"learning_rate": 0.05, "maximize": True, "weight_decay": 0.1},
    {"learning_rate": 0.05, "momentum": 0.9},
    {"learning_rate": 0.05, "momentum": 0.9, "dampening": 0.3},
    {"learning_rate": 0.05, "momentum": 0.9, "dampening": 1.0, "weight_decay": 0.01},
    {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True},
    {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02, "maximize": True},
]
_ADAM: list[dict[str, Any]] = [
    {},
    {"learning_rate": 0.02, "betas": [0.8, 0.95], "eps": 1e-6},
    {"learning_rate": 0.02, "weight_decay": 0.1},
    {"learning_rate": 0.02, "amsgrad": True, "betas": [0.5, 0.6]},
    {"learning_rate": 0.02, "maximize": True, "weight_decay": 0.1, "amsgrad": True},
    {"learning_rate": 0.02, "betas": [0.0, 0.0]},
]
_OTHERS: dict[str, list[dict[str, Any]]] = {
    "rmsprop": [
        {},
        {"alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1},
        {"momentum": 0.7, "centered": True},
        {"centered": True, "maximize": True},
    ],
    "adagrad": [
        {},
        {"learning_rate": 0.1, "lr_decay": 0.05, "weight_decay": 0.1},
        {"initial_accumulator_value": 0.5, "eps": 1e-3, "maximize": True},
    ],
    "adadelta": [{}, {"learning_rate": 0.5, "rho": 0.7, "eps": 1e-3}, {"weight_decay": 0.1, "maximize": True}],
    "adamax": [{}, {"learning_rate": 0.05, "betas": [0.8, 0.9], "eps": 1e-3}, {"weight_decay": 0.1, "maximize": True}],
    "nadam": [
        {},
        {"learning_rate": 0.05, "betas": [0.8, 0.9], "eps": 1e-3, "momentum_decay": 0.1},
        {"weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "lion": [
        {"learning_rate": 0.01},
        {"learning_rate": 0.01, "betas": [0.5, 0.7], "weight_decay": 0.1, "maximize": True},
    ],
}

FORMS: list[dict[str, Any]] = [
    {"kind": kind, **form}
    for kind, forms in {"sgd": _SGD, "adam": _ADAM, "adamw": _ADAM, **_OTHERS}.items()
    for form in forms
]
"""Settings of every element-wise optimizer: each with its defaults, and every setting changed at least once."""

MATRIX_FORMS: list[dict[str, Any]] = [
    {"kind": kind, **form}
    for kind, forms in {
        "lamb": [
            {"learning_rate": 0.01},
            {"learning_rate": 0.05, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
        ],
        "adafactor": [
            {},
            {"learning_rate": 0.3, "beta2_decay": -0.5, "eps": [1e-2, 0.1], "d": 2.0},
            {"learning_rate": 0.2, "weight_decay": 0.1, "maximize": True, "eps": [None, 1e-3]},
        ],
        "muon": [
            {"learning_rate": 0.01},
            {"learning_rate": 0.02, "momentum": 0.8, "nesterov": False, "weight_decay": 0.0},
            {
                "learning_rate": 0.02,
                "adjust_lr_fn": "match_rms_adamw",
                "ns_steps": 3,
                "ns_coefficients": [2.0, -1.5, 0.5],
                "eps": 0.5,
            },
        ],
    }.items()
    for form in forms
]
"""Likewise of the optimizers that look at a parameter as a whole."""
