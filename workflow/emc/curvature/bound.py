"""How far the extreme Ritz value of a random-start Lanczos run can be from the eigenvalue.

Kuczynski and Wozniakowski (1992), "Estimating the largest eigenvalue by the power and Lanczos
algorithms with a random start", SIAM J. Matrix Anal. Appl. 13(4), in a form that
holds for all step numbers at once. Let H be symmetric of dimension P with smallest eigenvalue
lambda_min = 0 and spread 1 (Krylov spaces do not change when H is shifted or scaled), and b a
unit start vector with component c along an eigenvector of lambda_min. After m steps the smallest
Ritz value theta is the least Rayleigh quotient of p(H) b over polynomials p of degree below m. It
exceeds e only if, for every such p,

    c^2 e p(0)^2  <  sum over lambda_i > e of  b_i^2 (lambda_i - e) p(lambda_i)^2.

Take p(x) = T(s) / s with s^2 = (x - e) / (1 - e) and T the Chebyshev polynomial of the odd degree
2m - 1, so that p is a polynomial of degree m - 1 in s^2. On [e, 1] the sum is at most
(1 - e) (1 - c^2); at x = 0, s is imaginary and the left side becomes
(1 - e) c^2 sinh^2((2m - 1) artanh sqrt(e)). So theta > e implies

    |c| < 1 / cosh((2m - 1) artanh sqrt(e)).                                            (1)

The event depends on m only through its right side. With t such that Pr[|c| < t] <= delta, the
one event |c| >= t, of probability 1 - delta, bounds the error of every m:

    theta_m - lambda_min <= e_m (lambda_max - lambda_min),
    e_m = tanh^2(arcosh(1 / t) / (2m - 1)).                                             (2)

So a run may look at its Ritz values as often as it likes and stop when it likes. For b uniform
on the sphere c has the density C (1 - c^2)^((P - 3) / 2) with C <= sqrt(P / (2 pi)), hence
Pr[|c| < t] <= sqrt(2 P / pi) t. With 1 / cosh(x) <= 2 exp(-x) and artanh(x) >= x this gives the
authors' 1.648 sqrt(P) exp(-sqrt(e) (2m - 1)), with the constant 1.596.

Deflation: multiplying p by factors that vanish at the j largest eigenvalues, each at most one in
magnitude below them when scaled to one at lambda_min, removes those eigenvalues from the sum:

    theta_m - lambda_min <= e_(m-j) (lambda_(j+1) - lambda_min)    for every j < m.     (3)
"""

from math import acosh, atanh, ceil, pi, sqrt, tanh


def error(steps: int, dimension: int, delta: float) -> float:
    """e_m of (2), relative to the spread of the spectrum; it fails with probability `delta`."""
    if steps >= dimension:
        return 0.0
    if steps < 1:
        return 1.0
    return tanh(_reach(dimension, delta) / (2 * steps - 1)) ** 2


def iterations(eps: float, dimension: int, delta: float) -> int:
    """The fewest steps whose `error` is at most `eps`, 0 < eps < 1."""
    steps = ceil((1 + _reach(dimension, delta) / atanh(sqrt(eps))) / 2)
    return min(max(steps, 1), dimension)


def _reach(dimension: int, delta: float) -> float:
    """arcosh(1 / t), where the start's component is below t with probability `delta` at most."""
    return acosh(max(1.0, sqrt(2 * dimension / pi) / delta))
