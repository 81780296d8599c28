import { DataError, DomainError, NotFittedError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import { checkRows, rowSize } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { savedArray } from '../layers/parameters.js';
import { parseDiffusionMapConfig } from './config.js';
import type { DiffusionMapConfig, DiffusionMapConfigInput } from './config.js';
import { diffusionCoordinates, extendCoordinates } from './operator.js';
import type { DiffusionCoordinates } from './operator.js';

const OP = 'DiffusionMap';

/** Name of the model in a saved file, and the version of its format. */
const [MODEL, FORMAT] = ['diffusionMap', 1] as const;

/** Rows whose kernel and eigenvectors stay within 1 GiB. */
export const MOST_DIFFUSION_ROWS = 6000;

interface State {
  readonly x: Rows;
  readonly coordinates: DiffusionCoordinates;
}

/**
 * Diffusion map: coordinates of rows by the slowest modes of a random walk among them.
 *
 * W = exp(-|x - y|^2 / e), K = W / (q q^T)^alpha with q the sums of W, P = K / (sums of K), whose rows add to
 * 1; P psi_l = lambda_l psi_l, 1 = lambda_0 > lambda_1 >= ... Coordinate l of row i is
 * lambda_l^time psi_l(i), with psi_l of mean square 1. A closed curve becomes a circle, whatever its shape in
 * space; other rows follow by Nystrom's extension. All eigenvalues in float64, on the host.
 *
 * Reference: Coifman, Lafon, Diffusion maps, 2006, sections 2 and 3.2; Mishne, Shaham, Cloninger, Cohen,
 * Diffusion nets, 2015, section 2.
 * @example
 * const map = new DiffusionMap({ dims: 2 }).fit(sampleShape('helix', 400).x);
 * map.coordinates(); // Rows [400, 2]
 */
export class DiffusionMap {
  readonly config: DiffusionMapConfig;
  #state: State | undefined;

  /**
   * @param config Any part of the settings; see {@link DiffusionMapConfig} for defaults.
   * @throws DomainError naming the field at fault; unknown fields are errors.
   */
  constructor(config: DiffusionMapConfigInput = {}) {
    this.config = parseDiffusionMapConfig(config);
  }

  /** Whether there are coordinates. */
  get fitted(): boolean {
    return this.#state !== undefined;
  }

  /** Eigenvalue of each coordinate, descending, in (0, 1). @throws NotFittedError. */
  get eigenvalues(): Float64Array {
    return this.#fitted(`${OP}.eigenvalues`).coordinates.eigenvalues.slice();
  }

  /**
   * Find the coordinates of rows. A later fit forgets this one.
   * @param x At least dims + 2 rows and at most {@link MOST_DIFFUSION_ROWS}, finite.
   * @returns This, fitted.
   * Cost: O(n^2 d + n^3) time, three matrices [n, n] in float64.
   * @throws ShapeError, DomainError for bad or too few or too many rows, before anything is computed;
   * DomainError when the rows fall apart into so many clusters, or coincide so much, that there are no `dims`
   * modes of eigenvalue above 0.
   */
  fit(x: Rows): this {
    const op = `${OP}.fit`;
    checkDiffusionRows(op, x, this.config.dims);
    const { bandwidth, eigenvalues, vectors, weights } = diffusionCoordinates(x, this.config);
    checkModes(op, eigenvalues);
    const coordinates = { bandwidth, eigenvalues, vectors, weights };
    this.#state = { x: { ...x, data: x.data.slice() }, coordinates };
    return this;
  }

  /** Coordinates of the fitted rows, shape [n, dims]. @throws NotFittedError. */
  coordinates(): Rows {
    const { x, coordinates } = this.#fitted(`${OP}.coordinates`);
    return this.#rows(coordinates.vectors, x.count, coordinates.eigenvalues);
  }

  /**
   * Coordinates of other rows by Nystrom's extension; a fitted row gets its own.
   * @throws NotFittedError; ShapeError, DomainError for bad rows.
   * Cost: O(rows n d) on the host.
   */
  transform(x: Rows): Rows {
    const op = `${OP}.transform`;
    const state = this.#fitted(op);
    checkRows(op, 'x', x, state.x.rowShape);
    const values = extendCoordinates(state.x, state.coordinates, x);
    return this.#rows(values, x.count, state.coordinates.eigenvalues);
  }

  /** Config and fitted values as plain host data. @throws NotFittedError. */
  toArtifacts(): Artifacts {
    const { x, coordinates } = this.#fitted(`${OP}.toArtifacts`);
    const { bandwidth, eigenvalues, vectors, weights } = coordinates;
    const { dims } = this.config;
    const float64 = (data: Float64Array, shape: number[]) =>
      ({ dtype: 'float64', shape, data: data.slice() }) as const;
    const size = rowSize(x);
    return {
      model: MODEL,
      formatVersion: FORMAT,
      config: { ...this.config, fitted: { rows: x.count, rowShape: [...x.rowShape], bandwidth } },
      arrays: {
        rows: { dtype: 'float32', shape: [x.count, size], data: x.data.slice() },
        eigenvalues: float64(eigenvalues, [dims]),
        vectors: float64(vectors, [x.count, dims]),
        weights: float64(weights, [x.count]),
      },
    };
  }

  /**
   * A map from {@link toArtifacts}, the same to the bit.
   * @throws DataError for another model or format, or a missing or misshapen array.
   */
  static fromArtifacts({ model, formatVersion, config, arrays }: Artifacts): DiffusionMap {
    const op = `${OP}.fromArtifacts`;
    if (model !== MODEL || formatVersion !== FORMAT) {
      const got = `'${model}', version ${formatVersion}`;
      const expected = `be '${MODEL}', version ${FORMAT}`;
      throw new DataError({ op, arg: 'model', expected, got });
    }
    const { fitted, ...settings } = config;
    const map = new DiffusionMap(settings);
    const { dims } = map.config;
    const { rows, rowShape, bandwidth } = fittedFields(op, fitted);
    const size = rowShape.reduce((product, side) => product * side, 1);
    const data = Float32Array.from(savedArray(op, arrays, 'rows', 'float32', [rows, size]));
    const read = (name: string, shape: number[]): Float64Array =>
      savedArray(op, arrays, name, 'float64', shape).slice();
    map.#state = {
      x: { data, count: rows, rowShape },
      coordinates: {
        bandwidth,
        eigenvalues: read('eigenvalues', [dims]),
        vectors: read('vectors', [rows, dims]),
        weights: read('weights', [rows]),
      },
    };
    return map;
  }

  /** Forget the coordinates. */
  dispose(): void {
    this.#state = undefined;
  }

  #rows(vectors: Float64Array, count: number, eigenvalues: Float64Array): Rows {
    const { dims, time } = this.config;
    const factors = eigenvalues.map((value) => value ** time);
    const data = Float32Array.from(vectors, (value, at) => value * factors[at % dims]);
    return { data, count, rowShape: [dims] };
  }

  #fitted(op: string): State {
    if (this.#state !== undefined) return this.#state;
    throw new NotFittedError({
      op,
      arg: 'the model',
      expected: 'be fitted first',
      got: 'a model without coordinates',
      fix: 'Call fit, or load one with DiffusionMap.fromArtifacts.',
    });
  }
}

