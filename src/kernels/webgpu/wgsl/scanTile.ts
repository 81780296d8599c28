import type { MetricForm } from '../../../specs/metricForm.js';
import { KEYS, maskCode, OFFER, VISITING_ORDER } from './candidates.js';
import type { MaskKinds } from './candidates.js';

/**
 * A workgroup compares `rows` queries with `columns` points, a thread rowsPerThread x columnsPerThread
 * of them (multiples of 4); features pass through workgroup memory `depth` at a time.
 */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly rowsPerThread: number;
  readonly columnsPerThread: number;
  readonly depth: number;
}

/** What a tile sums over the features: products of centred or plain values, or terms of a form. */
export type TileSum = 'product' | 'centredProduct' | 'difference' | 'expression';

export interface TileScan {
  readonly tile: Tile;
  readonly sum: TileSum;
  readonly form: MetricForm;
  /** Code of an expression form: formTerm0, formTerm1, formRank. */
  readonly formCode: string;
  /** Rows start at multiples of four elements, so that four are read at once. */
  readonly aligned: boolean;
  readonly masks: MaskKinds;
}

export function threadsOf({ rows, columns, rowsPerThread, columnsPerThread }: Tile): number {
  return (rows / rowsPerThread) * (columns / columnsPerThread);
}

/** Features after which sums of differences start anew: errors grow with the block, not with d. */
const BLOCK = 64;
export const HUGE = '0x1.fffffep127f';
/** Squared lengths above this make a row wild: its fast value says nothing. */
export const WILD = '0x1p120f';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (items: readonly string[]): string => items.join('\n');

/** Loads of four rows by four features, and the transposed stores; unrolled over a thread's share. */
class Loader {
  private readonly quads: number;
  private readonly items: number;
  readonly shares: number[];

  constructor(
    private readonly side: 'x' | 'y',
    private readonly scan: TileScan,
  ) {
    const { tile } = scan;
    this.quads = tile.depth / 4;
    this.items = ((side === 'x' ? tile.rows : tile.columns) / 4) * this.quads;
    this.shares = range(Math.ceil(this.items / threadsOf(tile)));
  }

  private item(share: number): string {
    return `(lane + ${share * threadsOf(this.scan.tile)}u)`;
  }

  /** Where the four rows of each share begin. */
  declarations(): string {
    const start = this.side === 'x' ? 'queryStart' : 'pointStart';
    return lines(
      this.shares.map((share) => {
        const group = `${this.item(share)} / ${this.quads}u * 4u`;
        const rows = range(4).map((i) => `${start}(batch, tile${this.side} + ${group} + ${i}u)`);
        return `  let ${this.side}From${share} = vec4<u32>(${rows.join(', ')});`;
      }),
    );
  }

  loads(): string {
    const { side, items } = this;
    const load = side === 'x' ? 'loadQuery' : 'loadPoint';
    const stride = `${side.toUpperCase()}_STRIDE`;
    return lines(
      this.shares.map((share) => {
        const item = this.item(share);
        const guard =
          (share + 1) * threadsOf(this.scan.tile) > items ? `${item} < ${items}u` : 'true';
        const values = ['x', 'y', 'z', 'w'].map(
          (c, i) => `        v${i} = ${load}(${side}From${share}.${c}, f, batch);`,
        );
        const stores = ['x', 'y', 'z', 'w'].map(
          (c, i) =>
            `      ${side}Tile[(quad * 4u + ${i}u) * ${stride} + group] = vec4<f32>(v0.${c}, v1.${c}, v2.${c}, v3.${c});`,
        );
        return `    if (${guard}) {
      let quad = ${item} % ${this.quads}u;
      let group = ${item} / ${this.quads}u;
      let f = first + quad * 4u;
      var v0 = vec4<f32>();
      var v1 = vec4<f32>();
      var v2 = vec4<f32>();
      var v3 = vec4<f32>();
      if (f < params.features) {
${lines(values)}
      }
${lines(stores)}
    }`;
      }),
    );
  }
}

