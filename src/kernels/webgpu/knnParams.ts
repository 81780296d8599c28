/**
 * The uniform that all shaders of the neighbour search share. Counts and offsets are in elements of
 * the arrays that they belong to.
 */
const WORDS = [
  // Rows of the state, a row per query of this block; of how many a batch has here; first one's number.
  'rows',
  'rowsPerBatch',
  'firstRow',
  'features',
  // Points of this slice, and the number of its first point.
  'points',
  'firstPoint',
  // Positions of the order in which points are visited: those of this dispatch.
  'firstPosition',
  'positions',
  // The order: groups of 2^groupShift points, in 2^runShift runs of runLength groups.
  'groupShift',
  'runShift',
  'runFactor',
  'runLength',
  // The state: candidates kept, and room, per row; neighbours asked for.
  'kept',
  'room',
  'k',
  // Where bindings of parts of tensors really begin.
  'queryBase',
  'pointBase',
  'pointBatchStride',
  'queryGroupBase',
  'pointGroupBase',
  'allowedBase',
  'allowedBatchStride',
  'allowedRowStride',
  'outBase',
  'indexBase',
  // What is derived from rows: the centre of each batch, then a few values per query and per point.
  'centreBase',
  'centreStride',
  'queryDerivedBase',
  'pointDerivedBase',
  // First row, or first entry of the list of rows, that a dispatch of a workgroup per row works on.
  'firstOfDispatch',
  // 1 at the first of several slices.
  'isFirst',
  // Points that the centre is the mean of.
  'samples',
] as const;
const INTEGERS = ['selfOffset'] as const;
/** gamma: error bound of the fast value; slack: of a certificate, relative and absolute. */
const FLOATS = ['gamma', 'relativeSlack', 'absoluteSlack'] as const;

type Name = (typeof WORDS)[number] | (typeof INTEGERS)[number] | (typeof FLOATS)[number];
export type Params = Readonly<Partial<Record<Name, number>>>;

const COUNT = Math.ceil((WORDS.length + INTEGERS.length + FLOATS.length) / 4) * 4;

/** Parameters as the bytes of the uniform; absent ones are 0. */
export function packParams(params: Params): ArrayBuffer {
  const buffer = new ArrayBuffer(COUNT * 4);
  const words = new Uint32Array(buffer);
  const integers = new Int32Array(buffer);
  const floats = new Float32Array(buffer);
  WORDS.forEach((name, i) => (words[i] = params[name] ?? 0));
  INTEGERS.forEach((name, i) => (integers[WORDS.length + i] = params[name] ?? 0));
  FLOATS.forEach((name, i) => {
    floats[WORDS.length + INTEGERS.length + i] = params[name] ?? 0;
  });
  return buffer;
}

/** Declaration of the uniform. */
export const PARAMS_CODE = `
struct Params {
${WORDS.map((name) => `  ${name} : u32,`).join('\n')}
${INTEGERS.map((name) => `  ${name} : i32,`).join('\n')}
${FLOATS.map((name) => `  ${name} : f32,`).join('\n')}
}
@group(0) @binding(0) var<uniform> params : Params;
`;
