import { z } from 'zod';
import { DataError, DomainError, NotFittedError, ShapeError } from '../errors.js';
import { checkFormat } from '../util/artifacts.js';
import type { Artifacts, Json } from '../util/artifacts.js';
import { checkedArrays, Fitted } from './fitted.js';
import type { ArraySpec, FittedArrays } from './fitted.js';
import { readInputs } from './inputs.js';
import type { InputName, Inputs, ScorerBank, ScorerInput } from './inputs.js';

/** What sets one scorer apart from the others. */
export interface ScorerDefinition<S extends z.ZodObject> {
  readonly name: string;
  /** Inputs of fit; a scorer that needs none is fitted from the start. */
  readonly fitNeeds: readonly InputName[];
  readonly scoreNeeds: readonly (keyof ScorerInput)[];
  readonly options: S;
  /** Arrays that fit makes. A dimension 'd' is that of features, 'classes' that of logits. */
  readonly arrays: Readonly<Record<string, ArraySpec>>;
  readonly fit?: (
    op: string,
    bank: Inputs,
    options: z.output<S>,
    /** Arrays whose tensors fit works with; freed when it ends. */
    hold: (arrays: FittedArrays) => Fitted,
  ) => Promise<FittedArrays> | FittedArrays;
  readonly score: (
    rows: Inputs,
    fitted: Fitted,
    options: z.output<S>,
  ) => Promise<Float64Array> | Float64Array;
}

/** Version of the format of a saved scorer. */
const FORMAT = 1;
const PREFIX = 'scorer.';

/**
 * An out-of-distribution score: fit it on what a model makes of its training rows, then score others.
 * The higher a score the less a row is like the training data, for every scorer.
 *
 * Rows are float32 tensors [n, d], nested arrays, or {@link Rows}; they are read to the host once, checked
 * there, and worked on in blocks, so that no temporary grows with n times the size of the bank. Matrices of
 * the bank stay on the device from the first `score` to `dispose`.
 * @example
 * const scorer = scorers.mahalanobis();
 * await scorer.fit({ features, labels });
 * const unlike = await scorer.score({ features: others });
 */
export class Scorer<S extends z.ZodObject = z.ZodObject> {
  readonly direction = 'high-is-unlike';
  /** As given, with defaults filled in; frozen. */
  readonly options: z.output<S>;
  readonly #definition: ScorerDefinition<S>;
  #fitted: Fitted | undefined;

  /** @throws DomainError naming an option that is unknown or out of range. */
  constructor(definition: ScorerDefinition<S>, options: z.input<S> | undefined) {
    this.#definition = definition;
    this.options = parseOptions(definition, options);
    if (definition.fit === undefined) this.#fitted = new Fitted({});
  }

  get name(): string {
    return this.#definition.name;
  }

