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
