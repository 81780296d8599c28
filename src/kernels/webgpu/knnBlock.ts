import type { TensorInfo } from '@tensorflow/tfjs';
import type { KnnCall } from './knnCall.js';
import { packParams } from './knnParams.js';
import type { Params } from './knnParams.js';
import { PRECISE_OPERATIONS, piecesOf, slabsOf, visitingOrder } from './knnPlan.js';
import type { KnnPlan } from './knnPlan.js';
import type { ArrayName, KnnProgram, KnnPrograms } from './knnPrograms.js';
import { elementsOf } from './ownPipelines.js';
import type { BufferPart, DeviceWork, Workgroups } from './ownPipelines.js';
import { NORM_GRID, NORM_ROWS, PAIR_THREADS } from './wgsl/knnRows.js';

/** Which queries a block holds: some rows of one batch, or all rows of several. */
export interface BlockPlace {
  readonly firstBatch: number;
  readonly batches: number;
  readonly firstRow: number;
  readonly rowsPerBatch: number;
}

interface Slice {
  readonly first: number;
  readonly count: number;
}

type Parts = Partial<Record<ArrayName, BufferPart>>;

const SAMPLES = 1024;
/** Listed rows of a dispatch, and workgroups over the points that share a row. */
const LISTED_ROWS = 1024;
const MOST_STRIDES = 256;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Records the search of one block of queries. */
export class KnnBlock {
  private readonly rows: number;
  private readonly q: number;
  private readonly d: number;
  private readonly n: number;
  private readonly parts: Parts = {};
  private readonly params: Record<string, number>;
  private readonly slices: Slice[] = [];
  /** Elements of `derived`: centres, then values of queries, then values of points. */
  private readonly queryDerived: number;
  private readonly pointDerived: number;
  private readonly centreStride: number;

  constructor(
    private readonly call: KnnCall,
    private readonly results: readonly TensorInfo[],
    private readonly plan: KnnPlan,
    private readonly programs: KnnPrograms,
    private readonly work: DeviceWork,
    private readonly place: BlockPlace,
  ) {
    const { inputs, attrs } = call;
    [, this.q, this.d] = inputs.queries.shape;
    this.n = inputs.points.shape[1];
    this.rows = place.batches * place.rowsPerBatch;
    this.centreStride = ceilDiv(this.d, 16) * 16;
    this.queryDerived = plan.sum === 'centredProduct' ? this.centreStride * place.batches : 0;
    this.pointDerived = this.queryDerived + this.rows * this.perRow;
    this.params = {
      rows: this.rows,
      rowsPerBatch: place.rowsPerBatch,
      firstRow: place.firstRow,
      features: this.d,
      kept: plan.kept,
      room: plan.room,
      k: attrs.k,
      selfOffset: attrs.selfOffset ?? 0,
      gamma: plan.gamma,
      relativeSlack: plan.relativeSlack,
      absoluteSlack: plan.absoluteSlack,
      centreStride: this.centreStride,
      queryDerivedBase: this.queryDerived,
      pointDerivedBase: this.pointDerived,
    };
    for (let first = 0; first < this.n; first += plan.pointsPerSlice) {
      this.slices.push({ first, count: Math.min(plan.pointsPerSlice, this.n - first) });
    }
  }

  /** Values derived from each row. */
  private get perRow(): number {
    const { form } = this.call.attrs;
    return form.family === 'expression' ? form.aux : this.plan.usesNorms ? 1 : 0;
  }

  record(): void {
    this.bindQueries();
    this.eachRow(this.programs.clear(false));
    for (const slice of this.slices) {
      this.bindSlice(slice);
      this.derive(slice);
      for (const slab of slabsOf(this.total(slice), this.plan)) this.scanSlab(slab);
    }
    if (this.plan.rerank) this.rerank();
    if (this.plan.certify && this.plan.kept < this.n) this.certify();
    this.recordResult();
  }

  private total({ count }: Slice): number {
    return visitingOrder(count, this.d).total;
  }

  /** Bind elements of a tensor under a name; an empty one is never read, but must be there. */
  private bind(name: ArrayName, tensor: TensorInfo, first: number, count: number): number {
    if (count === 0) {
      this.parts[name] = this.work.scratch(16);
      return 0;
    }
    const { part, base } = elementsOf(
      this.call.backend.device,
      this.work.tensor(tensor),
      first,
      count,
    );
    this.parts[name] = part;
    return base;
  }

  private bindQueries(): void {
    const { work, rows, params, parts, place } = this;
    const { inputs } = this.call;
    const firstRow = place.firstBatch * this.q + place.firstRow;
    params.queryBase = this.bind('queries', inputs.queries, firstRow * this.d, rows * this.d);
    parts.pairs = work.scratch(rows * this.plan.room * 8);
    parts.counts = work.scratch((2 * rows + 1) * 4);
    if (inputs.queryGroups !== undefined) {
      params.queryGroupBase = this.bind('queryGroups', inputs.queryGroups, firstRow, rows);
    }
    if (inputs.allowed !== undefined) this.bindAllowed(inputs.allowed);
    const derived =
      this.pointDerived + Math.min(this.n, this.plan.pointsPerSlice) * place.batches * this.perRow;
    if (derived > 0) parts.derived = work.scratch(derived * 4);
  }

