import { BALL_EDGE } from '../../../numerics.js';
import type { Geometry } from '../../../specs/relationSteps.js';
import { f32Literal } from './constants.js';
import { functionsCode } from './functions.js';

/** Threads of a workgroup. */
export const RELATION_THREADS = 64;

/** What the code of the programs depends on. */
export interface RelationStepsCode {
  readonly geometry: Geometry;
  readonly features: number;
  /** Whether negatives come from an alias table. */
  readonly weighted: boolean;
  /** Whether the curvature is 1: exp(-d) is then a square. */
  readonly unitCurvature: boolean;
}

const UINTS = [
  'rows',
  'negatives',
  'seed',
  'passNumber',
  // Number of the first relation of a dispatch: in the pass, in the tensor, in the batch.
  'position',
  'start',
  'place',
  // Of a dispatch: relations, or entries of a list.
  'count',
  // Where losses of relations begin, in the list of visited rows.
  'lossBase',
  'batchSize',
  'relations',
] as const;
const FLOATS = ['root', 'power', 'fixed', 'rate'] as const;
export type RelationParams = Readonly<
  Partial<Record<(typeof UINTS)[number] | (typeof FLOATS)[number], number>>
>;

/** Parameters as the bytes of the uniform; absent ones are 0. */
export function packRelationParams(params: RelationParams): ArrayBuffer {
  const buffer = new ArrayBuffer(Math.ceil((UINTS.length + FLOATS.length) / 4) * 16);
  const uints = new Uint32Array(buffer);
  const floats = new Float32Array(buffer);
  UINTS.forEach((name, i) => (uints[i] = params[name] ?? 0));
  FLOATS.forEach((name, i) => (floats[UINTS.length + i] = params[name] ?? 0));
  return buffer;
}

export const RELATION_PARAMS_CODE = `
struct Params {
${UINTS.map((name) => `  ${name} : u32,`).join('\n')}
${FLOATS.map((name) => `  ${name} : f32,`).join('\n')}
}
@group(0) @binding(0) var<uniform> params : Params;
`;

const EDGE = f32Literal(1 - BALL_EDGE);

/** exp(r / 2), exp(-r / 2), sinh r, cosh r of a row of length \`norm\` (times s). */
const SCALARS: Readonly<Record<Geometry, string>> = {
  lorentz: `
    let c = sqrt(1.0 + norm * norm);
    let up = sqrt(norm + c);
    return vec4<f32>(up, 1.0 / up, norm, c);`,
  poincare: `
    let t = min(norm, ${EDGE});
    let gap = (1.0 - t) * (1.0 + t);
    let up = sqrt((1.0 + t) / (1.0 - t));
    return vec4<f32>(up, 1.0 / up, 2.0 * t / gap, (1.0 + t * t) / gap);`,
  logPolar: `
    let up = exprExp(0.5 * norm);
    let n = stepSinh(norm);
    return vec4<f32>(up, 1.0 / up, n, sqrt(1.0 + n * n));`,
};

/** Factor from sinh(r) u to what is stored (times s), for n = sinh r > 0. */
const FACTORS: Readonly<Record<Geometry, string>> = {
  lorentz: 'return 1.0;',
  poincare: `return min(1.0 / (1.0 + sqrt(1.0 + n * n)), ${EDGE} / n);`,
  logPolar: 'return exprAsinh(n) / n;',
};

