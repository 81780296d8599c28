/** One study: options, training, scoring, page and figures. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { startBackend } from '../../src/backends/index.js';
import { writeFileAtomic } from '../../src/data/index.js';
import { drawKept, drawScores } from './figures.js';
import { renderPage } from './page.js';
import type { Claim } from './page.js';
import { summarise } from './results.js';
import type { Measure, ModelSummary } from './results.js';
import { scoreModel } from './scoring.js';
import type { Fold, PlainModel, StudyModel } from './scoring.js';

export interface StudyOptions {
  readonly quick: boolean;
  readonly seed: number;
  readonly out: string;
  readonly scoreRows: number | undefined;
  readonly trainRows: number | undefined;
  readonly epochs: number | undefined;
  /** Print the page anew from the results of the last run. */
  readonly render: boolean;
}

/** Where the pages of full runs go, and those of quick ones, which must not replace them. */
const [FULL_OUT, QUICK_OUT] = ['docs/results', 'runs/quick'];

/** Where full runs leave their numbers: too long to read, so not beside the page. */
const FULL_NUMBERS = 'runs/results';

/** Options of the command line; wrong ones end the program with what there is. */
export function studyOptions(args: readonly string[]): StudyOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
      'score-rows': { type: 'string' },
      'train-rows': { type: 'string' },
      epochs: { type: 'string' },
      render: { type: 'boolean', default: false },
    },
  });
  return {
    quick: values.quick,
    seed: count('seed', values.seed, 0) ?? 1,
    out: values.out ?? (values.quick ? QUICK_OUT : FULL_OUT),
    scoreRows: count('score-rows', values['score-rows'], 20),
    trainRows: count('train-rows', values['train-rows'], 100),
    epochs: count('epochs', values.epochs, 1),
    render: values.render,
  };
}

function count(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be an integer >= ${least}, got '${text}'`);
}

export interface Study {
  /** Stem of the files. */
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly data: string;
  readonly measure: Measure;
  readonly models: readonly StudyModel[];
  readonly plain?: PlainModel;
  readonly shortened: readonly string[];
  readonly claims: (models: readonly ModelSummary[]) => readonly Claim[];
}

/** What a run leaves beside the page. */
interface Results {
  readonly backend: string;
  readonly models: readonly ModelSummary[];
}

/** Run a study and write its page, its figures and the numbers in them. */
export async function runStudy(
  study: Study,
  folds: () => readonly Fold[],
  { out, seed, render }: StudyOptions,
): Promise<void> {
  const say = (line: string): void => console.log(line);
  const folder = out === FULL_OUT ? FULL_NUMBERS : out;
  const numbers = join(folder, `${study.name}.json`);
  const { backend, models } = render
    ? (JSON.parse(await readFile(numbers, 'utf8')) as Results)
    : await train(study, folds(), say);
  const claims = study.claims(models);
  const figures = { scores: `${study.name}Scores.svg`, kept: `${study.name}Kept.svg` };
  const trained = study.models.flatMap(({ name, trainBackend }) =>
    trainBackend === undefined || trainBackend === backend ? [] : [`${name} on ${trainBackend}`],
  );
  const text = renderPage({
    ...study,
    facts: [
      ['data', study.data],
      ['seed', String(seed)],
      ['backend', backend],
      ...(trained.length === 0 ? [] : [['trained', trained.join(', ')] as const]),
    ],
    models,
    claims,
    figures,
  });
  for (const needed of [out, folder]) await mkdir(needed, { recursive: true });
  await writeFileAtomic(numbers, JSON.stringify({ backend, models }));
  const page = join(out, `${study.name}.md`);
  const style = await resolveConfig(join(FULL_OUT, `${study.name}.md`));
  await writeFileAtomic(page, await format(text, { ...style, parser: 'markdown' }));
  await writeFileAtomic(join(out, figures.scores), await drawScores(models[0]));
  await writeFileAtomic(join(out, figures.kept), await drawKept(models[0], study.measure));
  for (const { text: claim, holds, evidence } of claims) {
    say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${claim} (${evidence})`);
  }
  say(`wrote ${page}`);
}

async function train(
  study: Study,
  folds: readonly Fold[],
  say: (line: string) => void,
): Promise<Results> {
  const { backend } = await startBackend();
  const models: ModelSummary[] = [];
  for (const model of study.models) {
    const result = await scoreModel(model, folds, study.plain, { backend, say });
    models.push(summarise(result, study.measure));
  }
  return { backend, models };
}

/** The command that printed the page, without `--render`, which prints it again. */
export function commandOf(example: string): string {
  const args = process.argv.slice(2).filter((arg) => arg !== '--render');
  return [`npx tsx examples/${example}/main.ts`, ...args].join(' ');
}