  private bindAllowed(allowed: TensorInfo): void {
    const { place, params } = this;
    const [batches, rows, words] = allowed.shape;
    const batchStride = batches > 1 ? rows * words : 0;
    const rowStride = rows > 1 ? words : 0;
    const first = place.firstBatch * batchStride + place.firstRow * rowStride;
    const last =
      first + (place.batches - 1) * batchStride + (place.rowsPerBatch - 1) * rowStride + words;
    params.allowedBase = this.bind('allowed', allowed, first, last - first);
    params.allowedBatchStride = batchStride;
    params.allowedRowStride = rowStride;
  }

  private bindSlice({ first, count }: Slice): void {
    const { place, params, n, d } = this;
    const { inputs } = this.call;
    const from = place.firstBatch * n + first;
    const points = (place.batches - 1) * n + count;
    params.pointBase = this.bind('points', inputs.points, from * d, points * d);
    params.pointBatchStride = n * d;
    params.points = count;
    params.firstPoint = first;
    if (inputs.pointGroups !== undefined) {
      params.pointGroupBase = this.bind('pointGroups', inputs.pointGroups, from, points);
    }
    const { groupShift, runShift, runFactor, runLength } = visitingOrder(count, d);
    Object.assign(params, { groupShift, runShift, runFactor, runLength });
  }

  private dispatch(program: KnnProgram, more: Params, workgroups: Workgroups): void {
    const parts = program.arrays.map((name) => {
      const part = this.parts[name];
      if (part === undefined) throw new Error(`${program.key}: no memory for ${name}`);
      return part;
    });
    this.work.dispatch(program, packParams({ ...this.params, ...more }), parts, workgroups);
  }

  /** A workgroup per row. */
  private eachRow(program: KnnProgram, more: Params = {}): void {
    this.dispatch(program, more, [this.rows, 1, 1]);
  }

  /** Centre, lengths of rows, or copies of their scalars: what scans of this slice read besides rows. */
  private derive({ first, count }: Slice): void {
    const { plan, programs, place } = this;
    const { inputs } = this.call;
    if (inputs.queryAux !== undefined && inputs.pointAux !== undefined) {
      if (first === 0) {
        const row = place.firstBatch * this.q + place.firstRow;
        this.copy(inputs.queryAux, row, this.rows, this.queryDerived);
      }
      for (let b = 0; b < place.batches; b++) {
        const from = (place.firstBatch + b) * this.n + first;
        this.copy(inputs.pointAux, from, count, this.pointDerived + b * count * this.perRow);
      }
    }
    if (!plan.usesNorms) return;
    if (first === 0) {
      if (plan.sum === 'centredProduct') {
        const samples = Math.min(SAMPLES, count);
        this.dispatch(programs.centre(), { samples }, [ceilDiv(this.d, 16), 1, place.batches]);
      }
      this.norms('query', this.rows, this.queryDerived);
    }
    this.norms('point', count * place.batches, this.pointDerived);
  }

  private norms(side: 'query' | 'point', rows: number, outBase: number): void {
    const groups = ceilDiv(rows, NORM_ROWS);
    const grid = [Math.min(groups, NORM_GRID), ceilDiv(groups, NORM_GRID), 1] as const;
    this.dispatch(this.programs.norms(side), { outBase }, grid);
  }

  private copy(scalars: TensorInfo, firstRow: number, rows: number, outBase: number): void {
    const count = rows * this.perRow;
    const queryBase = this.bind('scalars', scalars, firstRow * this.perRow, count);
    const groups = Math.min(1024, ceilDiv(count, 64));
    this.dispatch(this.programs.copy(), { queryBase, positions: count, outBase }, [groups, 1, 1]);
  }

  private scanSlab(slab: readonly [number, number]): void {
    const { plan, programs, place, rows, d } = this;
    const whole = { firstPosition: slab[0], positions: slab[1] - slab[0] };
    if (plan.precise) {
      for (const [from, to] of piecesOf(
        slab,
        rows,
        PRECISE_OPERATIONS * (d + 4),
        PAIR_THREADS,
        plan,
      )) {
        const strides = Math.min(MOST_STRIDES, ceilDiv(to - from, PAIR_THREADS));
        this.dispatch(programs.pairScan(false), { firstPosition: from, positions: to - from }, [
          rows,
          strides,
          1,
        ]);
        this.maySubmit();
      }
    } else {
      const { tile } = plan;
      for (const [from, to] of piecesOf(slab, rows, 2 * (d + 8), tile.columns, plan)) {
        this.dispatch(programs.tileScan(), { firstPosition: from, positions: to - from }, [
          ceilDiv(place.rowsPerBatch, tile.rows),
          ceilDiv(to - from, tile.columns),
          place.batches,
        ]);
        this.maySubmit();
      }
    }
    if (whole.positions > plan.room - plan.kept) {
      this.eachRow(programs.revisit(plan.precise, false), whole);
    }
    this.eachRow(programs.select(false));
  }

