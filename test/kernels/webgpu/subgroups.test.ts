import * as tf from '@tensorflow/tfjs';
import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestContext } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { factsOf, knnWith } from '../../../src/kernels/webgpu/knn.js';
import { planKnn } from '../../../src/kernels/webgpu/knnPlan.js';
import type { DeviceFacts } from '../../../src/kernels/webgpu/knnPlan.js';
import { KnnPrograms } from '../../../src/kernels/webgpu/knnPrograms.js';
import { rowDistanceWithin } from '../../../src/kernels/webgpu/rowDistance.js';
import {
  blockLanes,
  programSubgroups,
  subgroupsOf,
} from '../../../src/kernels/webgpu/subgroups.js';
import type { Subgroups } from '../../../src/kernels/webgpu/subgroups.js';
import { KEYS } from '../../../src/kernels/webgpu/wgsl/candidates.js';
import { sortRowCode } from '../../../src/kernels/webgpu/wgsl/sortRow.js';
import { ENABLE_SUBGROUPS } from '../../../src/kernels/webgpu/wgsl/subgroup.js';
import { workgroupFolds } from '../../../src/kernels/webgpu/wgsl/workgroup.js';
import { knnSpec } from '../../../src/specs/knn.js';
import { productForm } from '../../../src/specs/metricForm.js';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { FORM_CASES } from './formCases.js';
import type { RowData } from './formCases.js';
import { expectSame, integers, normals, oracle, searchOnDevice } from './knnSearch.js';
import type { Found, Search } from './knnSearch.js';
import { webgpuBackend } from './runWgsl.js';

const EUCLIDEAN = productForm('squares', true);
const PAIRS = 1024;

const sizes = (minSize: number, maxSize = minSize): Subgroups => ({ minSize, maxSize });

describe('what is known of subgroups', () => {
  const device = (features: string[], adapterInfo: object | undefined): GPUDevice =>
    ({ features: new Set(features), adapterInfo }) as unknown as GPUDevice;
  const info = { subgroupMinSize: 8, subgroupMaxSize: 32 };

  it('comes from a device that has the feature and says their sizes', () => {
    expect(subgroupsOf(device(['subgroups'], info))).toEqual(sizes(8, 32));
    expect(subgroupsOf(device(['shader-f16'], info))).toBeUndefined();
    expect(subgroupsOf(device(['subgroups'], undefined))).toBeUndefined();
    expect(subgroupsOf(device(['subgroups'], {}))).toBeUndefined();
    for (const subgroupMinSize of [0, 12, 64]) {
      expect(subgroupsOf(device(['subgroups'], { ...info, subgroupMinSize }))).toBeUndefined();
    }
  });

  it('blocks fit the smallest subgroup and the workgroup', () => {
    expect(blockLanes(undefined, 64)).toBe(0);
    expect(blockLanes(sizes(4, 32), 64)).toBe(0);
    expect(blockLanes(sizes(8, 32), 64)).toBe(8);
    expect(blockLanes(sizes(32), 128)).toBe(32);
    expect(blockLanes(sizes(64), 16)).toBe(16);
  });

  it('programs with and without them have keys of their own', () => {
    const problem = { batch: 1, q: 9, n: 5000, d: 4, k: 5, form: EUCLIDEAN, allowedWords: 0 };
    const facts = { maxBinding: 2 ** 27, maxWorkgroups: 65535, software: false };
    const masks = { self: false, allowed: false, groups: false };
    const programsOf = (subgroups: Subgroups | undefined) => {
      const plan = planKnn({ ...problem, mode: 'exact' }, { ...facts, subgroups });
      const programs = new KnnPrograms({ form: EUCLIDEAN, plan, masks, aligned: true });
      return [programs.select(false), programs.resort(), programs.revisit(true, false)];
    };
    const without = programsOf(undefined);
    const all = [without, programsOf(sizes(8)), programsOf(sizes(32))];
    expect(new Set(all.flat().map(({ key }) => key)).size).toBe(9);
    for (const { code } of without) expect(code).not.toMatch(/subgroup/);
    for (const { code } of programsOf(sizes(32))) {
      expect(code.startsWith(`${ENABLE_SUBGROUPS}\n`)).toBe(true);
    }
    expect(workgroupFolds(64, 0)).not.toMatch(/subgroup/);
  });
});

/** A workgroup of 64 or 128 threads that runs `body` once; `given` is an array of numbers. */
class OneWorkgroup implements WebGPUProgram {
  readonly variableNames = ['given'];
  readonly uniforms = 'count : i32,';
  readonly dispatchLayout = { x: [0] };
  readonly dispatch: [number, number, number] = [1, 1, 1];
  readonly workgroupSize: [number, number, number];
  readonly shaderKey: string;

