import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { UnsupportedError } from '../../errors.js';
import { relationStepsSpec } from '../../specs/relationSteps.js';
import type { RelationStepsCall } from '../../specs/relationSteps.js';
import { defineKernel } from '../../specs/spec.js';
import { checkBinding } from './limits.js';
import { DeviceWork } from './ownPipelines.js';
import type { BufferPart, OwnProgram, Workgroups } from './ownPipelines.js';
import {
  beginCode,
  meansCode,
  moveCode,
  packRelationParams,
  pairsCode,
  RELATION_PARAMS_CODE,
  RELATION_THREADS,
} from './wgsl/relationSteps.js';
import type { RelationParams, RelationStepsCode } from './wgsl/relationSteps.js';

const { op } = relationStepsSpec;

/** Coordinates of a row and their sums stand in the memory of a workgroup, of which 16 KiB are sure. */
const MOST_FEATURES = 1024;
/** Sums of a batch are integers of 32 bits: larger batches would leave them too few digits. */
const MOST_BATCH = 2 ** 20;
/** Operations of one dispatch: a fraction of a second on a software device. */
const MOST_OPERATIONS = 2 ** 28;
/** Operations of a pair beside those of its features, and of a feature. */
const [PAIR_OPERATIONS, FEATURE_OPERATIONS] = [256, 32];
/** Dispatches that are handed over together. */
const DISPATCHES = 128;

const ARRAYS = {
  table: 'array<f32>',
  given: 'array<f32>',
  relations: 'array<i32>',
  offsets: 'array<i32>',
  neighbors: 'array<i32>',
  probability: 'array<f32>',
  alias_: 'array<i32>',
  sums: 'array<atomic<i32>>',
  visited: 'array<i32>',
  losses: 'array<f32>',
} as const;
type ArrayName = keyof typeof ARRAYS;
type Access = readonly [ArrayName, 'read' | 'write'];

function program(key: string, arrays: readonly Access[], code: string): OwnProgram {
  const bindings = arrays.map(([name, access]) => ({ name, access, type: ARRAYS[name] }));
  const declarations = bindings.map(
    ({ name, type, access }, i) =>
      `@group(0) @binding(${i + 1}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> ${name} : ${type};`,
  );
  return {
    key: `latentRelationSteps ${key}`,
    bindings,
    code: `${RELATION_PARAMS_CODE}\n${declarations.join('\n')}\n${code}`,
  };
}

function programsOf(
  code: RelationStepsCode,
): Record<'begin' | 'pairs' | 'move' | 'means', OwnProgram> {
  const { geometry, features, weighted, unitCurvature } = code;
  const tables: Access[] = weighted
    ? [
        ['probability', 'read'],
        ['alias_', 'read'],
      ]
    : [];
  const pairs: Access[] = [
    ['table', 'read'],
    ['relations', 'read'],
    ['offsets', 'read'],
    ['neighbors', 'read'],
    ['sums', 'write'],
    ['visited', 'write'],
    ...tables,
  ];
  return {
    begin: program(
      `begin ${features}`,
      [
        ['given', 'read'],
        ['table', 'write'],
        ['sums', 'write'],
      ],
      beginCode(code),
    ),
    pairs: program(
      `pairs ${geometry} ${features} ${weighted} ${unitCurvature}`,
      pairs,
      pairsCode(code),
    ),
    move: program(
      `move ${geometry} ${features}`,
      [
        ['table', 'write'],
        ['sums', 'write'],
        ['visited', 'read'],
      ],
      moveCode(code),
    ),
    means: program(
      'means',
      [
        ['visited', 'read'],
        ['losses', 'write'],
      ],
      meansCode(),
    ),
  };
}

/** Largest power of two by which sums of a batch may be multiplied: they stay below 2^30. */
function fixedPoint(batchSize: number): number {
  // A row gets tangents of length 2 from a relation at most.
  return 2 ** (29 - Math.ceil(Math.log2(batchSize)));
}

type Call = RelationStepsCall<WebGPUBackend>;

