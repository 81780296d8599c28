import { describeOp } from '../support/backends.js';
import { LORENTZ_CASES } from '../support/hyperbolicCases.js';
import { declareAccuracy, declareGrid } from '../support/hyperbolicGrid.js';

describeOp('rowMap', (context) => {
  const radii = [0, 1e-6, 1e-3, 0.1, 1, 4, 8, 12, 16, 30, 44];
  declareGrid(context, LORENTZ_CASES, radii);
  declareAccuracy(context, 'lorentz', {
    far: [
      { radius: 2, error: 3e-7 },
      { radius: 10, error: 3e-7 },
      { radius: 20, error: 3e-7 },
      { radius: 43, error: 3e-7 },
    ],
    near: [
      { radius: 1, error: 2e-6 },
      { radius: 4, error: 3e-5 },
      { radius: 6, error: 2e-4 },
      { radius: 8, error: 2e-3 },
      { radius: 10, error: 1e-2 },
    ],
    radial: [
      { radius: 4, other: 8, error: 3e-7 },
      { radius: 4, other: 12, error: 3e-7 },
      { radius: 8, other: 12, error: 2e-5 },
      { radius: 10, other: 12, error: 4e-4 },
    ],
  });
});
