import { RowGraph } from './graph.js';
import type { RowProgram, Value } from './graph.js';

/** The program that computes what `build` returns; made when first asked for. */
export function programOf(build: (g: RowGraph) => Value | readonly Value[]): () => RowProgram {
  let program: RowProgram | undefined;
  return () => {
    if (program === undefined) {
      const g = new RowGraph();
      const outputs = build(g);
      program = g.program('id' in outputs ? [outputs] : outputs);
    }
    return program;
  };
}

/**
 * asinh(s length) / s, which tends to the length as s does to 0; where that is not near, without the
 * two roundings of a quotient that the length is multiplied with again.
 */
export function asinhOver(g: RowGraph, length: Value, s: Value): Value {
  const angle = g.mul(s, length);
  const near = g.mul(length, g.unary('asinhc', angle));
  return g.where('le', angle, 0.3, near, g.div(g.unary('asinh', angle), s));
}