function loadFunction(side: 'Query' | 'Point', scan: TileScan): string {
  const array = side === 'Query' ? 'queries' : 'points';
  const centred = scan.sum === 'centredProduct';
  const shift = (f: string): string =>
    centred ? ` - derived[params.centreBase + batch * params.centreStride + ${f}]` : '';
  if (scan.aligned) {
    const centre = centred
      ? `
  let c = params.centreBase + batch * params.centreStride + f;
  return value - vec4<f32>(derived[c], derived[c + 1u], derived[c + 2u], derived[c + 3u]);`
      : '\n  return value;';
    return `
fn load${side}(start : u32, f : u32, batch : u32) -> vec4<f32> {
  let value = ${array}[(start + f) >> 2u];${centre}
}`;
  }
  const rest = ['y', 'z', 'w'].map(
    (c, i) =>
      `  if (f + ${i + 1}u < params.features) { value.${c} = ${array}[start + f + ${i + 1}u]${shift(`f + ${i + 1}u`)}; }`,
  );
  return `
fn load${side}(start : u32, f : u32, batch : u32) -> vec4<f32> {
  var value = vec4<f32>(${array}[start + f]${shift('f')}, 0.0, 0.0, 0.0);
${lines(rest)}
  return value;
}`;
}

const C = ['x', 'y', 'z', 'w'] as const;

/** The sums of a thread: one vec4 per row and four columns, per term, blocked where that is needed. */
class Sums {
  readonly terms: number;
  readonly blocked: boolean;
  private readonly rows: number[];
  private readonly chunks: number[];

  constructor(private readonly scan: TileScan) {
    const { form, sum, tile } = scan;
    this.terms = sum === 'expression' && form.family === 'expression' ? form.terms.length : 1;
    this.blocked = sum === 'difference' || (form.family === 'expression' && form.reduce === 'sum');
    this.rows = range(tile.rowsPerThread);
    this.chunks = range(tile.columnsPerThread / 4);
  }

  private each(write: (name: string, row: number, chunk: number, term: number) => string): string {
    return lines(
      range(this.terms).flatMap((term) =>
        this.rows.flatMap((row) =>
          this.chunks.map((chunk) => write(`${term}_${row}_${chunk}`, row, chunk, term)),
        ),
      ),
    );
  }

  declarations(): string {
    return this.each((name) =>
      this.blocked
        ? `  var s${name} = vec4<f32>();\n  var p${name} = vec4<f32>();`
        : `  var s${name} = vec4<f32>();`,
    );
  }

  step(): string {
    const into = this.blocked ? 'p' : 's';
    const isMax = this.scan.form.family === 'expression' && this.scan.form.reduce === 'max';
    const { tile, sum } = this.scan;
    const tx = tile.columns / tile.columnsPerThread;
    const ty = tile.rows / tile.rowsPerThread;
    const reads = [
      ...range(tile.rowsPerThread / 4).map(
        (c) => `      let x${c} = xTile[k * X_STRIDE + ty + ${c * ty}u];`,
      ),
      ...this.chunks.map((c) => `      let y${c} = yTile[k * Y_STRIDE + tx + ${c * tx}u];`),
    ];
    const body = this.each((name, row, chunk, term) => {
      const x = `x${Math.floor(row / 4)}.${C[row % 4]}`;
      const target = `${into}${name}`;
      if (sum === 'difference') {
        return `      { let t = vec4<f32>(${x}) - y${chunk}; ${target} = fma(t, t, ${target}); }`;
      }
      if (sum === 'expression') {
        const values = C.map((c) => `formTerm${term}(${x}, y${chunk}.${c})`).join(', ');
        return isMax
          ? `      ${target} = max(${target}, vec4<f32>(${values}));`
          : `      ${target} = ${target} + vec4<f32>(${values});`;
      }
      return `      ${target} = fma(vec4<f32>(${x}), y${chunk}, ${target});`;
    });
    return lines([...reads, body]);
  }

  /** End of a block of features. */
  flush(indent: string): string {
    if (!this.blocked) return '';
    return this.each((name) => `${indent}s${name} = s${name} + p${name}; p${name} = vec4<f32>();`);
  }
}

