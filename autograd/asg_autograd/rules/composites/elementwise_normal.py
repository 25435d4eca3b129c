"""Gradient rules of the standard normal distribution."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf

__all__: list[str] = []


@rules.define(NormalCdf)
def _normal_cdf(op: NormalCdf, at: Application) -> Cotangents:
    return (at.g * NormalPdf.of(at.x),)


@rules.define(NormalPdf)
def _normal_pdf(op: NormalPdf, at: Application) -> Cotangents:
    return (-(at.g * at.y * at.x),)
