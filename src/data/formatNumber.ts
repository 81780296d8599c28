/** Digits that tell any two float32 values apart; most need fewer. */
const MOST_DIGITS = 9;

/** Digits that every float32 keeps: with these the shortest form is often found at once. */
const FEWEST_DIGITS = 6;

/**
 * A float32 as short as it can be written so that reading it gives the same float32: 0.1, not
 * 0.10000000149011612. Integers beyond float32 keep all their digits.
 */
export function formatFloat32(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21)
    return Object.is(value, -0) ? '-0' : String(value);
  if (!Number.isFinite(value)) return String(value);
  for (let digits = FEWEST_DIGITS; digits < MOST_DIGITS; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return String(short);
  }
  return String(Number(value.toPrecision(MOST_DIGITS)));
}