/** Value of four pairs, smaller is nearer, of the sums; for products a lower bound: see knnPlan. */
function valueFunction(scan: TileScan): string {
  const { form } = scan;
  switch (form.family) {
    case 'squares':
      return scan.sum === 'difference'
        ? ''
        : `
fn value(sum : vec4<f32>, x : f32, y : vec4<f32>) -> vec4<f32> {
  return select((vec4<f32>(x) + y) - 2.0 * sum, vec4<f32>(${HUGE}), y > vec4<f32>(${WILD}));
}`;
    case 'innerProduct':
      return `
fn value(sum : vec4<f32>, x : f32, y : vec4<f32>) -> vec4<f32> {
  return select(-sum - x * y, vec4<f32>(-${HUGE}), y > vec4<f32>(${WILD}));
}`;
    case 'cosine':
      return `
fn value(sum : vec4<f32>, x : f32, y : vec4<f32>) -> vec4<f32> {
  return select(1.0 - sum * x * y, vec4<f32>(-${HUGE}), y > vec4<f32>(${WILD}));
}`;
    case 'expression':
      return `
fn auxOf(base : u32) -> vec4<f32> {
  var aux = vec4<f32>();
${lines(range(form.aux).map((i) => `  aux[${i}] = derived[base + ${i}u];`))}
  return aux;
}`;
  }
}

function epilogue(scan: TileScan, terms: number): string {
  const { tile, form, sum } = scan;
  const tx = tile.columns / tile.columnsPerThread;
  const ty = tile.rows / tile.rowsPerThread;
  const chunks = range(tile.columnsPerThread / 4);
  const derivedOf = (chunk: number): string =>
    C.map(
      (c) => `derived[params.pointDerivedBase + batch * params.points + near${chunk}.${c}]`,
    ).join(', ');
  const usesNorms = form.family !== 'expression' && sum !== 'difference';
  const columns = chunks.map(
    (
      c,
    ) => `  let near${c} = min(columnsAt(${columnOf(tx, `${c}u`)}), vec4<u32>(params.points - 1u));
${usesNorms ? `  let y${c} = vec4<f32>(${derivedOf(c)});` : ''}`,
  );
  const rows = range(tile.rowsPerThread).map((row) => {
    const each = chunks.map((chunk) => {
      const sums = range(terms).map((term) => `s${term}_${row}_${chunk}`);
      const place = row * chunks.length + chunk;
      return `      values[${place}] = ${valueOf(scan, sums, chunk, usesNorms)};
      if (any(values[${place}] <= vec4<f32>(limit))) { near = near | ${2 ** place}u; }`;
    });
    const own =
      form.family === 'expression'
        ? `      let a = auxOf(params.queryDerivedBase + row * ${form.aux}u);`
        : usesNorms
          ? '      let x = derived[params.queryDerivedBase + row];'
          : '';
    return `  {
    let i = ${rowOf(ty, `${row}u`)};
    if (i < params.rowsPerBatch) {
      let row = batch * params.rowsPerBatch + i;
      let limit = limitOf(row);
${own}
${lines(each)}
    }
  }`;
  });
  // Few values get further than this, so the rest of the way is one loop.
  return `${lines(columns)}
  var values : array<vec4<f32>, ${tile.rowsPerThread * chunks.length}>;
  var near = 0u;
${lines(rows)}
  while (near != 0u) {
    let place = firstTrailingBit(near);
    near = near & (near - 1u);
    let row = batch * params.rowsPerBatch + ${rowOf(ty, `(place / ${chunks.length}u)`)};
    offerFour(row, columnsAt(${columnOf(tx, `(place % ${chunks.length}u)`)}), values[place]);
  }`;
}

const rowOf = (ty: number, row: string): string =>
  `tilex + (ty + ${row} / 4u * ${ty}u) * 4u + ${row} % 4u`;
const columnOf = (tx: number, chunk: string): string => `tiley + (tx + ${chunk} * ${tx}u) * 4u`;

