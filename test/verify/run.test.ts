import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { knn } from '../../src/ops/knn.js';
import { pairwiseDistance } from '../../src/ops/pairwiseDistance.js';
import { rowDistance } from '../../src/ops/rowDistance.js';
import { pairwiseDistanceSpec } from '../../src/specs/pairwiseDistance.js';
import { defineKernel } from '../../src/specs/spec.js';
import { verifyCases } from '../../src/verify/cases.js';
import type { VerifyCase, VerifiedOp } from '../../src/verify/cases.js';
import { PreparedCase } from '../../src/verify/run.js';
import type { VerifyOps } from '../../src/verify/run.js';
import { expectNoLeak } from '../support/leaks.js';

beforeAll(() => startBackend({ prefer: 'cpu' }));

const OPS: VerifyOps = { knn, pairwiseDistance, rowDistance };

function caseOf(op: VerifiedOp, name: string): VerifyCase {
  const found = verifyCases(false).find((one) => one.op === op && one.name === name);
  if (found === undefined) throw new Error(`no case ${op} ${name}`);
  return found;
}

const run = (
  op: VerifiedOp,
  name: string,
  ops: Partial<VerifyOps> = {},
): ReturnType<PreparedCase['run']> =>
  new PreparedCase(caseOf(op, name)).run('kernel', { ...OPS, ...ops });

describe('PreparedCase', () => {
  it('passes our kernels and frees everything', async () => {
    await expectNoLeak(async () => {
      expect(await run('knn', 'all masks, euclidean')).toMatchObject({
        backend: 'cpu',
        form: 'kernel',
        determined: true,
        mismatches: 0,
        pass: true,
      });
    });
    expect(await run('rowDistance', 'translation 1e6, euclidean')).toMatchObject({ pass: true });
  });

  it('finds distances from expanded squares', async () => {
    const wrong: VerifyOps['pairwiseDistance'] = (x, y = x) =>
      tf.tidy(() => {
        const [a, b] = [x as tf.Tensor2D, y as tf.Tensor2D];
        const norms = tf.add(tf.square(a).sum(1, true), tf.square(b).sum(1).expandDims(0));
        return tf.sqrt(tf.maximum(tf.sub(norms, tf.matMul(a, b, false, true).mul(2)), 0));
      });
    const row = await run('pairwiseDistance', 'translation 1e6, euclidean', {
      pairwiseDistance: wrong,
    });
    expect(row.pass).toBe(false);
    expect(row.complaint).toMatch(/row 0 of x, row 0 of y: /);
  });

  it('finds neighbours that ignore a mask', async () => {
    const wrong: VerifyOps['knn'] = (queries, points, k) => knn(queries, points, k);
    const row = await run('knn', 'few allowed, euclidean', { knn: wrong });
    expect(row).toMatchObject({ pass: false });
    expect(row.complaint).toContain('forbidden');
  });

  it('finds a NaN that became a number', async () => {
    const wrong: VerifyOps['rowDistance'] = (x, y, options) =>
      tf.tidy(() => {
        const distance = rowDistance(x, y, options);
        return tf.where(tf.isNaN(distance), tf.zerosLike(distance), distance);
      });
    expect(await run('rowDistance', 'NaN rows, euclidean', { rowDistance: wrong })).toMatchObject({
      pass: false,
      worst: null,
    });
  });

  it('compares bits with the first result', async () => {
    const prepared = new PreparedCase(caseOf('pairwiseDistance', 'euclidean d=33'));
    const nudged: VerifyOps['pairwiseDistance'] = (x, y, options) =>
      tf.tidy(() => tf.mul(pairwiseDistance(x, y, options), 1 + 2 ** -22));
    expect(await prepared.run('kernel')).toMatchObject({ bitDifferences: null });
    expect(await prepared.run('kernel')).toMatchObject({ bitDifferences: 0, pass: true });
    const row = await prepared.run('kernel', { ...OPS, pairwiseDistance: nudged });
    expect(row.bitDifferences).toBeGreaterThan(300);
    expect(row.pass).toBe(true);
  });

  it('finds a wrong kernel on a backend of its own', async () => {
    const factory = tf.findBackendFactory('cpu');
    tf.registerBackend('wrong', factory);
    for (const kernel of tf.getKernelsForBackend('cpu')) {
      if (kernel.kernelName === pairwiseDistanceSpec.kernelName) continue;
      tf.registerKernel({ ...kernel, backendName: 'wrong' });
    }
    tf.registerKernel(
      defineKernel(pairwiseDistanceSpec, 'wrong', ({ outputs: [{ shape, dtype }] }) => [
        tf.zeros(shape, dtype),
      ]),
    );
    try {
      await tf.setBackend('wrong');
      const prepared = new PreparedCase(caseOf('pairwiseDistance', 'euclidean d=3'));
      expect(await prepared.run('kernel')).toMatchObject({
        backend: 'wrong',
        form: 'kernel',
        pass: false,
      });
      expect(await prepared.run('composed')).toMatchObject({ form: 'composed', pass: true });
    } finally {
      await tf.setBackend('cpu');
      tf.removeBackend('wrong');
    }
  });
});
