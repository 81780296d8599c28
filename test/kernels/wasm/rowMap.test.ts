import * as tf from '@tensorflow/tfjs';
import { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowMapOn } from '../../../src/kernels/wasm/rowMap.js';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { rowMap } from '../../../src/ops/rowMap.js';
import { normalRows } from '../../support/arbitraries.js';
import { ROW_PROGRAMS } from '../../support/rowPrograms.js';
import { startWasm } from './start.js';

beforeAll(startWasm);
afterAll(() => {
  setThreads(undefined);
});

describe('rowMap on wasm', () => {
  it.each(ROW_PROGRAMS.map((entry) => [entry.name, entry] as const))(
    'gives the same bits in our memory, with any number of threads: %s',
    async (_, { program }) => {
      // Some chunks of rows, the last one smaller.
      const [n, d] = [7001, 5];
      const rows = [1, 2].map((seed) => tf.tensor2d(normalRows(n, d, seed, 0.1)));
      const c = tf.tensor1d([0.7]);
      const [inPlace] = rowMap(program, { rows: { x: rows[0], y: rows[1] }, scalars: { c } });
      const want = [...(await inPlace.data())];
      const backend = tf.backend();
      if (!(backend instanceof BackendWasm)) throw new TypeError('no wasm backend');
      const outputs = program.outputs.map(({ level }) => ({
        shape: level === 'row' ? [n, d] : [n],
        dtype: 'float32' as const,
      }));
      for (const threads of [1, 3]) {
        setThreads(threads);
        const [info] = rowMapOn(
          {
            inputs: { row0: rows[0], row1: rows[1], scalar0: c },
            attrs: { program, n, d },
            backend,
            outputs,
          },
          undefined,
        );
        const got = [...(backend.readSync(info.dataId) as Float32Array)];
        backend.disposeData(info.dataId);
        expect(got).toEqual(want);
      }
      tf.dispose([...rows, c, inPlace]);
    },
  );
});
