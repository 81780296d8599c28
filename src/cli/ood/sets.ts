import { DEFORMATIONS, parseNoiseSpec, splitSteps } from '../../data/index.js';
import type { ImageStep } from '../../data/index.js';
import { DomainError } from '../../errors.js';

/** Kinds of sets, each with a mean of its own; 'ood' holds sets of no stated distance. */
export const GROUPS = ['near', 'far', 'shifted', 'ood'] as const;
export type GroupName = (typeof GROUPS)[number];

/** Sets to tell from the ID set, as the user names them. */
export type GivenSets = Readonly<Partial<Record<GroupName, readonly string[]>>>;

/** A set to score. */
export interface OodSet {
  readonly spec: string;
  /** Undefined for the ID set. */
  readonly group: GroupName | undefined;
  readonly steps: readonly ImageStep[];
}

/** Sets that are made of the same rows, which are read once for all of them. */
export interface SetFamily {
  readonly base: string;
  readonly sets: readonly OodSet[];
}

/** A set that was asked for and is not there. */
export interface MissingSet {
  readonly spec: string;
  readonly group: GroupName;
  readonly reason: string;
}

/** ID set and sets of a run that was trained on MNIST. */
export const MNIST_ID = 'mnist:test';
export const MNIST_SETS: GivenSets = {
  near: ['kmnist:test', 'fashion-mnist:test'],
  far: ['cifar10:test@grey@28x28', 'noise:uniform', 'noise:gaussian'],
  shifted: DEFORMATIONS.map((kind) => `${MNIST_ID}@${kind}`),
};

/** Specs by which a run says that it was trained on MNIST. */
export const isMnist = (spec: string | undefined): boolean =>
  spec === 'mnist' || spec === 'mnist:train';

/**
 * All sets by the rows that they are made of, the ID set's family first.
 * @throws DomainError when there is none, one is named twice, or one is the ID set.
 */
export function familiesOf(id: string, given: GivenSets): SetFamily[] {
  const families = new Map<string, OodSet[]>();
  const put = (spec: string, group: GroupName | undefined): void => {
    const { base, steps } = splitSteps(spec);
    const sets = families.get(base) ?? [];
    families.set(base, [...sets, { spec, group, steps }]);
  };
  const fail = (arg: string, expected: string, got: string): DomainError =>
    new DomainError({ op: 'eval ood', arg, expected, got });
  put(id, undefined);
  const seen = new Set<string>();
  for (const group of GROUPS) {
    for (const spec of given[group] ?? []) {
      if (spec === id) throw fail(`--${group}`, 'differ from the ID set', `'${spec}'`);
      if (seen.has(spec)) throw fail(`--${group}`, 'name each set once', `'${spec}' twice`);
      seen.add(spec);
      put(spec, group);
    }
  }
  if (seen.size === 0) {
    const options = '--near, --far, --shifted or --ood';
    throw fail(options, 'name a set', 'none');
  }
  return [...families].map(([base, sets]) => ({ base, sets }));
}

/** The spec that is opened: noise gets the shape of the model's rows and the number of the ID set's. */
export function completeSpec(base: string, rowShape: readonly number[], rows: number): string {
  const noise = parseNoiseSpec(base);
  if (noise === undefined) return base;
  const { kind, shape = rowShape, rows: count = rows } = noise;
  return `noise:${kind}#shape=${shape.join('x')}#rows=${count}`;
}
