"""The error function and its inverse."""

import math

from asg_executor.engines.native.math.exponential import power_of_two, split_integer
from asg_executor.engines.native.math.logarithm import log
from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import FLOAT32, Real, absolute, copysign, fma, select, smaller, sqrt

__all__ = ["erf", "erfinv"]

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

# erfinv(x) / x in w - 3.125 with w = -log(1 - x²), for w ≤ 6.25. Relative error: 2.9e-16.
_INVERSE_NEAR = (
    1.653654562683103,
    0.24015818242558948,
    -0.006033670871430699,
    -0.0007407025341652857,
    0.00018673420803637033,
    -1.3882523364940584e-05,
    -1.365469203855352e-06,
    4.234787804461917e-07,
    -2.9070366816922136e-08,
    -4.112635178173007e-09,
    1.0512107525719952e-09,
    -5.415372253925441e-11,
    -1.2974675456985669e-11,
    2.6334264252255505e-12,
    -8.16076561838818e-14,
    -4.05347620348772e-14,
    6.648563242008284e-15,
    2.009384835419787e-17,
    -1.3415517104725045e-16,
    1.1197540035957645e-17,
    1.3221295092995666e-18,
    -1.692729694390416e-19,
    -4.322048717660815e-21,
)

# The same in √w - 3.25, for 6.25 ≤ w ≤ 16. Relative error: 2.1e-16.
_INVERSE_MIDDLE = (
    3.0838856104922203,
    1.0052589676941597,
    0.0053709145536025545,
    -0.003751208507598012,
    0.0024914420955139704,
    -0.0016882755553133744,
    0.0009532893906008297,
    -0.0003550375282181896,
    2.4031010929586044e-05,
    6.828489749540617e-05,
    -4.731771790807569e-05,
    1.2475151536269078e-05,
    2.9219030508952903e-06,
    -4.013578278031915e-06,
    1.5054498381168242e-06,
    1.794949569759082e-08,
    -2.7774044094418747e-07,
    9.087634779678997e-08,
    3.2262226683245814e-09,
)

# The same in √w - 5, for 16 ≤ w ≤ 36.8, which no number below 1 exceeds. Relative error: 2.7e-16.
_INVERSE_TAIL = (
    4.849906401408584,
    1.0103004648645284,
    -0.00013871931836111995,
    -0.00021503011905916165,
    7.599527767897254e-05,
    -1.9681780844383446e-05,
    4.526056535439168e-06,
    -9.929691816226774e-07,
    2.2903156882967868e-07,
    -6.774608364404596e-08,
    2.908554369058748e-08,
    -1.491443286210138e-08,
    7.694851190365367e-09,
    -3.820342872720507e-09,
    1.4561273070371547e-09,
    -2.472390586519472e-10,
    -1.3629297035111405e-11,
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


def erfinv(x: Real) -> Real:
    """The inverse of erf in double precision, by polynomials in w = -log(1 - x²) or its root.

    That these are smooth is from M. Giles, Approximating the erfinv function (2011); the polynomials are others.
    """
    distance = absolute(x)
    w = -log((1.0 - distance) * (1.0 + distance))
    root = sqrt(w)
    near = polynomial(w - 3.125, _INVERSE_NEAR)
    middle = polynomial(root - 3.25, _INVERSE_MIDDLE)
    tail = polynomial(root - 5.0, _INVERSE_TAIL)
    ratio = select(w < 6.25, near, select(w < 16.0, middle, tail))
    return select(distance.equals(1.0), copysign(x.constant(math.inf), x), x * ratio)
