import { DomainError } from '../../../errors.js';

const bits = new DataView(new ArrayBuffer(4));

/**
 * A WGSL literal of exactly the float32 nearest to a value: a hex float, so that no compiler rounds it
 * again.
 * @throws DomainError when the value is NaN or does not fit float32.
 */
export function f32Literal(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) {
    throw new DomainError({
      op: 'metric',
      arg: 'a constant of its expression',
      expected: 'be a number that fits float32',
      got: String(value),
    });
  }
  if (rounded === 0) return Object.is(rounded, -0) ? '-0.0f' : '0.0f';
  bits.setFloat32(0, rounded);
  const word = bits.getUint32(0);
  const sign = word >>> 31 ? '-' : '';
  const exponent = (word >>> 23) & 0xff;
  const fraction = ((word & 0x7fffff) << 1).toString(16).padStart(6, '0');
  // A subnormal has no leading one and the exponent of the smallest normal number.
  return exponent === 0
    ? `${sign}0x0.${fraction}p-126f`
    : `${sign}0x1.${fraction}p${exponent - 127}f`;
}

/** The two parts of a double-float constant, exact to 48 bits. */
export function doubleFloatParts(value: number): [high: number, low: number] {
  const high = Math.fround(value);
  return [high, Number.isFinite(high) ? Math.fround(value - high) : 0];
}