  constructor(
    readonly outputShape: number[],
    threads: number,
    private readonly support: string,
    private readonly body: string,
  ) {
    this.workgroupSize = [threads, 1, 1];
    this.shaderKey = `test_${support}_${body}`;
  }

  getUserCode(): string {
    return `${this.support}\nfn main(index : i32) {\n${this.body}\n}`;
  }
}

async function runWorkgroup(
  program: OneWorkgroup,
  given: ArrayLike<number>,
  dtype: 'int32' | 'float32',
): Promise<number[]> {
  const values = Array.from(given);
  const input = tf.tensor1d(values, dtype);
  const uniforms = [{ type: 'int32', data: [values.length] }];
  const info = webgpuBackend().runWebGPUProgram(program, [input], dtype, uniforms);
  const result = tf.engine().makeTensorFromTensorInfo(info);
  const got = Array.from(await result.data());
  tf.dispose([input, result]);
  return got;
}

/** Sort (given value, place) with the shader's own code, in workgroup memory; last comes lanesHold. */
const sortProgram = (threads: number, lanes: number): OneWorkgroup =>
  new OneWorkgroup(
    [2 * PAIRS + 1],
    threads,
    `${ENABLE_SUBGROUPS}
struct Sizes { room : u32 }
var<private> params : Sizes;
var<workgroup> pairs : array<vec2<u32>, ${PAIRS}>;
${KEYS}
${sortRowCode(threads, lanes)}`,
    `  let lane = localIndex;
  for (var t = i32(lane); t < uniforms.count; t = t + ${threads}) {
    pairs[t] = vec2<u32>(u32(given[t]), u32(t));
  }
  workgroupBarrier();
  sortRow(0u, lane, u32(uniforms.count));
  for (var t = i32(lane); t < uniforms.count; t = t + ${threads}) {
    result[2 * t] = i32(pairs[t].x);
    result[2 * t + 1] = i32(pairs[t].y);
  }
  let isHeld = lanesHold(lane);
  if (lane == 0u) { result[${2 * PAIRS}] = select(0, 1, isHeld); }`,
  );