  /** Inputs that `fit` and `score` must be given. */
  get needs(): { readonly fit: readonly InputName[]; readonly score: readonly InputName[] } {
    return { fit: this.#definition.fitNeeds, score: this.#definition.scoreNeeds };
  }

  get fitted(): boolean {
    return this.#fitted !== undefined;
  }

  /** A number or array that fit found, by its name in the saved file. */
  fittedValues(name: string): ArrayLike<number> {
    const { arrays } = this.#state('fittedValues');
    if (Object.hasOwn(arrays, name)) return arrays[name].data.slice();
    const known = Object.keys(arrays);
    const expected = known.length === 0 ? 'not be asked for' : `be one of ${known.join(', ')}`;
    throw new DomainError({
      op: `${this.name}.fittedValues`,
      arg: 'name',
      expected,
      got: `'${name}'`,
    });
  }

  /**
   * Learn from the training rows. A second call forgets the first; one that fails changes nothing.
   * @throws DomainError for a missing input, for NaN or infinities (with their row), labels that are no
   * classes, and what the scorer cannot work with; ShapeError for shapes that do not fit.
   */
  async fit(bank: ScorerBank): Promise<this> {
    const { fit, fitNeeds, arrays } = this.#definition;
    if (fit === undefined) return this;
    const op = `${this.name}.fit`;
    const held: Fitted[] = [];
    const hold = (parts: FittedArrays): Fitted => {
      const fitted = new Fitted(parts);
      held.push(fitted);
      return fitted;
    };
    let next: Fitted;
    try {
      const found = await fit(op, await readInputs(op, bank, fitNeeds), this.options, hold);
      next = new Fitted(checkedArrays(op, found, arrays));
    } finally {
      for (const each of held) each.dispose();
    }
    this.#fitted?.dispose();
    this.#fitted = next;
    return this;
  }

  /**
   * Score rows; the scores of a row do not depend on the others beyond rounding.
   * @returns One value per row, higher = less like the training data.
   * @throws NotFittedError before `fit`; otherwise as `fit`.
   */
  async score(rows: ScorerInput): Promise<Float64Array> {
    const op = `${this.name}.score`;
    const fitted = this.#state('score');
    const inputs = await readInputs(op, rows, this.#definition.scoreNeeds);
    this.#checkWidths(op, inputs, fitted);
    return await this.#definition.score(inputs, fitted, this.options);
  }

  /** Everything that was fitted, as plain host data. @throws NotFittedError */
  async toArtifacts(): Promise<Artifacts> {
    const { arrays } = this.#state('toArtifacts');
    return await Promise.resolve({
      model: PREFIX + this.name,
      formatVersion: FORMAT,
      config: JSON.parse(JSON.stringify(this.options)) as Record<string, Json>,
      arrays: checkedArrays(this.name, arrays, this.#definition.arrays),
    });
  }

  /** Free the device memory; a scorer with a fit has to be fitted again. */
  dispose(): void {
    this.#fitted?.dispose();
    if (this.#definition.fit !== undefined) this.#fitted = undefined;
  }

  /** @throws DataError for artifacts of another scorer or version, or that do not fit. */
  static load<S extends z.ZodObject>(
    definition: ScorerDefinition<S>,
    artifacts: Artifacts,
  ): Scorer<S> {
    const op = `${definition.name}.fromArtifacts`;
    const { config, arrays } = artifacts;
    checkFormat(op, artifacts, PREFIX + definition.name, FORMAT, 'fit the scorer again');
    const parsed = definition.options.safeParse(config);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0];
      const arg = ['config', ...path].join('.');
      throw new DataError({ op, arg, expected: 'be as toArtifacts wrote it', got: message });
    }
    const scorer = new Scorer<S>(definition, config as z.input<S>);
    scorer.#fitted = new Fitted(checkedArrays(op, arrays, definition.arrays));
    return scorer;
  }

  #state(method: string): Fitted {
    if (this.#fitted !== undefined) return this.#fitted;
    throw new NotFittedError({
      op: `${this.name}.${method}`,
      arg: 'the scorer',
      expected: 'be fitted first',
      got: 'one that is not',
      fix: 'Call fit.',
    });
  }

  /** Features and logits must be as wide as those that were fitted. */
  #checkWidths(op: string, inputs: Inputs, fitted: Fitted): void {
    for (const [arg, dim] of [
      ['features', 'd'],
      ['logits', 'classes'],
    ] as const) {
      if (!this.#definition.scoreNeeds.includes(arg)) continue;
      const got = inputs[arg].rowShape[0];
      for (const [name, { shape }] of Object.entries(this.#definition.arrays)) {
        const axis = shape.indexOf(dim);
        const want = axis < 0 ? got : fitted.shape(name)[axis];
        if (want === got) continue;
        const expected = `have ${want} columns, as in fit`;
        throw new ShapeError({ op, arg, expected, got: `${got} columns` });
      }
    }
  }
}

function parseOptions<S extends z.ZodObject>(
  { name, options: schema }: ScorerDefinition<S>,
  options: unknown,
): z.output<S> {
  const parsed = schema.safeParse(options ?? {}, { reportInput: true });
  if (parsed.success) {
    Object.freeze(parsed.data);
    return parsed.data;
  }
  const issue = parsed.error.issues[0];
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    throw new DomainError({
      op: name,
      arg: 'options',
      expected: known === '' ? 'be empty' : `have known keys only (${known})`,
      got: issue.keys.map((key) => `'${key}'`).join(', '),
    });
  }
  const path = issue.path.join('.');
  const got = typeof issue.input === 'number' ? String(issue.input) : JSON.stringify(issue.input);
  throw new DomainError({
    op: name,
    arg: path === '' ? 'options' : path,
    expected: issue.message,
    got,
  });
}

/** How a scorer is made: with options, or from what was saved. */
export interface ScorerFactory<S extends z.ZodObject> {
  (options?: z.input<S>): Scorer<S>;
  readonly fromArtifacts: (artifacts: Artifacts) => Scorer<S>;
}

/** The factory of a definition. */
export function defineScorer<S extends z.ZodObject>(
  definition: ScorerDefinition<S>,
): ScorerFactory<S> {
  const make = (options?: z.input<S>): Scorer<S> => new Scorer(definition, options);
  return Object.assign(make, {
    fromArtifacts: (artifacts: Artifacts) => Scorer.load(definition, artifacts),
  });
}

/** A number above `min`, or from it on, up to `max`. */
export function real(rule: string, accepts: (value: number) => boolean): z.ZodNumber {
  return z.number({ error: rule }).refine(accepts, { error: rule });
}

export const positive = real('be a number above 0', (v) => v > 0 && Number.isFinite(v));
export const count = z
  .number({ error: 'be an integer >= 1' })
  .int({ error: 'be an integer >= 1' })
  .min(1, { error: 'be an integer >= 1' });
/** Share of the data, in percent. */
export const percentile = real('be in [0, 100)', (v) => v >= 0 && v < 100);
