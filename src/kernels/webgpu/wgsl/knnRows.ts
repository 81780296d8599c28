import type { MetricForm } from '../../../specs/metricForm.js';
import { KEYS, maskCode, OFFER, VISITING_ORDER } from './candidates.js';
import type { MaskKinds } from './candidates.js';
import { HUGE, WILD } from './scanTile.js';
import { sortRowCode } from './sortRow.js';

/**
 * The shaders of the neighbour search that have a workgroup, or a thread, per row of the state, and
 * those that derive values from rows. `counts` holds a count per row, then the length of the list of
 * rows that failed their certificate, then the list.
 */

/** Row of a workgroup; of the listed rows, or of all. */
const rowOf = (listed: boolean): string =>
  listed
    ? 'atomicLoad(&counts[params.rows + 1u + params.firstOfDispatch + group.x])'
    : '(params.firstOfDispatch + group.x)';

const main = (threads: number, body: string): string => `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) lane : u32) {
${body}
}
`;

/** Empty the lists of candidates. */
export const clearCode = (listed: boolean): string => `
${main(
  64,
  `  let row = ${rowOf(listed)};
  for (var t = lane; t < params.kept; t = t + 64u) {
    pairs[row * params.room + t] = vec2<u32>(0xffffffffu, 0xffffffffu);
  }
  if (lane == 0u) { atomicStore(&counts[row], 0u); }
  ${listed ? '' : 'if (lane == 0u && row == 0u) { atomicStore(&counts[params.rows], 0u); }'}`,
)}`;

/** Sort the candidates of a row in among its best. */
export const selectCode = (threads: number, lanes: number, listed: boolean): string => `
${KEYS}
${sortRowCode(threads, lanes)}
var<workgroup> fresh : u32;
${main(
  threads,
  `  let row = ${rowOf(listed)};
  if (lane == 0u) {
    fresh = min(atomicLoad(&counts[row]), params.room - params.kept);
    atomicStore(&counts[row], 0u);
  }
  let count = workgroupUniformLoad(&fresh);
  if (count > 0u) { sortRow(row, lane, params.kept + count); }`,
)}`;

/** Sort a row's best again, of which the keys have changed. */
export const resortCode = (threads: number, lanes: number): string => `
${KEYS}
${sortRowCode(threads, lanes)}
${main(threads, `  sortRow(${rowOf(false)}, lane, params.kept);`)}`;

/**
 * Visit the positions again for a row that had more candidates than room: in steps, with a sort when
 * room gets short. What the failed visit has left behind the best is overwritten.
 */
export const revisitCode = (
  threads: number,
  lanes: number,
  pairCode: string,
  masks: MaskKinds,
  listed: boolean,
): string => `
${KEYS}
${VISITING_ORDER}
${maskCode(masks)}
${OFFER}
${sortRowCode(threads, lanes)}
${pairCode}
var<workgroup> fresh : u32;
${main(
  threads,
  `  let row = ${rowOf(listed)};
  if (lane == 0u) { fresh = atomicLoad(&counts[row]); }
  if (workgroupUniformLoad(&fresh) <= params.room - params.kept) { return; }
  if (lane == 0u) { atomicStore(&counts[row], 0u); }
  storageBarrier();
  for (var first = 0u; first < params.positions; first = first + ${threads}u) {
    let position = first + lane;
    if (position < params.positions) {
      let j = pointAt(params.firstPosition + position);
      if (j < params.points) { offer(row, j, pairKey(row, j)); }
    }
    storageBarrier();
    if (lane == 0u) { fresh = atomicLoad(&counts[row]); }
    let count = workgroupUniformLoad(&fresh);
    if (count + ${threads}u > params.room - params.kept) {
      sortRow(row, lane, params.kept + count);
      if (lane == 0u) { atomicStore(&counts[row], 0u); }
      storageBarrier();
    }
  }`,
)}`;

/** Threads of a workgroup of the pairwise scan, a thread per point. */
export const PAIR_THREADS = 64;

/** Compare listed rows with points one pair a thread: group.x is the row, group.y strides over points. */
export const pairScanCode = (pairCode: string, masks: MaskKinds, listed: boolean): string => `
${KEYS}
${VISITING_ORDER}
${maskCode(masks)}
${OFFER}
${pairCode}
@compute @workgroup_size(${PAIR_THREADS})
fn main(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(num_workgroups) groups : vec3<u32>,
  @builtin(local_invocation_index) lane : u32,
) {
  let row = ${rowOf(listed)};
  for (var t = group.y * ${PAIR_THREADS}u + lane; t < params.positions; t = t + groups.y * ${PAIR_THREADS}u) {
    let j = pointAt(params.firstPosition + t);
    if (j < params.points) { offer(row, j, pairKey(row, j)); }
  }
}
`;

