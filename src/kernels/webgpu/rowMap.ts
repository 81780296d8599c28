import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { UnsupportedError } from '../../errors.js';
import { rowMapSpec } from '../../specs/rowMap.js';
import type { RowMapAttrs, RowMapInput } from '../../specs/rowMap.js';
import { lowerToBase } from '../../specs/rowProgram/functions.js';
import { partOf } from '../../specs/rowProgram/graph.js';
import type { RowProgram } from '../../specs/rowProgram/graph.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { isSoftwareDevice } from './limits.js';
import { DeviceWork, elementsOf } from './ownPipelines.js';
import type { BufferPart, OwnProgram, ProgramBinding } from './ownPipelines.js';
import { bindingsOf, countWords, ROW_THREADS, rowProgramCode } from './wgsl/rowProgram.js';

/** Features that a thread takes by itself before others share the row. */
const FEATURES_PER_THREAD = 8;

type Call = KernelCall<never, RowMapAttrs, WebGPUBackend, RowMapInput>;

/** Threads that share a row: a software device runs them one after the other. */
function lanesFor(d: number, device: GPUDevice): number {
  if (isSoftwareDevice(device)) return 1;
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, d / FEATURES_PER_THREAD)));
  return Math.min(ROW_THREADS, wanted);
}

const codes = new Map<string, OwnProgram>();

function ownProgram(program: RowProgram, lanes: number): OwnProgram {
  const key = `latentRowMap ${lanes} ${program.key}`;
  const known = codes.get(key);
  if (known !== undefined) return known;
  const { rows, scalars, outputs } = bindingsOf(program);
  const bindings: ProgramBinding[] = [
    ...[...rows, ...scalars].map((name): ProgramBinding => ({
      name,
      type: 'array<f32>',
      access: 'read',
    })),
    ...Array.from({ length: outputs }, (_, o): ProgramBinding => ({
      name: `out${o}`,
      type: 'array<f32>',
      access: 'write',
    })),
  ];
  const made = { key, bindings, code: rowProgramCode(program, lanes) };
  codes.set(key, made);
  return made;
}

/** Outputs in groups that fit the bindings of a shader beside the inputs; usually one. */
function outputGroups(program: RowProgram, device: GPUDevice): number[][] {
  const { rows, scalars, outputs } = bindingsOf(program);
  const room = device.limits.maxStorageBuffersPerShaderStage - rows.length - scalars.length;
  if (room < 1) {
    throw new UnsupportedError({
      op: rowMapSpec.op,
      arg: 'the inputs',
      expected: `leave one of the ${device.limits.maxStorageBuffersPerShaderStage} storage bindings of a shader on this device to a result`,
      got: `${rows.length + scalars.length} inputs`,
    });
  }
  const groups: number[][] = [];
  for (let o = 0; o < outputs; o += room) {
    groups.push(Array.from({ length: Math.min(room, outputs - o) }, (_, i) => o + i));
  }
  return groups;
}

/** A tensor and the elements of one row of it; one row may stand for all. */
interface Part {
  readonly info: TensorInfo;
  readonly width: number;
  readonly single: boolean;
}

/**
 * The kernel within a given limit.
 * @param limit Bytes of one storage binding; larger tensors are worked on in ranges of rows.
 */
export function rowMapWithin(
  { inputs, attrs, backend, outputs }: Call,
  limit: number,
): TensorInfo[] {
  const { n, d } = attrs;
  const results = outputs.map(({ shape, dtype }) => backend.makeTensorInfo(shape, dtype));
  const { rows: rowNames, scalars: scalarNames } = attrs.program;
  const given = [
    ...rowNames.map((_, i) => inputs[`row${i}`]),
    ...scalarNames.map((_, i) => inputs[`scalar${i}`]),
  ].filter((info) => info !== undefined);
  const work = new DeviceWork(backend, rowMapSpec.op, given, results);
  const whole = lowerToBase(attrs.program);
  for (const group of outputGroups(whole, backend.device)) {
    const program = group.length === results.length ? whole : partOf(whole, group);
    const { rows, scalars } = bindingsOf(program);
    const partOfInput = (name: RowMapInput, width: number): Part => {
      const info = inputs[name];
      if (info === undefined) throw new Error('an input of the program is missing');
      return { info, width, single: info.shape[0] === 1 && n > 1 };
    };
    const parts: Part[] = [
      ...rows.map((name) => partOfInput(`row${program.rows.indexOf(name)}`, d)),
      ...scalars.map((name) => partOfInput(`scalar${program.scalars.indexOf(name)}`, 1)),
    ];
    const made = group.map((o, i): Part => ({
      info: results[o],
      width: program.outputs[i].level === 'row' ? d : 1,
      single: false,
    }));
    recordRanges(work, backend, program, parts, made, attrs, limit);
  }
  work.finish();
  work.release();
  return results;
}

function recordRanges(
  work: DeviceWork,
  backend: WebGPUBackend,
  program: RowProgram,
  inputs: readonly Part[],
  outputs: readonly Part[],
  { n, d }: RowMapAttrs,
  limit: number,
): void {
  const lanes = lanesFor(d, backend.device);
  const rowsPerGroup = ROW_THREADS / lanes;
  const own = ownProgram(program, lanes);
  // A binding begins at an aligned element before its first row: 256 bytes at most.
  const most = Math.max(1, Math.floor((limit / 4 - 64) / d));
  for (let first = 0; first < n; first += most) {
    const count = Math.min(most, n - first);
    const groups = Math.ceil(count / rowsPerGroup);
    const width = Math.min(groups, backend.device.limits.maxComputeWorkgroupsPerDimension);
    const words = [count, d, width];
    const bound: BufferPart[] = [];
    const bind = ({ info, width: size, single }: Part): void => {
      const range = single ? [0, size] : [first * size, count * size];
      const { part, base } = elementsOf(backend.device, work.tensor(info), range[0], range[1]);
      bound.push(part);
      words.push(base);
    };
    for (const part of inputs) {
      bind(part);
      words.push(part.single ? 0 : part.width);
    }
    for (const part of outputs) bind(part);
    const params = new Uint32Array(Math.ceil(countWords(bindingsOf(program)) / 4) * 4);
    params.set(words);
    work.dispatch(own, params.buffer, bound, [width, Math.ceil(groups / width), 1]);
  }
}

export const rowMapWebgpu = defineKernel(rowMapSpec, 'webgpu', (call: Call) =>
  rowMapWithin(call, call.backend.device.limits.maxStorageBufferBindingSize),
);
