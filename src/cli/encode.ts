import { z } from 'zod';
import { DataError } from '../errors.js';
import type { Artifacts } from '../util/artifacts.js';
import { sizeOf } from '../util/shape.js';
import type { Rows } from '../util/rows.js';
import type { CommandContext } from './context.js';
import type { ModelEntry } from './models.js';
import { streamRows } from './rowStream.js';
import type { RowCommand, RowStreamOptions } from './rowStream.js';

/** What the columns of the output follow from. */
const sizesSchema = z.object({
  latentDim: z.number().int().min(1),
  fitted: z.object({ rowShape: z.array(z.number().int().min(1)) }),
});

/** Latents of every row: z0, z1, ... */
const ENCODE = rowCommand('encode', 'z', ({ latentDim }) => latentDim);

/** Every row encoded and decoded, its values in the order of the input: x0, x1, ... */
const RECONSTRUCT = rowCommand('reconstruct', 'x', ({ fitted }) => sizeOf(fitted.rowShape));

function rowCommand(
  op: 'encode' | 'reconstruct',
  letter: string,
  width: (sizes: z.output<typeof sizesSchema>) => number,
): RowCommand {
  return {
    op,
    columns: (_, { config }) => {
      const parsed = sizesSchema.safeParse(config);
      if (!parsed.success) {
        const { path, message } = parsed.error.issues[0];
        const arg = ['config', ...path].join('.');
        throw new DataError({ op, arg, expected: 'be as train wrote it', got: message });
      }
      return Array.from({ length: width(parsed.data) }, (_, i) => `${letter}${i}`);
    },
    load: (entry, artifacts) => {
      const model = loadModel(entry, artifacts);
      return {
        withTargets: false,
        make: async ({ x, condition }, signal) => {
          const { data, count } = await model[op](x, { signal, condition });
          return { data, count, rowShape: [data.length / count] };
        },
        dispose: () => model.dispose(),
      };
    },
  };
}

interface PassOptions {
  readonly signal: AbortSignal;
  readonly condition: Rows | undefined;
}

type Pass = (x: Rows, options: PassOptions) => Promise<Rows>;

/** What all models of the command line have in common. */
function loadModel(
  entry: ModelEntry,
  artifacts: Artifacts,
): { readonly encode: Pass; readonly reconstruct: Pass; dispose(): void } {
  const model = entry.load(artifacts);
  return {
    encode: (x, options) => model.encode(x, options),
    reconstruct: (x, options) => model.reconstruct(x, options),
    dispose: () => model.dispose(),
  };
}

/** `encode <run>`: latents of rows, block by block. */
export async function encode(
  run: string,
  options: RowStreamOptions,
  context: CommandContext,
): Promise<void> {
  await streamRows(ENCODE, run, options, context);
}

/** `reconstruct <run>`: rows as the model reconstructs them, block by block. */
export async function reconstruct(
  run: string,
  options: RowStreamOptions,
  context: CommandContext,
): Promise<void> {
  await streamRows(RECONSTRUCT, run, options, context);
}