/**
 * Give the candidates of a row the keys of their precise distances; those of this slice only. The last
 * candidate's fast key, which no point that was left out is below, is saved for the certificate.
 */
export const rerankCode = (pairCode: string): string => `
${KEYS}
${pairCode}
${main(
  64,
  `  let row = ${rowOf(false)};
  let start = row * params.room;
  if (lane == 0u && params.isFirst == 1u) { bounds[row] = pairs[start + params.kept - 1u].x; }
  storageBarrier();
  for (var t = lane; t < params.kept; t = t + 64u) {
    let pair = pairs[start + t];
    let j = pair.y - params.firstPoint;
    if (pair.x < NEVER && pair.y >= params.firstPoint && j < params.points) {
      let key = pairKey(row, j);
      // A pair that turns out to have no distance leaves the list.
      if (key >= NEVER) { pairs[start + t] = vec2<u32>(EMPTY, EMPTY); }
      else { pairs[start + t] = vec2<u32>(key, pair.y); }
    }
  }`,
)}`;

/**
 * Certificate of a row: no point that was left out can be as near as the last neighbour. Rows without
 * one go to the list. \`bound\` is the smallest fast value that a point left out may have; see knnPlan for
 * the errors of fast values.
 */
export function certifyCode(form: MetricForm, usesDerived: boolean): string {
  const wild = usesDerived ? `derived[params.queryDerivedBase + row] > ${WILD}` : 'false';
  const tests: Readonly<Record<MetricForm['family'], string>> = {
    // Wild points count as far: so they are when a ball of radius 2^59 round the origin holds all that matters.
    squares: `
  let scale = ${form.family === 'squares' && form.root ? 'last * last' : 'last'};
  ${usesDerived ? 'isSure = isSure && derived[params.queryDerivedBase + row] < 0x1p116f && scale < 0x1p116f;' : ''}
  let farthest = scale;`,
    cosine: '\n  let farthest = last;',
    innerProduct: '\n  let farthest = last;',
    expression: `
  let farthest = ${form.family === 'expression' && form.finish.kind === 'unary' ? 'last * last' : 'last'};`,
  };
  return `
${KEYS}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let row = id.x;
  if (row >= params.rows) { return; }
  let bound = bounds[row];
  // Fewer candidates than room for them: every point is one.
  if (bound == EMPTY) { return; }
  let key = pairs[row * params.room + params.k - 1u].x;
  let last = bitcast<f32>(bitsOfKey(key));
  let low = bitcast<f32>(bitsOfKey(bound));
  var isSure = key < 0xff800000u && !(${wild});
${tests[form.family]}
  let reach = farthest + 0x1p-20f * abs(farthest) + params.absoluteSlack;
  isSure = isSure && low - params.relativeSlack * abs(low) > reach;
  if (!isSure) {
    let place = atomicAdd(&counts[params.rows], 1u);
    atomicStore(&counts[params.rows + 1u + place], row);
  }
}
`;
}

/** Numbers of workgroups of dispatches over parts of the list of rows: [first, most, y] -> [x, y, 1]. */
export const workgroupsCode = `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  if (id.x >= params.positions) { return; }
  let listed = atomicLoad(&counts[params.rows]);
  let first = plan[id.x * 3u];
  workgroups[id.x * 3u] = min(max(listed, first) - first, plan[id.x * 3u + 1u]);
  workgroups[id.x * 3u + 1u] = plan[id.x * 3u + 2u];
  workgroups[id.x * 3u + 2u] = 1u;
}
`;

/** Mean of a sample of the points, of the finite values of each feature: 16 features a workgroup. */
export const centreCode = `
var<workgroup> sums : array<f32, 256>;
${main(
  256,
  `  let f = group.x * 16u + lane % 16u;
  let start = params.pointBase + group.z * params.pointBatchStride;
  var sum = 0.0;
  var count = 0.0;
  if (f < params.features) {
    for (var s = lane / 16u; s < params.samples; s = s + 16u) {
      let value = points[start + (s * (params.points / params.samples)) * params.features + f];
      if ((bitcast<u32>(value) & 0x7fffffffu) < 0x7f800000u) { sum = sum + value; count = count + 1.0; }
    }
  }
  sums[lane] = sum / max(count, 1.0);
  workgroupBarrier();
  if (lane < 16u) {
    var total = 0.0;
    for (var s = 0u; s < 16u; s = s + 1u) { total = total + sums[s * 16u + lane] / 16.0; }
    if ((bitcast<u32>(total) & 0x7fffffffu) >= 0x7f800000u) { total = 0.0; }
    derived[params.centreBase + group.z * params.centreStride + f] = total;
  }`,
)}`;

