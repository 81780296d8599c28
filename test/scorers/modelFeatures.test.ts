import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../src/kernels/cpu/register.js';
import { auroc } from '../../src/metrics/index.js';
import { modelFeatures, scorers } from '../../src/scorers/index.js';
import { Rng } from '../../src/util/rng.js';
import type { Rows } from '../../src/util/rows.js';
import { expectNoLeak } from '../support/leaks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function rows(count: number, rowShape: readonly number[], seed = 1, shift = 0): Rows {
  const rng = new Rng(seed);
  const size = rowShape.reduce((product, dim) => product * dim, count);
  const data = Float32Array.from({ length: size }, () => rng.normal() + shift);
  return { data, count, rowShape };
}

/** A classifier of images of 4 x 4 with a softmax in its last layer. */
function classifier(useBias = true): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [4, 4, 1],
        filters: 2,
        kernelSize: 3,
        activation: 'relu',
        name: 'conv',
        kernelInitializer: tf.initializers.randomNormal({ seed: 1 }),
      }),
      tf.layers.flatten(),
      tf.layers.dropout({ rate: 0.5, name: 'drop' }),
      tf.layers.dense({
        units: 5,
        activation: 'relu',
        name: 'hidden',
        kernelInitializer: tf.initializers.randomNormal({ seed: 2 }),
      }),
      tf.layers.dense({
        units: 3,
        activation: 'softmax',
        name: 'top',
        useBias,
        kernelInitializer: tf.initializers.randomNormal({ seed: 3 }),
        ...(useBias ? { biasInitializer: tf.initializers.randomNormal({ seed: 4 }) } : {}),
      }),
    ],
  });
}

/** softmax of each row, in float64. */
function softmax({ data, rowShape: [classes] }: Rows): number[] {
  return Array.from(data, (value, s) => {
    const start = s - (s % classes);
    const row = Array.from(data.subarray(start, start + classes), Math.exp);
    return Math.exp(value) / row.reduce((a, b) => a + b);
  });
}