function commonCode({ geometry, features }: RelationStepsCode): string {
  return `
${functionsCode(['exp', 'asinh', 'log1p', 'pow'])}
const D = ${features}u;

fn stepSinh(v : f32) -> f32 {
  if (abs(v) < 1.0) {
    let z = v * v;
    return v + v * (z * (${f32Literal(1 / 6)} + z * (${f32Literal(1 / 120)} + z * (${f32Literal(1 / 5040)} + z * ${f32Literal(1 / 362880)}))));
  }
  return 0.5 * (exprExp(v) - exprExp(-v));
}
fn stepScalars(norm : f32) -> vec4<f32> {${SCALARS[geometry]}
}
fn stepFactor(n : f32) -> f32 { ${FACTORS[geometry]} }
fn stepNorm(row : u32) -> f32 {
  var square = 0.0;
  for (var f = 0u; f < D; f = f + 1u) {
    let x = table[row * D + f];
    square = square + x * x;
  }
  return exprSqrt(square);
}
// Feature of the direction; that of the origin is the first axis.
fn stepUnit(row : u32, norm : f32, f : u32) -> f32 {
  if (norm == 0.0) { return select(0.0, 1.0, f == 0u); }
  return table[row * D + f] / norm;
}
`;
}

/** Sum over the threads of a workgroup, in a tree: always in the same order. All threads must call it. */
const SUM = `
var<workgroup> lanes : array<f32, ${RELATION_THREADS}>;
fn sumOfThreads(value : f32, lane : u32) -> f32 {
  lanes[lane] = value;
  workgroupBarrier();
  for (var step = ${RELATION_THREADS / 2}u; step > 0u; step = step / 2u) {
    if (lane < step) { lanes[lane] = lanes[lane] + lanes[lane + step]; }
    workgroupBarrier();
  }
  return lanes[0];
}
`;

/** Workgroups may be spread over two dimensions. */
const MAIN = `
@compute @workgroup_size(${RELATION_THREADS})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) localIndex : u32) {
  let number = group.y * groups.x + group.x;
`;

/** A copy of the table, and sums set to zero. */
export function beginCode({ features }: RelationStepsCode): string {
  return `
const D = ${features}u;
${MAIN}
  let stride = groups.x * groups.y * ${RELATION_THREADS}u;
  for (var i = number * ${RELATION_THREADS}u + localIndex; i < params.rows * (D + 2u); i = i + stride) {
    if (i < params.rows * D) { table[i] = given[i]; }
    atomicStore(&sums[i], 0);
  }
}
`;
}

/**
 * A workgroup per relation: its loss, and its tangents, added to those of the batch as integers
 * (multiples of 1 / fixed), whose sum does not depend on the order.
 */
