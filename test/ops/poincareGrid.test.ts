import { describeOp } from '../support/backends.js';
import { POINCARE_CASES } from '../support/hyperbolicCases.js';
import { declareAccuracy, declareGrid } from '../support/hyperbolicGrid.js';

describeOp('rowMap', (context) => {
  declareGrid(context, POINCARE_CASES, [0, 1e-6, 1e-3, 0.1, 1, 2, 4, 6, 8, 12, 15]);
  declareAccuracy(context, 'poincare', {
    far: [
      { radius: 2, error: 4e-7 },
      { radius: 6, error: 4e-6 },
      { radius: 10, error: 2e-4 },
      { radius: 14, error: 6e-3 },
    ],
    near: [
      { radius: 1, error: 2e-6 },
      { radius: 4, error: 3e-5 },
      { radius: 6, error: 2e-4 },
      { radius: 8, error: 2e-3 },
      { radius: 10, error: 1e-2 },
    ],
    radial: [
      { radius: 4, other: 8, error: 5e-5 },
      { radius: 4, other: 12, error: 2e-3 },
      { radius: 8, other: 12, error: 4e-3 },
      { radius: 10, other: 12, error: 8e-3 },
    ],
  });
});