describeOnBackend('webgpu', 'subgroups on webgpu', () => {
  let facts: DeviceFacts;
  let own: Subgroups;

  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(tensors);
  });

  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
    facts = factsOf(webgpuBackend());
    own = facts.subgroups ?? sizes(0);
  });

  /** End a test that a device without the feature can't run. */
  const needsSubgroups = ({ skip }: TestContext): void =>
    skip(facts.subgroups === undefined, 'this device has no subgroups');

  it('are reported by the device', () => {
    const { device } = webgpuBackend();
    const isOffered = device.features.has('subgroups');
    expect(facts.subgroups !== undefined).toBe(isOffered);
    expect(programSubgroups(webgpuBackend())).toEqual(facts.subgroups);
    if (isOffered) expect(own.maxSize).toBeGreaterThanOrEqual(own.minSize);
  });

  /** Blocks that lie in a subgroup, and those that the shader must find out do not. */
  const blocks = (threads: number): number[] => [
    ...new Set([8, Math.min(own.minSize, threads), threads]),
  ];

  it.for([16, 128])('sort of one row by %i threads', async (threads, context) => {
    needsSubgroups(context);
    const rng = new Rng(threads);
    for (const lanes of blocks(threads)) {
      const program = sortProgram(threads, lanes);
      for (const count of [1, 2, 7, 8, 9, 31, 64, 65, 300, 1023, 1024]) {
        const keys = Array.from({ length: count }, () => rng.int(count));
        const got = await runWorkgroup(program, keys, 'int32');
        const want = keys.map((key, t) => [key, t]).sort(([a, i], [b, j]) => a - b || i - j);
        expect(got.slice(0, 2 * count), `${lanes} lanes, ${count} pairs`).toEqual(want.flat());
        if (lanes <= own.minSize) expect(got[2 * PAIRS], `${lanes} lanes`).toBe(1);
        if (lanes > own.maxSize) expect(got[2 * PAIRS], `${lanes} lanes`).toBe(0);
      }
    }
  });

  it('folds have the bits of the tree', async (context) => {
    needsSubgroups(context);
    const threads = 64;
    const folds = (block: number): OneWorkgroup =>
      new OneWorkgroup(
        [2 * threads],
        threads,
        workgroupFolds(threads, block),
        `  let value = select(0.0, given[localIndex], i32(localIndex) < uniforms.count);
  result[2u * localIndex] = workgroupSum(value);
  result[2u * localIndex + 1u] = workgroupMax(value);`,
      );
    for (let seed = 0; seed < 5; seed++) {
      const values = normals(threads, seed, 10 ** seed);
      const want = await runWorkgroup(folds(0), values, 'float32');
      const exact = values.reduce((sum, v) => sum + v, 0);
      const size = values.reduce((sum, v) => sum + Math.abs(v), 0);
      expect(Math.abs(want[0] - exact)).toBeLessThanOrEqual(6 * 2 ** -24 * size);
      expect(want[1]).toBe(Math.max(...values));
      for (const block of blocks(threads)) {
        expect(await runWorkgroup(folds(block), values, 'float32'), `${block}`).toEqual(want);
      }
    }
  });

  /** A search by a device with other subgroups than its own. */
  const searchWith = (search: Search, more: Partial<DeviceFacts>): Promise<Found> =>
    searchOnDevice(search, (inputs, attrs) => {
      const shapes = { queries: inputs.queries.shape, points: inputs.points.shape };
      const outputs = knnSpec.infer(shapes, attrs);
      const call = { inputs, attrs, backend: webgpuBackend(), outputs };
      return knnWith(call, { ...facts, ...more }).map((info) =>
        tf.engine().makeTensorFromTensorInfo(info),
      );
    });

  const line = (n: number, valueOf: (j: number) => number): Float32Array =>
    Float32Array.from({ length: n }, (_, j) => valueOf(j));
  const search = (q: number, n: number, d: number, k: number): Search => ({
    ...{ form: EUCLIDEAN, q, n, d, k },
    queries: normals(q * d, q + n),
    points: normals(n * d, q + n + 1),
  });

  it.each([
    { name: 'many rows', given: search(70, 2000, 12, 33) },
    { name: 'few rows', given: search(3, 5000, 8, 10) },
    { name: 'one neighbour', given: search(12, 5, 3, 1) },
    { name: 'lists in several chunks', given: search(9, 4000, 4, 2000) },
    {
      name: 'ties, so that rows are searched again',
      given: { ...search(15, 2500, 3, 65), points: integers(7500, 2, 4) },
    },
    {
      name: 'more candidates than room',
      given: {
        ...search(10, 20_000, 1, 10),
        queries: line(10, () => 0),
        points: line(20_000, (j) => (j >= 6000 && j < 9000 ? (9000 - j) * 1e-3 : 50 + (j % 97))),
      },
    },
  ])('knn has the same bits on all paths: $name', async ({ given }) => {
    const want = oracle(given);
    // On a device with smaller subgroups the shader finds out that blocks of 16 do not lie in one.
    const others = facts.subgroups === undefined ? [] : [facts.subgroups, sizes(16)];
    for (const subgroups of [undefined, ...others]) {
      const label = `subgroups of ${subgroups?.minSize}`;
      expectSame(await searchWith(given, { subgroups }), want, given.k, label);
    }
  });

  it('rowDistance has the same bits on all paths', async (context) => {
    needsSubgroups(context);
    const plain = (n: number, d: number, rng: Rng): RowData => ({
      rows: Float32Array.from({ length: n * d }, () => rng.normal()),
      aux: new Float32Array(0),
    });
    const caseOf = (form: MetricForm) =>
      FORM_CASES.find((candidate) => candidate.form === form)?.make ?? plain;
    const cosine = productForm('cosine');
    const all = [EUCLIDEAN, cosine, forms.chebyshevForm, forms.braycurtisForm];
    for (const form of all) {
      for (const [n, d] of [
        [3, 128],
        [20, 301],
        [9, 40],
      ]) {
        const rng = new Rng(n + d);
        const [x, y] = [caseOf(form)(n, d, rng), caseOf(form)(n, d, rng)];
        x.rows[d + 1] = NaN;
        x.rows[2 * d + 5] = Infinity;
        const scalars = form.family === 'expression' ? form.aux : 0;
        const inputs = {
          x: tf.tensor2d(x.rows, [n, d]),
          y: tf.tensor2d(y.rows, [n, d]),
          ...(scalars > 0 && {
            xAux: tf.tensor2d(x.aux, [n, scalars]),
            yAux: tf.tensor2d(y.aux, [n, scalars]),
          }),
        };
        const run = async (subgroups: Subgroups | undefined): Promise<number[]> => {
          const outputs = [{ shape: [n], dtype: 'float32' as const }];
          const call = { inputs, attrs: { form }, backend: webgpuBackend(), outputs };
          const [info] = rowDistanceWithin(call, 2 ** 27, subgroups);
          const result = tf.engine().makeTensorFromTensorInfo(info);
          const values = Array.from(await result.data());
          result.dispose();
          return values;
        };
        // Undefined would stand for the device's own.
        const want = await run(sizes(0));
        expect(want.filter(Number.isFinite).length).toBeGreaterThan(0);
        for (const minSize of [own.minSize, 16, 32, 64]) {
          expect(await run(sizes(minSize)), `${form.key} ${d} ${minSize}`).toEqual(want);
        }
        tf.dispose(Object.values(inputs));
      }
    }
  });
});
