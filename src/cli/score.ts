import { columnsToRows } from '../data/index.js';
import type { CommandContext } from './context.js';
import { streamRows } from './rowStream.js';
import type { RowCommand, RowStreamOptions } from './rowStream.js';

/** Columns for a SAGE model; all scores are high for rows like the training data. */
const SCORE_COLUMNS = ['score', 'distance', 'reconstruction', 'task', 'prediction'] as const;

/** The column for an autoencoder: mean squared error of the reconstruction, high = unlike the training data. */
const ERROR_COLUMNS = ['error'] as const;

/** For one that learns targets, also the class or value that it predicts. */
const PREDICTING_COLUMNS = [...ERROR_COLUMNS, 'prediction'] as const;

const SCORE: RowCommand = {
  op: 'score',
  columns: (entry) => {
    if (entry.kind === 'sage') return SCORE_COLUMNS;
    return entry.targets === 'none' ? ERROR_COLUMNS : PREDICTING_COLUMNS;
  },
  load: (entry, artifacts) => {
    if (entry.kind === 'autoencoder') {
      const model = entry.load(artifacts);
      return {
        withTargets: false,
        make: async ({ x, condition }, signal) => {
          const predicted = await model.predict?.(x, { signal, condition });
          const errors = await model.errors(x, { signal, condition });
          return columnsToRows(predicted === undefined ? [errors] : [errors, predicted]);
        },
        dispose: () => model.dispose(),
      };
    }
    const model = entry.load(artifacts);
    return {
      // The authors' regression score compares with the true targets; no other score needs them.
      withTargets: model.config.compat,
      make: async ({ x, targets }, signal) => {
        const scores = await model.score(x, { signal, targets });
        return columnsToRows(SCORE_COLUMNS.map((name) => scores[name]));
      },
      dispose: () => model.dispose(),
    };
  },
};

/** `score <run>`: scores of rows, block by block. */
export async function score(
  run: string,
  options: RowStreamOptions,
  context: CommandContext,
): Promise<void> {
  await streamRows(SCORE, run, options, context);
}
