import { DataError, DomainError } from '../errors.js';
import type { Targets } from '../util/rows.js';
import type { TargetRule } from './rowSource.js';

/** Largest class label: labels are int32. */
const LARGEST_LABEL = 2 ** 31 - 2;

/**
 * More classes than this are never guessed: such integers are years, prices or counts. ImageNet has
 * 1,000 classes.
 */
const MOST_GUESSED_CLASSES = 1000;

function isLabel(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= LARGEST_LABEL;
}

/** The class of a row whose class is not known. */
const UNKNOWN_CLASS = -1;

function isUnknown(value: number): boolean {
  return Number.isNaN(value) || value === UNKNOWN_CLASS;
}

/** Looks at targets block by block and decides what they are. */
export class TargetScan {
  private rows = 0;
  private highest = -1;
  private bad: { readonly row: number; readonly value: number } | undefined;

  constructor(private readonly rule: TargetRule) {}

  add(values: Float64Array): void {
    for (let i = 0; i < values.length && this.bad === undefined; i++) {
      const value = values[i];
      if (this.rule.mayLack === true && isUnknown(value)) continue;
      if (!isLabel(value)) this.bad = { row: this.rows + i, value };
      else if (value > this.highest) this.highest = value;
    }
    this.rows += values.length;
    if (this.rule.kind === 'class') this.checkLabels();
  }

  /** The rule with kind and number of classes settled by everything seen so far. */
  settle(): TargetRule {
    const { kind, classes, where, mayLack = false } = this.rule;
    if (kind === 'real') return this.rule;
    const seen = this.highest + 1;
    if (kind === 'guess' && (this.bad !== undefined || seen > MOST_GUESSED_CLASSES)) {
      return { kind: 'real', where, mayLack };
    }
    return { kind: 'class', classes: classes ?? seen, where, mayLack };
  }

  private checkLabels(): void {
    const { where, classes } = this.rule;
    if (this.bad !== undefined) {
      throw new DomainError({
        op: 'targets',
        arg: where,
        expected: 'hold class labels (integers 0, 1, 2, ...)',
        got: `${this.bad.value} in row ${this.bad.row}`,
        fix:
          'Number the classes from 0, or say that the target is a real number: #task=regression.' +
          (isUnknown(this.bad.value)
            ? ' Rows without a class are for supervised with --set semiSupervised=true.'
            : ''),
      });
    }
    if (classes !== undefined && this.highest >= classes) {
      throw new DomainError({
        op: 'targets',
        arg: where,
        expected: `hold class labels below ${classes}`,
        got: String(this.highest),
        fix: 'The file is corrupt.',
      });
    }
  }
}

/** Targets under a settled rule; a class that is not known is -1, such a number NaN. */
export function toTargets(rule: TargetRule, values: Float64Array): Targets {
  if (rule.kind === 'real') return { kind: 'real', values: Float32Array.from(values) };
  const labels = Int32Array.from(values, (value) => (isUnknown(value) ? UNKNOWN_CLASS : value));
  return { kind: 'class', values: labels, classes: rule.classes ?? 0 };
}

/** @throws DataError: a stream that is read once cannot be looked through to learn what it holds. */
export function refuseToGuess(where: string): never {
  throw new DataError({
    op: 'targets',
    arg: where,
    expected: 'say what they are when they come from a stream that can be read only once',
    got: 'no task',
    fix: 'Add #task=classification or #task=regression.',
  });
}
