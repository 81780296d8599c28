import { RowGraph } from '../../src/specs/rowProgram/graph.js';
import type { RowProgram } from '../../src/specs/rowProgram/graph.js';
import {
  referenceBallDistance,
  referenceChoice,
  referenceMobius,
  referenceStandard,
  referenceUnit,
} from '../reference/rowMap.js';

/** A row program of rows x and y and a scalar c, and what it should compute for one row. */
export interface RowProgramCase {
  readonly name: string;
  readonly program: RowProgram;
  readonly reference: (x: readonly number[], y: readonly number[], c: number) => number[];
  /** Whether a gradient exists at equal rows and at zero vectors. */
  readonly smooth: boolean;
}

function mobius(): RowProgram {
  const g = new RowGraph();
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const [alpha, beta, both] = [g.gap(c, x), g.gap(c, y), g.add(x, y)];
  const size = g.mul(c, g.dot(both, both));
  const top = g.add(g.mul(alpha, both), g.mul(size, x));
  return g.program([g.div(top, g.add(g.mul(alpha, beta), size))]);
}

function ballDistance(): RowProgram {
  const g = new RowGraph();
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const difference = g.sub(x, y);
  const ratio = g.div(g.dot(difference, difference), g.mul(g.gap(c, x), g.gap(c, y)));
  const w = g.sqrt(ratio);
  const reach = g.mul(g.sqrt(c), w);
  return g.program([g.mul(g.mul(2, w), g.unary('asinhc', reach))]);
}

function unit(): RowProgram {
  const g = new RowGraph();
  const x = g.row('x');
  g.row('y');
  g.scalar('c');
  return g.program([g.safeDiv(x, g.norm(x))]);
}

function standard(): RowProgram {
  const g = new RowGraph();
  const x = g.row('x');
  g.row('y');
  const c = g.scalar('c');
  const d = g.features();
  const centred = g.sub(x, g.div(g.sum(x), d));
  const deviation = g.sqrt(g.div(g.dot(centred, centred), d));
  return g.program([g.div(centred, g.add(deviation, c))]);
}

function choice(): RowProgram {
  const g = new RowGraph();
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  return g.program([g.where('lt', y, x, g.unary('tanh', g.mul(c, x)), g.min(x, y))]);
}

export const ROW_PROGRAMS: readonly RowProgramCase[] = [
  { name: 'Möbius sum', program: mobius(), reference: referenceMobius, smooth: true },
  {
    name: 'ball distance',
    program: ballDistance(),
    reference: (x, y, c) => [referenceBallDistance(x, y, c)],
    smooth: false,
  },
  { name: 'unit rows', program: unit(), reference: referenceUnit, smooth: false },
  {
    name: 'standardised rows',
    program: standard(),
    reference: (x, _y, c) => referenceStandard(x, c),
    smooth: true,
  },
  { name: 'choice', program: choice(), reference: referenceChoice, smooth: false },
];
