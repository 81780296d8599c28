/**
 * Pairs of float64 numbers whose unevaluated sum carries about 106 bits (Dekker 1971): for the oracles
 * whose textbook formula cancels in float64.
 */
export type DoubleDouble = readonly [high: number, low: number];

/** a + b without error. */
function twoSum(a: number, b: number): DoubleDouble {
  const sum = a + b;
  const part = sum - a;
  return [sum, a - (sum - part) + (b - part)];
}

/** a b without error, by halves of 26 bits. */
export function twoProduct(a: number, b: number): DoubleDouble {
  const split = (v: number): DoubleDouble => {
    const scaled = v * 134217729;
    const high = scaled - (scaled - v);
    return [high, v - high];
  };
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  const product = a * b;
  return [product, aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow];
}

export function add(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const [high, error] = twoSum(a[0], b[0]);
  const [low, lowError] = twoSum(a[1], b[1]);
  const [mid, midError] = twoSum(high, error + low);
  return twoSum(mid, midError + lowError);
}

export const negate = (a: DoubleDouble): DoubleDouble => [-a[0], -a[1]];

export const subtract = (a: DoubleDouble, b: DoubleDouble): DoubleDouble => add(a, negate(b));

export function multiply(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const [high, low] = twoProduct(a[0], b[0]);
  return twoSum(high, low + (a[0] * b[1] + a[1] * b[0]));
}

export function divide(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const first = a[0] / b[0];
  const rest = subtract(a, multiply(b, [first, 0]));
  const second = rest[0] / b[0];
  const last = subtract(rest, multiply(b, [second, 0]));
  return add(twoSum(first, second), [last[0] / b[0], 0]);
}

/** Root of a value >= 0. */
export function squareRoot(a: DoubleDouble): DoubleDouble {
  if (a[0] <= 0) return [0, 0];
  const root = Math.sqrt(a[0]);
  const rest = subtract(a, twoProduct(root, root));
  return twoSum(root, rest[0] / (2 * root));
}

/** Sum of the products of two rows. */
export function dot(x: readonly DoubleDouble[], y: readonly DoubleDouble[]): DoubleDouble {
  let sum: DoubleDouble = [0, 0];
  for (let f = 0; f < x.length; f++) sum = add(sum, multiply(x[f], y[f]));
  return sum;
}

export const exactly = (v: number): DoubleDouble => [v, 0];
