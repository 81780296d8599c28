import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeNpy } from '../src/data/npyWrite.js';
import { LEAKY_SLOPE } from '../src/models/layers/layer.js';
import type { Sage } from '../src/models/index.js';
import type { Rows } from '../src/util/rows.js';
import { assertClose } from './check.js';
import type { NotRun, OutsideTimes, Place } from './harness.js';
import { askPython } from './peers/python.js';
import type { PythonPeers } from './peers/python.js';

const SUBJECT = 'NumPy + scikit-learn ball tree';

/** Rows whose scores must be those of the peer. */
const CHECKED = 256;

interface Answer extends OutsideTimes {
  readonly scores: readonly number[];
}

/** Time the same scores of the same model in NumPy and scikit-learn; they must agree with ours. */
export async function timePeer(
  { python, how }: PythonPeers,
  { threads = 1 }: Place,
  sage: Sage,
  rows: Rows,
  budgetMs: number,
): Promise<{ readonly timed: OutsideTimes[]; readonly notRun: NotRun[] }> {
  const fail = (reason: string): { timed: OutsideTimes[]; notRun: NotRun[] } => ({
    timed: [],
    notRun: [{ subject: SUBJECT, reason }],
  });
  if (python === undefined) return fail(how);
  const folder = mkdtempSync(join(tmpdir(), 'latent-sage-'));
  try {
    const { arrays } = await sage.toArtifacts();
    const files = Object.entries(arrays).map(([name, { data, shape }], i) => {
      const path = join(folder, `${i}.npy`);
      if (data instanceof Float32Array || data instanceof Float64Array) {
        writeFileSync(path, encodeNpy(data, shape));
      }
      return [name, path] as const;
    });
    const path = join(folder, 'rows.npy');
    writeFileSync(path, encodeNpy(rows.data, [rows.count, ...rows.rowShape]));
    const { k, metric } = sage.config;
    const answer = askPython(python, 'sage.py', {
      arrays: Object.fromEntries(files),
      rows: path,
      ...{ k, metric, threads, slope: LEAKY_SLOPE, temperature: sage.temperature },
      ...{ budget: budgetMs / 1000, checked: CHECKED },
    }) as Answer;
    const { data, rowShape } = rows;
    const part = data.slice(0, CHECKED * rowShape[0]);
    const own = await sage.score({ data: part, count: CHECKED, rowShape });
    // A score is a share of the calibration rows: rounding may move it past one of them.
    assertClose(own.score, Float32Array.from(answer.scores), 0.02, 1);
    const { subject, items, times } = answer;
    return { timed: [{ subject, items, times }], notRun: [] };
  } catch (error) {
    return fail(`failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
