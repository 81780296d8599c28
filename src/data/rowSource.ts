/** Some rows of a source, in the order of the file. */
export interface RowBlock {
  readonly x: Float32Array;
  readonly count: number;
  readonly rowShape: readonly number[];
  /** Target of each row as stored, not yet checked; absent when the source has no targets. */
  readonly y?: Float64Array;
}

/** What is known about targets before they are read. */
export interface TargetRule {
  /** 'guess': classes when all values are integers from 0 up, real numbers otherwise. */
  readonly kind: 'class' | 'real' | 'guess';
  /** Number of classes where the data set fixes it. */
  readonly classes?: number;
  /** Whether rows may lack a target: NaN, and -1 for classes. Default false. */
  readonly mayLack?: boolean;
  /** What errors call the targets: a file, or a file and its column. */
  readonly where: string;
}

/** Something that gives rows block by block; every call of `blocks` starts at the first row. */
export interface RowSource {
  readonly name: string;
  /** Where the rows come from, for people. */
  readonly source: string;
  /** Number of rows where the file tells it. */
  readonly count?: number;
  readonly targets?: TargetRule;
  /** Blocks of at most `blockRows` rows. */
  blocks(blockRows: number, signal?: AbortSignal): AsyncGenerator<RowBlock>;
  /** All targets, without the rows; absent when the source can be read only once. */
  scanTargets?(signal?: AbortSignal): AsyncGenerator<Float64Array>;
}