function check({ inputs, attrs, backend }: Call, visited: number): void {
  const [rows, features] = inputs.table.shape;
  if (features > MOST_FEATURES) {
    const expected = `have at most ${MOST_FEATURES} features on this backend`;
    throw new UnsupportedError({ op, arg: 'table', expected, got: String(features) });
  }
  if (attrs.batchSize > MOST_BATCH && inputs.relations.shape[0] > MOST_BATCH) {
    const expected = `be at most ${MOST_BATCH} on this backend`;
    const got = String(attrs.batchSize);
    throw new UnsupportedError({ op, arg: 'options.batchSize', expected, got });
  }
  checkBinding(backend, op, 'sums of table', [rows, features + 2]);
  checkBinding(backend, op, 'relations', inputs.relations.shape);
  checkBinding(backend, op, 'neighbors', inputs.neighbors.shape);
  checkBinding(backend, op, 'the rows that a batch visits', [visited]);
}

function compute(call: Call): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [rows, features] = inputs.table.shape;
  const [relations] = inputs.relations.shape;
  const { negatives, curvature } = attrs;
  const batchSize = Math.max(1, Math.min(attrs.batchSize, relations));
  const listed = batchSize * (negatives + 2);
  check(call, listed + relations);
  const results = outputs.map(({ shape, dtype }) =>
    shape.includes(0)
      ? backend.makeTensorInfo(shape, dtype, new Float32Array(0))
      : backend.makeTensorInfo(shape, dtype),
  );
  const weighted = inputs.probability !== undefined && inputs.alias !== undefined;
  const programs = programsOf({
    geometry: attrs.geometry,
    features,
    weighted,
    unitCurvature: curvature === 1,
  });
  const given = Object.values<TensorInfo>(inputs);
  const work = new DeviceWork(backend, op, given, results);
  const part = (info: TensorInfo): BufferPart =>
    // Nothing empty can be bound.
    info.shape.includes(0) ? work.scratch(16) : work.tensor(info);
  const parts: Partial<Record<ArrayName, BufferPart>> = {
    given: part(inputs.table),
    table: part(results[0]),
    relations: part(inputs.relations),
    offsets: part(inputs.offsets),
    neighbors: part(inputs.neighbors),
    sums: work.scratch(rows * (features + 2) * 4),
    visited: work.scratch((listed + relations) * 4),
    losses: part(results[1]),
  };
  if (inputs.probability !== undefined) parts.probability = part(inputs.probability);
  if (inputs.alias !== undefined) parts.alias_ = part(inputs.alias);
  const root = Math.sqrt(curvature);
  const common: RelationParams = {
    rows,
    negatives,
    seed: attrs.seed,
    passNumber: attrs.pass,
    lossBase: listed,
    batchSize,
    relations,
    root,
    power: 2 / root,
    fixed: fixedPoint(Math.min(attrs.batchSize, MOST_BATCH)),
  };
  const most = backend.device.limits.maxComputeWorkgroupsPerDimension;
  const dispatch = (own: OwnProgram, groups: number, more: RelationParams = {}): void => {
    const bound = own.bindings.map(({ name }) => {
      const found = parts[name as ArrayName];
      if (found === undefined) throw new Error(`${own.key}: no memory for ${name}`);
      return found;
    });
    const grid: Workgroups = [Math.min(groups, most), Math.ceil(groups / most), 1];
    work.dispatch(own, packRelationParams({ ...common, ...more }), bound, grid);
    if (work.recorded >= DISPATCHES) work.submit();
  };

  dispatch(programs.begin, Math.min(1024, Math.ceil((rows * (features + 2)) / RELATION_THREADS)));
  const perRelation = (negatives + 1) * (PAIR_OPERATIONS + FEATURE_OPERATIONS * features);
  const piece = Math.max(1, Math.floor(MOST_OPERATIONS / perRelation));
  for (let start = 0; start < relations; start += batchSize) {
    const size = Math.min(batchSize, relations - start);
    for (let place = 0; place < size; place += piece) {
      const count = Math.min(piece, size - place);
      const position = (attrs.first + start + place) % 2 ** 32;
      dispatch(programs.pairs, count, { start: start + place, place, position, count });
    }
    const count = size * (negatives + 2);
    const rate = (attrs.learningRate * root) / size;
    dispatch(programs.move, Math.ceil(count / RELATION_THREADS), { count, rate });
  }
  if (relations > 0) dispatch(programs.means, outputs[1].shape[0]);
  work.finish();
  work.release();
  return results;
}

export const relationStepsWebgpu = defineKernel(relationStepsSpec, 'webgpu', compute);
