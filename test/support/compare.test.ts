import { describe, expect, it } from 'vitest';
import { expectClose, expectQuasiNeighbours, expectSameNeighbours } from './compare.js';
import { TOLERANCES } from './tolerances.js';

const want = [{ distances: [0.1, 0.2, 0.3], indices: [4, 2, 7] }];
const rounded = want[0].distances.map(Math.fround);

describe('expectSameNeighbours', () => {
  it('takes the rounded distances', () => {
    expectSameNeighbours({ distances: rounded, indices: [4, 2, 7] }, want);
    expect(rounded[0]).not.toBe(0.1);
  });

  it('sees one bit of a distance', () => {
    const off = [rounded[0], rounded[1] + 2 ** -26, rounded[2]];
    expect(() => expectSameNeighbours({ distances: off, indices: [4, 2, 7] }, want)).toThrow(
      'query 0 slot 1',
    );
  });

  it('sees two indices in the wrong order', () => {
    const got = { distances: rounded, indices: [2, 4, 7] };
    expect(() => expectSameNeighbours(got, want)).toThrow('query 0 slot 0: got point 2');
  });

  it('sees a missing slot and a NaN', () => {
    const short = { distances: rounded.slice(1), indices: [2, 7] };
    expect(() => expectSameNeighbours(short, want)).toThrow();
    const none = { distances: [rounded[0], NaN, rounded[2]], indices: [4, 2, 7] };
    expect(() => expectSameNeighbours(none, want)).toThrow('at NaN');
  });
});

describe('expectQuasiNeighbours', () => {
  const near = 0.2 * (1 + 2 ** -22);
  const ranking = [{ distances: [0.1, 0.2, near, 0.3, Infinity], indices: [4, 2, 7, 1, -1] }];
  const check =
    (indices: number[], distances = [0.1, 0.2, 0.2, 0.3]): (() => void) =>
    () =>
      expectQuasiNeighbours({ distances, indices }, ranking, indices.length, TOLERANCES.distance);

  it('takes equals within the tolerance in any order', () => {
    expect(check([4, 2, 7, 1])).not.toThrow();
    expect(check([4, 7, 2, 1])).not.toThrow();
  });

  it('takes any of the equals that k cuts', () => {
    expect(check([4, 7], [0.1, 0.2])).not.toThrow();
    expect(check([4, 2], [0.1, 0.2])).not.toThrow();
  });

  it('sees a point of another distance', () => {
    expect(check([2, 4, 7, 1])).toThrow('point 2 stands among those at 0.1');
    expect(check([4, 1], [0.1, 0.2])).toThrow('point 1 stands among');
  });

  it('sees an index that appears twice', () => {
    expect(check([4, 2, 2, 1])).toThrow('an index appears twice');
  });

  it('sees a distance out of tolerance', () => {
    expect(check([4, 2, 7, 1], [0.1, 0.2, 0.2, 0.30001])).toThrow('element 3');
  });

  it('sees a filled slot that must be empty, and the reverse', () => {
    expect(check([4, 2, 7, 1, -1], [0.1, 0.2, 0.2, 0.3, Infinity])).not.toThrow();
    expect(check([4, 2, 7, 1, 0], [0.1, 0.2, 0.2, 0.3, Infinity])).toThrow('point 0');
    expect(check([4, 2, 7, -1])).toThrow('point -1');
  });
});

describe('expectClose', () => {
  it('sees a value out of tolerance, a NaN, a wrong sign of infinity and a wrong length', () => {
    const { distance } = TOLERANCES;
    expectClose([1, NaN, Infinity], [1, NaN, 1e300], distance);
    expect(() => expectClose([1.00001], [1], distance)).toThrow('element 0');
    expect(() => expectClose([NaN], [1], distance)).toThrow('element 0');
    expect(() => expectClose([1], [NaN], distance)).toThrow('element 0');
    expect(() => expectClose([-Infinity], [Infinity], distance)).toThrow('element 0');
    expect(() => expectClose([1, 2], [1], distance)).toThrow();
  });
});
