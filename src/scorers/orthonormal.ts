/**
 * Orthonormal vectors that span the columns, float64: Gram-Schmidt, the longest rest first, each rest
 * cleared twice so that rounding does not tilt it.
 * @param columns Vectors of one length. They are not changed.
 * @param cut A column of which no more than this length is left counts as spanned.
 */
export function orthonormalBasis(columns: readonly Float64Array[], cut: number): Float64Array[] {
  const rests = columns.map((column) => Float64Array.from(column));
  const basis: Float64Array[] = [];
  for (;;) {
    let [longest, at] = [cut, -1];
    rests.forEach((rest, c) => {
      const size = Math.sqrt(dot(rest, rest));
      if (size > longest) [longest, at] = [size, c];
    });
    if (at < 0) return basis;
    const unit = rests[at].map((v) => v / longest);
    for (const other of basis) subtract(unit, dot(unit, other), other);
    const size = Math.sqrt(dot(unit, unit));
    const next = unit.map((v) => v / size);
    basis.push(next);
    rests[at].fill(0);
    for (const rest of rests) {
      for (let pass = 0; pass < 2; pass++) subtract(rest, dot(rest, next), next);
    }
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

/** target -= factor * other. */
function subtract(target: Float64Array, factor: number, other: Float64Array): void {
  for (let j = 0; j < target.length; j++) target[j] -= factor * other[j];
}