function valueOf(
  { form }: TileScan,
  sums: readonly string[],
  chunk: number,
  usesNorms: boolean,
): string {
  if (form.family !== 'expression') {
    return usesNorms ? `value(${sums[0]}, x, y${chunk})` : sums[0];
  }
  const values = C.map(
    (c) => `formRank(${sums[0]}.${c}, ${sums.length === 2 ? `${sums[1]}.${c}` : '0.0'}, a,
        auxOf(params.pointDerivedBase + (batch * params.points + near${chunk}.${c}) * ${form.aux}u), f32(params.features))`,
  );
  return `vec4<f32>(${values.join(', ')})`;
}

/** Functions that both sides' rows and the lists of candidates are reached by. */
const ACCESS = `
// Point of each of four columns, or the number of points where there is none.
fn columnsAt(column : u32) -> vec4<u32> {
  var at = vec4<u32>(params.points);
  for (var c = 0u; c < 4u; c = c + 1u) {
    if (column + c < params.positions) { at[c] = min(pointAt(params.firstPosition + column + c), params.points); }
  }
  return at;
}

fn queryStart(batch : u32, i : u32) -> u32 {
  let row = batch * params.rowsPerBatch + min(i, params.rowsPerBatch - 1u);
  return params.queryBase + row * params.features;
}

fn pointStart(batch : u32, column : u32) -> u32 {
  let at = pointAt(params.firstPosition + min(column, params.positions - 1u));
  return params.pointBase + batch * params.pointBatchStride + min(at, params.points - 1u) * params.features;
}

// Nothing above this value can be a neighbour of the row any more.
fn limitOf(row : u32) -> f32 {
  let last = pairs[row * params.room + params.kept - 1u].x;
  return bitcast<f32>(bitsOfKey(min(last, 0xff800000u)));
}

fn offerFour(row : u32, j : vec4<u32>, value : vec4<f32>) {
  for (var c = 0u; c < 4u; c = c + 1u) {
    if (j[c] < params.points) { offer(row, j[c], keyOf(value[c])); }
  }
}
`;

/** Body of the shader, without bindings and parameters. */
export function tileScanCode(scan: TileScan): string {
  const { tile } = scan;
  const sums = new Sums(scan);
  const x = new Loader('x', scan);
  const y = new Loader('y', scan);
  const tx = tile.columns / tile.columnsPerThread;
  const flushEvery = sums.blocked
    ? `    if ((first + ${tile.depth}u) % ${BLOCK}u == 0u) {\n${sums.flush('      ')}\n    }`
    : '';
  return `
${KEYS}
${VISITING_ORDER}
${maskCode(scan.masks)}
${OFFER}
${ACCESS}
${scan.formCode}
${loadFunction('Query', scan)}
${loadFunction('Point', scan)}
${valueFunction(scan)}

// One more than needed: the columns of a transposed store then fall into different banks.
const X_STRIDE = ${tile.rows / 4 + 1}u;
const Y_STRIDE = ${tile.columns / 4 + 1}u;
var<workgroup> xTile : array<vec4<f32>, ${tile.depth * (tile.rows / 4 + 1)}>;
var<workgroup> yTile : array<vec4<f32>, ${tile.depth * (tile.columns / 4 + 1)}>;

@compute @workgroup_size(${threadsOf(tile)})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) lane : u32) {
  let batch = group.z;
  let tilex = group.x * ${tile.rows}u;
  let tiley = group.y * ${tile.columns}u;
  let tx = lane % ${tx}u;
  let ty = lane / ${tx}u;
${x.declarations()}
${y.declarations()}
${sums.declarations()}
  for (var first = 0u; first < params.features; first = first + ${tile.depth}u) {
${x.loads()}
${y.loads()}
    workgroupBarrier();
    let depth = min(${tile.depth}u, params.features - first);
    for (var k = 0u; k < depth; k = k + 1u) {
${sums.step()}
    }
    workgroupBarrier();
${flushEvery}
  }
${sums.flush('  ')}
${epilogue(scan, sums.terms)}
}
`;
}