export function pairsCode(code: RelationStepsCode): string {
  const { weighted, unitCurvature, features } = code;
  return `
${commonCode(code)}
var<workgroup> own : array<f32, ${features}>;
var<workgroup> ownSums : array<atomic<i32>, ${features + 1}>;
var<workgroup> nearest : f32;
${SUM}
fn counterWords(counter : vec4<u32>) -> vec4<u32> {
  var v = counter * 1664525u + 1013904223u;
  v.x = v.x + v.y * v.w;
  v.y = v.y + v.z * v.x;
  v.z = v.z + v.x * v.y;
  v.w = v.w + v.y * v.z;
  v = v ^ (v >> vec4<u32>(16u));
  v.x = v.x + v.y * v.w;
  v.y = v.y + v.z * v.x;
  v.z = v.z + v.x * v.y;
  v.w = v.w + v.y * v.z;
  return v;
}
// floor(word n / 2^32).
fn scaledWord(word : u32, n : u32) -> u32 {
  let low = (word & 0xffffu) * (n & 0xffffu);
  let left = (word >> 16u) * (n & 0xffffu) + (low >> 16u);
  let right = (word & 0xffffu) * (n >> 16u) + (left & 0xffffu);
  return (word >> 16u) * (n >> 16u) + (left >> 16u) + (right >> 16u);
}
fn drawn(position : u32, k : u32) -> u32 {
  let words = counterWords(vec4<u32>(position, k >> 1u, params.seed, params.passNumber));
  let odd = (k & 1u) == 1u;
  let slot = scaledWord(select(words.x, words.z, odd), params.rows);
  ${
    weighted
      ? `let coin = f32(select(words.y, words.w, odd) >> 8u) * 0x1p-24;
  return select(slot, u32(alias_[slot]), probability[slot] <= coin);`
      : 'return slot;'
  }
}
fn related(row : u32, other : u32) -> bool {
  var low = offsets[row];
  let end = offsets[row + 1u];
  var high = end;
  while (low < high) {
    let middle = (low + high) / 2;
    if (neighbors[middle] < i32(other)) { low = middle + 1; } else { high = middle; }
  }
  return low < end && neighbors[low] == i32(other);
}

struct Pair { h : f32, root : f32, half : f32, square : f32, norm : f32, scalars : vec4<f32> }
fn measure(a : vec4<f32>, other : u32) -> Pair {
  var pair : Pair;
  pair.norm = stepNorm(other);
  pair.scalars = stepScalars(params.root * pair.norm);
  for (var f = 0u; f < D; f = f + 1u) {
    let apart = stepUnit(other, pair.norm, f) - own[f];
    pair.square = pair.square + apart * apart;
  }
  let b = pair.scalars;
  // sinh((r2 - r1) / 2): the difference of sinh is exact where it is small.
  pair.half = (b.z - a.z) / (a.x * b.x + a.y * b.y);
  let h2 = pair.half * pair.half + 0.25 * a.z * b.z * pair.square;
  pair.h = exprSqrt(h2);
  pair.root = sqrt(1.0 + h2);
  return pair;
}
fn rounded(v : f32) -> i32 { return i32(round(v * params.fixed)); }

${MAIN}
  let place = params.place + number;
  let position = params.position + number;
  let counted = number < params.count;
  let at = 2u * (params.start + min(number, params.count - 1u));
  let last = params.rows - 1u;
  let row = min(u32(relations[at]), last);
  let second = min(u32(relations[at + 1u]), last);
  let norm = stepNorm(row);
  let a = stepScalars(params.root * norm);
  for (var f = localIndex; f < D; f = f + ${RELATION_THREADS}u) { own[f] = stepUnit(row, norm, f); }
  for (var f = localIndex; f <= D; f = f + ${RELATION_THREADS}u) { atomicStore(&ownSums[f], 0); }
  workgroupBarrier();
  if (localIndex == 0u) {
    let pair = measure(a, second);
    nearest = pair.h + pair.root;
  }
  workgroupBarrier();
  let first = nearest;
  var sum = 0.0;
  for (var k = localIndex; k < params.negatives; k = k + ${RELATION_THREADS}u) {
    sum = sum + weightOf(a, row, drawn(position, k), first);
  }
  sum = sumOfThreads(sum, localIndex);
  let list = place * (params.negatives + 2u);
  for (var k = localIndex; k <= params.negatives; k = k + ${RELATION_THREADS}u) {
    var other = second;
    var slope = sum / (1.0 + sum);
    if (k > 0u) {
      other = drawn(position, k - 1u);
      slope = -weightOf(a, row, other, first) / (1.0 + sum);
    }
    let pair = measure(a, other);
    let counts = counted && pair.h > 0.0 && slope != 0.0;
    if (counted) { visited[list + k] = select(-1, i32(other), counts); }
    if (!counts) { continue; }
    let scale = slope / (2.0 * pair.h * pair.root);
    let radial = 2.0 * pair.half * sqrt(1.0 + pair.half * pair.half) * scale;
    let bend = 0.5 * pair.square;
    let atRow = scale * pair.scalars.z;
    let atOther = scale * a.z;
    let base = other * (D + 2u);
    atomicStore(&sums[base], 1);
    atomicAdd(&ownSums[0], rounded(radial - atRow * a.w * bend));
    atomicAdd(&sums[base + 1u], rounded(-radial - atOther * pair.scalars.w * bend));
    for (var f = 0u; f < D; f = f + 1u) {
      let unit = stepUnit(other, pair.norm, f);
      let apart = unit - own[f];
      atomicAdd(&ownSums[f + 1u], rounded(atRow * (apart + bend * own[f])));
      atomicAdd(&sums[base + 2u + f], rounded(atOther * (bend * unit - apart)));
    }
  }
  workgroupBarrier();
  if (!counted) { return; }
  let base = row * (D + 2u);
  for (var f = localIndex; f <= D; f = f + ${RELATION_THREADS}u) {
    atomicAdd(&sums[base + 1u + f], atomicLoad(&ownSums[f]));
  }
  if (localIndex == 0u) {
    atomicStore(&sums[base], 1);
    visited[list + params.negatives + 1u] = i32(row);
    visited[params.lossBase + params.start + number] = bitcast<i32>(exprLog1p(sum));
  }
}

// exp(-d) of a negative beside that of the relation; 0 where it does not count.
fn weightOf(a : vec4<f32>, row : u32, other : u32, first : f32) -> f32 {
  if (other == row || related(row, other)) { return 0.0; }
  let pair = measure(a, other);
  let ratio = first / (pair.h + pair.root);
  return ${unitCurvature ? 'ratio * ratio' : 'exprPow(ratio, params.power)'};
}
`;
}

