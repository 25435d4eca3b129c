"""The error function and its inverse."""

from asg_executor.engines.native.math.exponential import power_of_two, split_integer
from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import FLOAT32, Real, absolute, copysign, fma, select, smaller

__all__ = ["erf"]

# erf(x) / x - 1 in x², for |x| ≤ 0.92 and, in double precision, 1. Relative error of erf: 1.6e-8 and 1.4e-17.
_NEAR = Coefficients(
    float32=(0.12837915, -0.376125, 0.11281877, -0.02676858, 0.004995853, -0.0006003788),
    float64=(
        0.12837916709551256,
        -0.37612638903183343,
        0.11283791670936956,
        -0.02686617064196114,
        0.005223977596762562,
        -0.0008548325486806474,
        0.00012055280567056974,
        -1.4924467313676369e-05,
        1.6444175155453647e-06,
        -1.6184209002416117e-07,
        1.3617765439169346e-08,
        -7.610024602169118e-10,
    ),
)

# log2(1 - erf(x)) for 0.92 ≤ x ≤ 4 in x; in double precision for 1 ≤ x ≤ 6 in x - 2.5. Relative error of erf: 1.6e-9
# and 2.4e-18.
_FAR = Coefficients(
    float32=(-0.0002823023, -1.626892, -0.91925985, -0.14994141, 0.03206659, -0.0043904283, 0.00028267977),
    float64=(
        -11.262853679099845,
        -7.722285974909981,
        -1.3617508084819823,
        -0.015664887692150884,
        0.0031241227943393027,
        -0.0006072773101099641,
        0.00011113191654669895,
        -1.8402867889520265e-05,
        2.5521303698310143e-06,
        -2.2484935348325314e-07,
        -1.811723118532311e-08,
        1.5651627911420412e-08,
        -5.175579862191392e-09,
        1.2382581974290963e-09,
        -1.8292070623649676e-10,
        3.8922951667232824e-11,
        -1.213801331721908e-11,
        -2.671795044548558e-12,
        1.143038288697495e-12,
    ),
)

# 2ʳ for |r| ≤ ½. Relative error: 1.3e-7 and 3.0e-16; what it is subtracted from is at least six times as large.
_EXP2 = Coefficients(
    float32=(1.0000001, 0.6931474, 0.24021919, 0.055496804, 0.009684811, 0.0013669457),
    float64=(
        1.0,
        0.6931471805599516,
        0.24022650695910472,
        0.0555041086643467,
        0.009618129107381053,
        0.0013333558246467888,
        0.00015403530799928172,
        1.525264775402664e-05,
        1.3215236446322146e-06,
        1.0210504539902784e-07,
        7.111527945610862e-09,
    ),
)


def erf(x: Real) -> Real:
    """Near 0 it is x · P(x²), else 1 - 2 to a polynomial in |x|; beyond 4 (6) the nearest number is 1."""
    middle, last, center = (0.92, 4.0, 0.0) if x.format == FLOAT32 else (1.0, 6.0, 2.5)
    distance = smaller(absolute(x), last)
    near = fma(x, polynomial(x * x, _NEAR), x)
    exponent = polynomial(distance - center if center else distance, _FAR)
    k = split_integer(exponent)
    far = fma(polynomial(exponent - k.real, _EXP2), -power_of_two(k.integer), 1.0)
    return select(distance < middle, near, copysign(far, x))
