import type { Sage } from '../../models/index.js';
import type { TrainingData } from '../runFolder.js';
import type { Panel } from './panel.js';

/** A model under test with its scorers. */
export interface LoadedRun {
  readonly dir: string;
  readonly model: Sage;
  /** Shape of its rows. */
  readonly rowShape: readonly number[];
  readonly panel: Panel;
  readonly trained: TrainingData | undefined;
}

/** How data is read. */
export interface PassOptions {
  readonly blockRows: number;
  readonly dataDir?: string | undefined;
  /** What targets of files are, as in training. */
  readonly task: 'auto' | 'classification' | 'regression';
  /** Of noise and deformations. */
  readonly seed: number;
  /** Rows of each set, from the first. */
  readonly scoreRows?: number | undefined;
}