describe('modelFeatures', () => {
  it.each([true, false])(
    'reference: logits are those before the softmax, head . features (bias: %s)',
    async (useBias) => {
      const model = classifier(useBias);
      const x = rows(11, [4, 4, 1]);
      const { features, logits, head } = await modelFeatures(model, x, { batchRows: 4 });
      if (!features || !logits || !head) throw new Error('a classifier gives all three');
      expect([features.rowShape, logits.rowShape, features.count]).toEqual([[5], [3], 11]);
      const want = tf.tidy(() =>
        (model.predict(tf.tensor(x.data, [11, 4, 4, 1])) as tf.Tensor).dataSync(),
      );
      softmax(logits).forEach((p, s) => expect(Math.abs(p - want[s])).toBeLessThan(1e-6));
      logits.data.forEach((value, s) => {
        let sum = head.bias[s % 3];
        for (let j = 0; j < 5; j++) {
          sum += features.data[Math.floor(s / 3) * 5 + j] * head.weight.data[j * 3 + (s % 3)];
        }
        expect(Math.abs(value - sum)).toBeLessThan(1e-5 * (1 + Math.abs(sum)));
      });
      expect(head.bias.every((v) => v === 0)).toBe(!useBias);
      model.dispose();
    },
  );

  it('property: tensors and rows, batches of any size, give the same', async () => {
    const model = classifier();
    const x = rows(7, [4, 4, 1]);
    const want = await modelFeatures(model, x);
    const tensor = tf.tensor(x.data, [7, 4, 4, 1]);
    expect(await modelFeatures(model, tensor, { batchRows: 3 })).toEqual(want);
    expect(tensor.isDisposed).toBe(false);
    tensor.dispose();
    model.dispose();
  });

  it('features of a named layer are flattened and have no head', async () => {
    const model = classifier();
    const x = rows(3, [4, 4, 1]);
    const conv = await modelFeatures(model, x, { features: 'conv', logits: 'top' });
    expect(conv.features?.rowShape).toEqual([8]);
    expect(conv.head).toBeUndefined();
    expect(conv.logits).toEqual((await modelFeatures(model, x)).logits);
    const hidden = await modelFeatures(model, x, { logits: 'hidden' });
    expect(hidden.logits?.rowShape).toEqual([5]);
    expect(hidden.head?.weight.count).toBe(8);
    // The dropout before it does nothing in prediction.
    expect(hidden.features).toEqual(conv.features);
    model.dispose();
  });

  it('a functional model, and a plain function', async () => {
    const input = tf.input({ shape: [3] });
    const hidden = tf.layers.dense({ units: 4, activation: 'tanh' }).apply(input);
    const output = tf.layers.dense({ units: 2 }).apply(hidden);
    const model = tf.model({ inputs: input, outputs: output as tf.SymbolicTensor });
    const x = rows(5, [3]);
    const found = await modelFeatures(model, x);
    expect([found.features?.rowShape, found.logits?.rowShape]).toEqual([[4], [2]]);
    const own = await modelFeatures((batch) => ({ features: tf.mul(batch, 2) }), x, {
      batchRows: 2,
    });
    expect(own.features?.data).toEqual(x.data.map((v) => 2 * v));
    expect([own.logits, own.head]).toEqual([undefined, undefined]);
    model.dispose();
  });

  it('feeds scorers, which tell strange rows', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({
          units: 4,
          inputShape: [3],
          kernelInitializer: tf.initializers.orthogonal({ gain: 1, seed: 1 }),
        }),
        tf.layers.dense({ units: 2 }),
      ],
    });
    const [bank, near, far] = [rows(60, [3]), rows(20, [3], 2), rows(20, [3], 3, 6)];
    const { features } = await modelFeatures(model, bank);
    if (!features) throw new Error('a layers model gives features');
    const scorer = scorers.knn({ k: 3, normalize: false });
    await scorer.fit({ features });
    const [a, b] = await Promise.all(
      [near, far].map(async (x) => {
        const given = await modelFeatures(model, x);
        if (!given.features) throw new Error('a layers model gives features');
        return scorer.score({ features: given.features });
      }),
    );
    expect(auroc(b, a)).toBeGreaterThan(0.9);
    scorer.dispose();
    model.dispose();
  });

  it('memory: leaves no tensor, also after a failure', async () => {
    const model = classifier();
    const x = rows(5, [4, 4, 1]);
    await expectNoLeak(async () => {
      await modelFeatures(model, x, { batchRows: 2 });
      await modelFeatures((batch) => ({ logits: batch.sum(0) }), x).catch(() => undefined);
    });
    model.dispose();
  });

  it('error: names what is wrong', async () => {
    const model = classifier();
    const soft = tf.sequential({
      layers: [
        tf.layers.dense({ units: 2, inputShape: [3], name: 'before' }),
        tf.layers.softmax({ name: 'soft' }),
      ],
    });
    const x = rows(5, [4, 4, 1]);
    const failure = (run: Promise<unknown>): Promise<string> =>
      run.then(() => 'no failure', String);
    expect(await failure(modelFeatures(model, rows(2, [4, 4])))).toBe(
      'ShapeError: modelFeatures: x must have rows of shape [4, 4, 1], which the model takes, got rows of shape [4, 4].',
    );
    expect(await failure(modelFeatures(model, x, { features: 'pool' }))).toMatch(
      /features must name a layer of the model: conv, .*, top, got 'pool'/,
    );
    expect(await failure(modelFeatures(soft, rows(2, [3])))).toContain(
      "logits must name a dense layer, got 'soft', which is Softmax. Name the dense layer before the softmax, or give a function.",
    );
    expect(await failure(modelFeatures(model, x, { batchRows: 0 }))).toContain('batchRows must');
    expect(await failure(modelFeatures(model, { ...x, count: 0 }))).toContain('at least one row');
    expect(await failure(modelFeatures((b) => ({ logits: b }), x, { logits: 'top' }))).toContain(
      "logits must be left out with a function, which gives the tensors itself, got 'top'",
    );
    expect(await failure(modelFeatures((b) => ({ logits: b.sum(0) }), x))).toContain(
      'ShapeError: modelFeatures: logits must be float32 of one row for each of 5 inputs, got float32 [4, 4, 1]',
    );
    expect(await failure(modelFeatures(model, x, { signal: AbortSignal.abort() }))).toContain(
      'AbortError',
    );
    model.dispose();
    soft.dispose();
  });
});
