import { describe } from 'vitest';
import { describeOp } from '../support/backends.js';
import { POINCARE_CASES } from '../support/hyperbolicCases.js';
import { declareErrors, declareMaps } from '../support/hyperbolicSuite.js';

describeOp('rowMap', (context) => {
  declareMaps(context, POINCARE_CASES, {
    values: [
      { title: 'radius to 3, c = 1', radii: [1e-3, 0.1, 0.7, 1.5, 2, 3], c: 1, d: 4, length: 1 },
      { title: 'radius 4 to 8, c = 0.25', radii: [4, 5, 6, 7, 8], c: 0.25, d: 3, length: 2 },
      { title: 'radius 9 to 14, c = 2', radii: [6.5, 7, 8, 9, 9.9], c: 2, d: 2, length: 0.3 },
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
        without: {
          coneAngle: 'an angle at the origin has no direction to count from',
          gyration: 'gyr[a, 0] is the identity: slopes by a are 0, and no scale for rounding',
        },
      },
      { title: 'far out', radii: [5, 7, 9], c: 1, d: 2, length: 0.5 },
      { title: 'c = 2^-26', radii: [0.5, 1, 2, 3], c: 2 ** -26, d: 3, length: 0.8 },
    ],
  });
});

describe('poincare arguments', () => {
  declareErrors(POINCARE_CASES);
});
