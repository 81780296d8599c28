import { describe } from 'vitest';
import { describeOp } from '../support/backends.js';
import { LORENTZ_CASES } from '../support/hyperbolicCases.js';
import { declareErrors, declareMaps } from '../support/hyperbolicSuite.js';

describeOp('rowMap', (context) => {
  declareMaps(context, LORENTZ_CASES, {
    values: [
      { title: 'radius to 3, c = 1', radii: [1e-3, 0.1, 0.7, 1.5, 2, 3], c: 1, d: 4, length: 1 },
      { title: 'radius 4 to 8, c = 0.25', radii: [8, 10, 12, 14, 16], c: 0.25, d: 3, length: 2 },
      { title: 'radius 12 to 16, c = 4', radii: [6, 6.5, 7, 7.5, 8], c: 4, d: 2, length: 0.3 },
      {
        title: 'radius 20 to 44, c = 1',
        radii: [20, 28, 36, 40, 44],
        c: 1,
        d: 2,
        length: 1,
        without: {
          expMap:
            'tangents by space parts keep directions to e^R 2^-24 only, and their ends overflow',
        },
      },
      { title: 'c = 2^-30', radii: [0.1, 1, 3, 10], c: 2 ** -30, d: 3, length: 1 },
    ],
    gradients: [
      { title: 'c = 0.5', radii: [0.05, 0.7, 1.5, 3], c: 0.5, d: 3, length: 0.8 },
      { title: 'c = 8', radii: [0.1, 0.3, 0.6, 0.9], c: 8, d: 2, length: 0.4 },
      {
        title: 'with points at the origin',
        radii: [0, 1, 0, 2],
        c: 1,
        d: 3,
        length: 0.8,
        without: { exteriorAngle: 'an angle at the origin has no direction to count from' },
      },
      { title: 'far out', radii: [6, 8, 10], c: 1, d: 2, length: 0.5, magnified: 8 },
      { title: 'c = 2^-26', radii: [0.5, 1, 2, 3], c: 2 ** -26, d: 3, length: 0.8 },
    ],
  });
});

describe('lorentz arguments', () => {
  declareErrors(LORENTZ_CASES);
});
