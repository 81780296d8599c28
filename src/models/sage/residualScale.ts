/** Mean and standard deviation of values; a deviation of 0 counts as 1. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** What reconstruction errors of training rows look like: what those of new rows are compared with. */
export interface ResidualScale {
  /** Mean squared residual of every feature of a row plus the floor, > 0. */
  readonly variance: Float64Array;
  /** log of the mean squared residual of a row. */
  readonly error: Spread;
  /** log of the mean of its squared residuals over `variance`. */
  readonly scaled: Spread;
}
