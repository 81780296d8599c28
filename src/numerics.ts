/**
 * Every constant that shapes a numeric result, named once, with its reason.
 */

/** Largest finite float32, (2 - 2^-23) * 2^127. */
export const FLOAT32_MAX = 3.4028234663852886e38;

/** Smallest positive normal float32, 2^-126: floors the argument of a logarithm of a distance. */
export const FLOAT32_TINY = 1.1754943508222875e-38;

/** Unit roundoff of float32, 2^-24: the relative error of one correctly rounded operation. */
export const FLOAT32_ROUNDOFF = 2 ** -24;

/**
 * Elements of the largest temporary that a composed form or a gradient may create (16 MiB of
 * float32): far below the smallest device limit that we met (128 MiB a binding on software Vulkan),
 * and large enough that the cost of a call stays small beside its work.
 */
export const SLAB_ELEMENTS = 2 ** 22;

/**
 * Largest sqrt(c) |x| that projection into the Poincaré ball leaves, 1 - 2^-22: scaling a row rounds its
 * length by 2^-23 at most, so it stays inside the ball. The radius is 15.94 / sqrt(c).
 */
export const BALL_LARGEST_NORM = 1 - 2 ** -22;

/**
 * Smallest 1 - c |x|^2 with which a point enters a map of the ball, 2^-24: below what projection
 * leaves (2^-21), so it is met only by rows at or past the boundary, and keeps quotients finite.
 */
export const BALL_SMALLEST_GAP = 2 ** -24;

/** Past it tanh is 1 to the last digit of float64, and 1 / cosh^2 is still a normal number. */
export const TANH_SATURATION = 20;

/**
 * Largest argument of sinh and cosh in maps of the hyperboloid, 80: their e^80 / 2 = 2.8e34 leaves four
 * decimal orders of float32 for the factors of gradients.
 */
export const LARGEST_HYPERBOLIC_ANGLE = 80;

/** Largest sqrt(c) times radius that projection onto the hyperboloid leaves: c |x|^2 is within float32. */
export const LORENTZ_LARGEST_RADIUS = 44;

/**
 * A stored point of the Poincare ball keeps s |x| <= 1 - 2^-20, radius 14.6: nearer to 1 the sixteen
 * float32 steps that are left of the gap 1 - s |x| would no longer say how far out it is.
 */
export const BALL_EDGE = 2 ** -20;

/**
 * Share of the largest variance at which a direction counts as constant, 2^-36: its standard deviation is
 * 2^-18 of the largest, so float32 rounding of a projection, 2^-24 of the largest, is 2^-6 of its own.
 */
export const CONSTANT_VARIANCE = 2 ** -36;

/**
 * Correlation of features with a concept that counts as 0, 2^-20: rounding features to float32 correlates
 * them with anything by up to 2^-24, which must not cost a direction, and to tell 2^-20 from 0 takes about
 * 2^40 rows.
 */
export const LEAST_CORRELATION = 2 ** -20;

/**
 * Smallest std + eta of a latent in the logarithm of the volume, 2^-40: with eta = 0 its derivative
 * 1 / std stays below 2^40, far inside float32, and a latent that flat is constant for any decoder.
 */
export const VOLUME_FLOOR = 2 ** -40;
