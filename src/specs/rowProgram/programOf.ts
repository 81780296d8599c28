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
