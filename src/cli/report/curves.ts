/** One point of a curve; the names are those of the axes. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/** Share of the values per bin of equal width over [0, 1]; values outside count in the end bins. */
export function histogram(values: ArrayLike<number>, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    counts[Math.min(bins - 1, Math.max(0, Math.floor(values[i] * bins)))] += 1;
  }
  return counts.map((count) => count / Math.max(1, values.length));
}

/**
 * Receiver operating characteristic for "high = positive": false positive rate (x) against true
 * positive rate (y), one point per distinct value and thinned to about `limit` points for drawing.
 */
export function rocCurve(
  positive: ArrayLike<number>,
  negative: ArrayLike<number>,
  limit = 200,
): CurvePoint[] {
  const up = Float64Array.from(positive).sort().reverse();
  const down = Float64Array.from(negative).sort().reverse();
  const points: CurvePoint[] = [{ x: 0, y: 0 }];
  let [i, j] = [0, 0];
  while (i < up.length || j < down.length) {
    const threshold = Math.max(up[i] ?? -Infinity, down[j] ?? -Infinity);
    if (Number.isNaN(threshold)) break;
    // Equal values pass the threshold together: a tie is a slanted piece, not a step.
    while (i < up.length && up[i] >= threshold) i++;
    while (j < down.length && down[j] >= threshold) j++;
    const next = { x: j / Math.max(1, down.length), y: i / Math.max(1, up.length) };
    const last = points[points.length - 1];
    const isEnd = i === up.length && j === down.length;
    if (isEnd || next.x - last.x + (next.y - last.y) >= 2 / limit) points.push(next);
  }
  return points;
}
