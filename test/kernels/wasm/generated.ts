import { compiledForm, loadForm } from '../../../src/kernels/wasm/jit/forms.js';
import type { LatentModule } from '../../../src/kernels/wasm/module.js';
import type { ExpressionForm } from '../../../src/specs/metricForm.js';

/** Where tests put data: behind the words that the thread pool uses. */
const DATA = 65536;

type Tile = (q: number, p: number, d: number, qAux: number, pAux: number, out: number) => void;
type Finish = (at: number, count: number) => void;

export interface Generated {
  /** finish of every value. */
  readonly finish: (values: readonly number[]) => number[];
  /** Ranks of 4 queries and 8 points: rows of d features, and of the form's scalars. */
  readonly tile: (
    x: readonly (readonly number[])[],
    y: readonly (readonly number[])[],
    xAux: readonly (readonly number[])[],
    yAux: readonly (readonly number[])[],
  ) => number[][];
}

/** The functions generated for a form, in a module of one's own. */
export function generate(form: ExpressionForm, module: LatentModule): Generated {
  const compiled = compiledForm(form, module.shared);
  loadForm(module, compiled);
  const tile = module.table.get(compiled.slot) as Tile;
  const finish = module.table.get(compiled.slot + 1) as Finish;
  const floats = new Float32Array(module.memory.buffer);
  /** Rows into a panel; returns the address behind it. */
  const pack = (rows: readonly (readonly number[])[], at: number): number => {
    rows.forEach((row, lane) => {
      row.forEach((value, f) => (floats[at / 4 + f * rows.length + lane] = value));
    });
    return at + 4 * rows.length * rows[0].length;
  };
  return {
    finish: (values) => {
      floats.set(values, DATA / 4);
      finish(DATA, values.length);
      return Array.from(floats.subarray(DATA / 4, DATA / 4 + values.length));
    },
    tile: (x, y, xAux, yAux) => {
      const p = pack(x, DATA);
      const qAux = pack(y, p);
      const pAux = pack(xAux, qAux);
      const out = pack(yAux, pAux);
      tile(DATA, p, x[0].length, qAux, pAux, out);
      return Array.from({ length: 4 }, (_, i) =>
        Array.from(floats.subarray(out / 4 + 8 * i, out / 4 + 8 * i + 8)),
      );
    },
  };
}