/** A thread per visited row: the first to come for it takes the step of the batch. */
export function moveCode(code: RelationStepsCode): string {
  return `
${commonCode(code)}
${MAIN}
  let entry = number * ${RELATION_THREADS}u + localIndex;
  if (entry >= params.count) { return; }
  let found = visited[entry];
  if (found < 0) { return; }
  let row = u32(found);
  let base = row * (D + 2u);
  if (atomicExchange(&sums[base], 0) == 0) { return; }
  let norm = stepNorm(row);
  let a = stepScalars(params.root * norm);
  let radial = f32(atomicExchange(&sums[base + 1u], 0)) / params.fixed;
  var along = 0.0;
  for (var f = 0u; f < D; f = f + 1u) {
    along = along + f32(atomicLoad(&sums[base + 2u + f])) / params.fixed * stepUnit(row, norm, f);
  }
  var square = radial * radial;
  for (var f = 0u; f < D; f = f + 1u) {
    let across = f32(atomicLoad(&sums[base + 2u + f])) / params.fixed - along * stepUnit(row, norm, f);
    square = square + across * across;
  }
  let angle = params.rate * exprSqrt(square);
  if (angle == 0.0) {
    for (var f = 0u; f < D; f = f + 1u) { atomicStore(&sums[base + 2u + f], 0); }
    return;
  }
  let half = stepSinh(0.5 * angle);
  let sideways = 2.0 * half * sqrt(1.0 + half * half) / angle * params.rate;
  let outwards = a.z + (2.0 * half * half * a.z + sideways * radial * a.w);
  var size = 0.0;
  for (var f = 0u; f < D; f = f + 1u) {
    let unit = stepUnit(row, norm, f);
    let across = f32(atomicLoad(&sums[base + 2u + f])) / params.fixed - along * unit;
    let x = outwards * unit + sideways * across;
    size = size + x * x;
  }
  let n = exprSqrt(size);
  var factor = 0.0;
  if (n > 0.0) { factor = stepFactor(n) / params.root; }
  for (var f = 0u; f < D; f = f + 1u) {
    let unit = stepUnit(row, norm, f);
    let across = f32(atomicExchange(&sums[base + 2u + f], 0)) / params.fixed - along * unit;
    table[row * D + f] = factor * (outwards * unit + sideways * across);
  }
}
`;
}

/** A workgroup per batch: its mean loss. */
export function meansCode(): string {
  return `
${SUM}
${MAIN}
  let first = number * params.batchSize;
  let end = min(first + params.batchSize, params.relations);
  var sum = 0.0;
  for (var i = first + localIndex; i < end; i = i + ${RELATION_THREADS}u) {
    sum = sum + bitcast<f32>(visited[params.lossBase + i]);
  }
  sum = sumOfThreads(sum, localIndex);
  if (localIndex == 0u && first < params.relations) {
    losses[number] = sum / f32(end - first);
  }
}
`;
}
