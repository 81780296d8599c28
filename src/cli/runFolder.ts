import { constants, existsSync } from 'node:fs';
import { access, mkdtemp, readFile, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { checkFolderTarget, withStagedFolder, writeArtifacts } from '../data/index.js';
import { DataError, LatentError } from '../errors.js';
import type { Artifacts, Json } from '../util/artifacts.js';
import type { HistoryRow, ReportData } from './report/data.js';

/** Everything that a run leaves behind. */
export interface RunFolder {
  readonly artifacts: Artifacts;
  /** How the run was made: seed, versions, backend, data. */
  readonly run: { readonly [key: string]: Json };
  readonly history: readonly HistoryRow[];
  readonly metrics: { readonly [key: string]: Json };
  /** Further text files by name. */
  readonly files?: { readonly [name: string]: string };
  readonly report: ReportData;
}

/**
 * Find out before the work starts whether a run folder can be written there.
 * @throws DataError when the name is taken, or the system's error when the place is not writable.
 */
export async function checkRunFolder(dir: string, overwrite: boolean): Promise<void> {
  await checkFolderTarget(dir, { overwrite });
  // The nearest folder that exists; the ones between are made when the run is written.
  let parent = dirname(resolve(dir));
  while (!existsSync(parent)) parent = dirname(parent);
  await access(parent, constants.W_OK);
  // For root every place looks writable; only writing tells (read-only disks, special file systems).
  await rmdir(await mkdtemp(join(parent, '.tfjs-latent-')));
}

/**
 * Write a run folder; it appears complete under its name or not at all. When it can't be written there
 * (a full disk, say) it goes to the system's folder for temporary files, so that the work is not lost.
 * @throws DataError naming the rule that failed, and where the run is kept.
 */
export async function writeRunFolder(
  dir: string,
  folder: RunFolder,
  overwrite: boolean,
): Promise<void> {
  // Drawing needs vega, which takes a while to load.
  const { renderReport } = await import('./report/page.js');
  const page = await renderReport(folder.report);
  try {
    await stageRun(dir, folder, page, overwrite);
  } catch (error) {
    const kept = await keepElsewhere(folder, page);
    if (kept === undefined || !(error instanceof LatentError)) throw error;
    const { op, arg, expected, got } = error;
    const fix = `The finished run is kept in ${kept}.`;
    throw new DataError({ op, arg, expected, got, fix }, { cause: error });
  }
}

/** Where the run is kept after all; undefined when there is no room there either. */
async function keepElsewhere(folder: RunFolder, page: string): Promise<string | undefined> {
  try {
    const kept = join(await mkdtemp(join(tmpdir(), 'tfjs-latent-')), 'run');
    await stageRun(kept, folder, page, false);
    return kept;
  } catch {
    // The first error is the one to report.
    return undefined;
  }
}

async function stageRun(
  dir: string,
  folder: RunFolder,
  page: string,
  overwrite: boolean,
): Promise<void> {
  await withStagedFolder(
    dir,
    async (staged) => {
      await writeArtifacts(staged, folder.artifacts);
      await addRunFacts(join(staged, 'config.json'), folder.run);
      await writeFile(join(staged, 'history.csv'), formatHistory(folder.history));
      await writeFile(join(staged, 'metrics.json'), `${JSON.stringify(folder.metrics, null, 2)}\n`);
      await writeFile(join(staged, 'report.html'), page);
      for (const [name, text] of Object.entries(folder.files ?? {})) {
        await writeFile(join(staged, name), text);
      }
    },
    { overwrite },
  );
}

/** How the run was made stands beside the model's settings, not among them: a loader checks those. */
async function addRunFacts(path: string, run: RunFolder['run']): Promise<void> {
  const config = JSON.parse(await readFile(path, 'utf8')) as { [key: string]: Json };
  await writeFile(path, `${JSON.stringify({ ...config, run }, null, 2)}\n`);
}

const dataFact = z.object({ spec: z.string(), rows: z.number().int(), checksum: z.string() });
const runFactsSchema = z.object({
  run: z.object({ seed: z.number().int(), data: z.array(dataFact).nonempty() }),
});

/** What a run was trained on; undefined for a model that was saved by other means than a command. */
export interface TrainingData {
  readonly spec: string;
  readonly rows: number;
  readonly checksum: string;
  /** Of the split into rows to fit and rows held out. */
  readonly seed: number;
}

/** The training data that a run folder names: the first that its command read. */
export async function readTrainingData(dir: string): Promise<TrainingData | undefined> {
  const text = await readFile(join(dir, 'config.json'), 'utf8');
  const parsed = runFactsSchema.safeParse(JSON.parse(text));
  if (!parsed.success) return undefined;
  const { seed, data } = parsed.data.run;
  const { spec, rows, checksum } = data[0];
  return { spec, rows, checksum, seed };
}

/** History as CSV; a value that an epoch lacks is an empty cell. */
export function formatHistory(history: readonly HistoryRow[]): string {
  const columns = [...new Set(history.flatMap((row) => Object.keys(row)))];
  const lines = history.map((row) => columns.map((column) => row[column] ?? '').join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
