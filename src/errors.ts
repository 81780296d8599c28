/** Structured description of a rejected argument; the message of every error is built from it. */
export interface ErrorFields {
  /** Operation, command or file reader that rejected the value. */
  readonly op: string;
  /** Name of the argument (or file) at fault. */
  readonly arg: string;
  /** The rule, phrased so that it follows the word "must". */
  readonly expected: string;
  /** What was received, already formatted for a person. */
  readonly got: string;
  /** How to mend it, one sentence. */
  readonly fix?: string;
}

/** Base class: `<op>: <arg> must <expected>, got <got>. <fix>` */
export abstract class LatentError extends Error {
  readonly op: string;
  readonly arg: string;
  readonly expected: string;
  readonly got: string;
  readonly fix: string | undefined;

  constructor(fields: ErrorFields, options?: ErrorOptions) {
    const fix = fields.fix === undefined ? '' : ` ${fields.fix}`;
    super(`${fields.op}: ${fields.arg} must ${fields.expected}, got ${fields.got}.${fix}`, options);
    this.op = fields.op;
    this.arg = fields.arg;
    this.expected = fields.expected;
    this.got = fields.got;
    this.fix = fields.fix;
  }
}

/** Rank, dimension or length does not fit. */
export class ShapeError extends LatentError {
  override readonly name = 'ShapeError';
}

/** Element type does not fit. */
export class DtypeError extends LatentError {
  override readonly name = 'DtypeError';
}

/** A value lies outside the domain of its argument. */
export class DomainError extends LatentError {
  override readonly name = 'DomainError';
}

/** A model was used before `fit`. */
export class NotFittedError extends LatentError {
  override readonly name = 'NotFittedError';
}

/** What was asked for is not available on this backend, platform or machine. */
export class UnsupportedError extends LatentError {
  override readonly name = 'UnsupportedError';
}

/** A file or data set is missing, corrupt, truncated, or of another version. */
export class DataError extends LatentError {
  override readonly name = 'DataError';
}

/** A file or data set is not there at all. */
export class MissingDataError extends DataError {}