/** Rows of a workgroup of the shader below, eight threads each; workgroups in its first dimension. */
export const NORM_ROWS = 8;
export const NORM_GRID = 32768;

/**
 * What the fast value takes from a row: of squares (1 - gamma) |x - c|^2, of the inner product
 * sqrt(gamma) |x|, of the cosine 1 / |x| (0 for a zero row). Wild rows, which the arithmetic can't hold,
 * get a huge number; NaN stays.
 */
export function normsCode(form: MetricForm, side: 'query' | 'point'): string {
  const rows = side === 'query' ? 'queries' : 'points';
  const centre =
    form.family === 'squares'
      ? ' - derived[params.centreBase + batch * params.centreStride + f]'
      : '';
  const start =
    side === 'query'
      ? 'params.queryBase + row * params.features'
      : 'params.pointBase + batch * params.pointBatchStride + (row % params.points) * params.features';
  const result = {
    squares: `select((1.0 - params.gamma) * sum, ${HUGE}, sum > ${WILD})`,
    innerProduct: `select(sqrt(params.gamma) * sqrt(sum), ${HUGE}, sum > ${WILD})`,
    cosine: `select(select(1.0 / sqrt(sum), ${HUGE}, sum > 0x1p80f || sum < 0x1p-80f), 0.0, digits == 0u)`,
    expression: '0.0',
  }[form.family];
  return `
var<workgroup> sums : array<f32, 64>;
var<workgroup> anyDigits : array<u32, 64>;
${main(
  64,
  `  let row = (group.y * ${NORM_GRID}u + group.x) * ${NORM_ROWS}u + lane / 8u;
  let perBatch = ${side === 'query' ? 'params.rowsPerBatch' : 'params.points'};
  let total = perBatch * (params.rows / params.rowsPerBatch);
  let isLive = row < total;
  let batch = min(row, total - 1u) / perBatch;
  let start = ${start};
  var part = 0.0;
  var partDigits = 0u;
  if (isLive) {
    for (var f = lane % 8u; f < params.features; f = f + 8u) {
      let v = ${rows}[start + f]${centre};
      part = part + v * v;
      partDigits = partDigits | (bitcast<u32>(${rows}[start + f]) << 1u);
    }
  }
  sums[lane] = part;
  anyDigits[lane] = partDigits;
  workgroupBarrier();
  if (lane % 8u == 0u && isLive) {
    var sum = 0.0;
    var digits = 0u;
    for (var s = 0u; s < 8u; s = s + 1u) {
      sum = sum + sums[lane + s];
      digits = digits | anyDigits[lane + s];
    }
    var norm = ${result};
    if ((bitcast<u32>(sum) & 0x7fffffffu) > 0x7f800000u) { norm = sum; }
    derived[params.outBase + row] = norm;
  }`,
)}`;
}

/** Copy a part of a tensor of scalars per row: group.x strides over elements. */
export const copyCode = `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  for (var t = id.x; t < params.positions; t = t + groups.x * 64u) {
    derived[params.outBase + t] = scalars[params.queryBase + t];
  }
}
`;

/** Distances and indices of the first k of every row. */
export function resultCode(form: MetricForm, formCode: string, isFinished: boolean): string {
  const finish = isFinished ? 'value' : 'formFinish(value)';
  const distance = form.family === 'innerProduct' ? 'key ^ 0xffffffffu' : 'key';
  const empty = form.family === 'innerProduct' ? '0xff800000u' : '0x7f800000u';
  return `
${KEYS}
${isFinished ? '' : formCode}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  for (var t = id.x; t < params.rows * params.k; t = t + groups.x * 64u) {
    let pair = pairs[(t / params.k) * params.room + t % params.k];
    var bits = ${empty};
    var index = -1;
    if (pair.x < NEVER) {
      let key = pair.x;
      let value = bitcast<f32>(bitsOfKey(${distance}));
      bits = bitcast<u32>(${finish});
      // A product of -0 is 0, as on other backends.
      if (bits == 0x80000000u) { bits = 0u; }
      index = bitcast<i32>(pair.y);
    }
    distances[params.outBase + t] = bits;
    indices[params.indexBase + t] = index;
  }
}
`;
}