/** @throws ShapeError, DomainError unless there are enough finite rows, and not too many. */
export function checkDiffusionRows(op: string, x: Rows, dims: number): void {
  checkRows(op, 'x', x);
  if (x.count < dims + 2 || x.count > MOST_DIFFUSION_ROWS) {
    const expected = `have dims + 2 = ${dims + 2} to ${MOST_DIFFUSION_ROWS} rows`;
    throw new DomainError({ op, arg: 'x', expected, got: String(x.count) });
  }
}

/** @throws DomainError when an eigenvalue that coordinates divide by is not above rounding. */
export function checkModes(op: string, eigenvalues: Float64Array): void {
  const last = eigenvalues[eigenvalues.length - 1];
  if (last > 1e-9) return;
  throw new DomainError({
    op,
    arg: 'config.dims',
    expected: 'be at most the number of modes with an eigenvalue above 1e-9',
    got: `${eigenvalues.length}, and the last eigenvalue is ${last.toPrecision(3)}`,
    fix: 'Ask for fewer dims, or set a smaller bandwidth.',
  });
}

interface FittedFields {
  readonly rows: number;
  readonly rowShape: readonly number[];
  readonly bandwidth: number;
}

function fittedFields(op: string, value: unknown): FittedFields {
  const fields = (value ?? {}) as Partial<FittedFields>;
  const { rows, rowShape, bandwidth } = fields;
  const isCount = (count: unknown): boolean => Number.isInteger(count) && Number(count) >= 1;
  if (
    rows !== undefined &&
    rowShape !== undefined &&
    bandwidth !== undefined &&
    isCount(rows) &&
    Array.isArray(rowShape) &&
    rowShape.every(isCount) &&
    bandwidth > 0
  ) {
    return { rows, rowShape, bandwidth };
  }
  const got = JSON.stringify(value);
  throw new DataError({ op, arg: 'config.fitted', expected: 'be as toArtifacts wrote it', got });
}