  /** Long searches go to the device in portions. */
  private maySubmit(): void {
    if (this.work.recorded >= 64) this.work.submit();
  }

  private rerank(): void {
    const { plan, programs, rows, d } = this;
    this.parts.bounds = this.work.scratch(rows * 4);
    this.slices.forEach((slice, i) => {
      if (this.slices.length > 1) this.rebind(slice);
      const operations = PRECISE_OPERATIONS * 3 * (d + 4) * plan.kept;
      for (const [from, to] of piecesOf([0, rows], 1, operations, 1, plan)) {
        const more = { firstOfDispatch: from, isFirst: i === 0 ? 1 : 0 };
        this.dispatch(programs.rerank(), more, [to - from, 1, 1]);
      }
    });
    this.eachRow(programs.resort());
  }

  /** Bind a slice again, with the scalars of its rows. */
  private rebind(slice: Slice): void {
    this.bindSlice(slice);
    if (this.call.attrs.form.family === 'expression') this.derive(slice);
  }

  /** Rows without a certificate are listed, and searched in double-float; how many, the device knows. */
  private certify(): void {
    const { programs, plan, rows, d, work } = this;
    this.dispatch(programs.certify(), {}, [ceilDiv(rows, 64), 1, 1]);
    const indirect = new IndirectWorkgroups(rows);
    const steps: (() => void)[] = [];
    const eachListed = (program: KnnProgram, strides: number, more: Params): void => {
      for (let first = 0; first < rows; first += LISTED_ROWS) {
        const place = indirect.place(first, strides);
        steps.push(() => {
          this.dispatch(program, { ...more, firstOfDispatch: first }, indirect.at(place));
          this.maySubmit();
        });
      }
    };
    eachListed(programs.clear(true), 1, {});
    const operations = PRECISE_OPERATIONS * (d + 4);
    const listed = Math.min(rows, LISTED_ROWS);
    for (const slice of this.slices) {
      if (this.slices.length > 1) steps.push(() => this.rebind(slice));
      for (const slab of slabsOf(this.total(slice), plan)) {
        for (const [from, to] of piecesOf(slab, listed, operations / 4, PAIR_THREADS, plan)) {
          const strides = Math.min(MOST_STRIDES, ceilDiv(to - from, PAIR_THREADS));
          const piece = { firstPosition: from, positions: to - from };
          eachListed(programs.pairScan(true), strides, piece);
        }
        const whole = { firstPosition: slab[0], positions: slab[1] - slab[0] };
        if (whole.positions > plan.room - plan.kept) {
          eachListed(programs.revisit(true, true), 1, whole);
        }
        eachListed(programs.select(true), 1, {});
      }
    }
    this.parts.plan = work.filled(indirect.plan());
    this.parts.workgroups = work.scratch(indirect.plan().byteLength);
    indirect.workgroups = this.parts.workgroups;
    this.dispatch(programs.workgroups(), { positions: indirect.count }, [
      ceilDiv(indirect.count, 64),
      1,
      1,
    ]);
    for (const step of steps) step();
  }

  private recordResult(): void {
    const { call, place, rows, params } = this;
    const { k } = call.attrs;
    const first = (place.firstBatch * this.q + place.firstRow) * k;
    params.outBase = this.bind('distances', this.results[0], first, rows * k);
    params.indexBase = this.bind('indices', this.results[1], first, rows * k);
    const groups = Math.min(4096, ceilDiv(rows * k, 64));
    this.dispatch(this.programs.result(), {}, [groups, 1, 1]);
  }
}

/** Numbers of workgroups that the device writes: for parts of the list of rows and widths over points. */
class IndirectWorkgroups {
  private readonly entries: number[] = [];
  private readonly places = new Map<string, number>();
  workgroups: BufferPart | undefined;

  constructor(private readonly rows: number) {}

  get count(): number {
    return this.places.size;
  }

  /** Number of the entry for listed rows from `first` on, and `strides` workgroups for each. */
  place(first: number, strides: number): number {
    const key = `${first},${strides}`;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const place = this.places.size;
    this.places.set(key, place);
    this.entries.push(first, Math.min(LISTED_ROWS, this.rows - first), strides);
    return place;
  }

  plan(): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(this.entries);
  }

  at(place: number): BufferPart {
    if (this.workgroups === undefined)
      throw new Error('the plan of workgroups is not on the device');
    return { buffer: this.workgroups.buffer, offset: place * 12, size: 12 };
  }
}
