/** The pages of the SAGE studies, from made-up scores and from a tiny model. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawKept, drawScores } from '../../examples/sagePaper/figures.js';
import { crossValidation, madeUpTable, spread } from '../../examples/sagePaper/folds.js';
import { areaClaims, tieClaim } from '../../examples/sagePaper/imageClaims.js';
import { leastSquares } from '../../examples/sagePaper/leastSquares.js';
import { monotoneClaim, renderPage, table } from '../../examples/sagePaper/page.js';
import {
  standardErrors,
  summarise,
  tiesOf,
  valueAt,
  worseSteps,
} from '../../examples/sagePaper/results.js';
import { HEAD } from '../../examples/sagePaper/scoring.js';
import type { ModelResult, ScoredSet, SetKind } from '../../examples/sagePaper/scoring.js';
import { runStudy, studyOptions } from '../../examples/sagePaper/study.js';

const ROWS = 20;
const ramp = Float64Array.from({ length: ROWS }, (_, i) => (i + 1) / ROWS);

/** Rows whose score is their place; those below `right` are predicted wrongly. */
function made(name: string, kind: SetKind, wrong: readonly number[]): ScoredSet {
  const predicted = ramp.map((_, i) => (wrong.includes(i) ? 1 : 0));
  return {
    name,
    kind,
    values: { ensemble: ramp, distance: ramp, reconstruction: ramp, task: ramp },
    ranking: ramp,
    predictions: { [HEAD]: predicted },
    targets: new Float64Array(ROWS),
    ...(kind === 'deformed'
      ? { auroc: { ensemble: 0.9, distance: 0.8, reconstruction: 0.7, task: 0.6 } }
      : {}),
  };
}

const result: ModelResult = {
  name: 'Toy',
  config: { seed: 1 },
  epochs: 3,
  trainRows: 20,
  backend: 'cpu',
  // The least trusted rows are wrong in the first set, the most trusted one in the second.
  sets: [made('test', 'test', [0, 1, 2]), made('blur', 'deformed', [ROWS - 1])],
};
const summary = summarise(result, 'accuracy');

describe('results', () => {
  it('golden: medians, quantiles and accuracy on the rows kept', () => {
    const [test] = summary.sets;
    expect(test.median.ensemble).toBeCloseTo(0.525, 12);
    expect(test.quantiles[2]).toBeCloseTo(0.525, 12);
    const [curve] = summary.curves;
    expect(valueAt(curve, 1)).toBeCloseTo(17 / 20, 12);
    expect(valueAt(curve, 0.9)).toBeCloseTo(17 / 18, 12);
    expect(valueAt(curve, 0.5)).toBe(1);
  });

  it('worseSteps finds none in a rising curve, and the largest first in a falling one', () => {
    const [rising, falling] = summary.curves;
    expect(worseSteps(rising, 'accuracy')).toEqual([]);
    const steps = worseSteps(falling, 'accuracy');
    expect(steps).toHaveLength(10);
    expect(steps[0].to.fraction).toBeCloseTo(0.5, 12);
    // As an error, the same numbers fall where the accuracy rose.
    expect(worseSteps(rising, 'rmse')).toHaveLength(3);
  });

  it('standardErrors sets a step against the chance of the rows that are left', () => {
    const [from, to] = [{ fraction: 1, rows: 110, value: 0.9 }, { fraction: 0.9, rows: 98, value: 0.5 }]; // prettier-ignore
    expect(standardErrors({ from, to }, 'accuracy')).toBeCloseTo(0.4 / Math.sqrt(0.25 / 98), 12);
    expect(standardErrors({ from, to }, 'rmse')).toBeUndefined();
  });

  it('tiesOf counts values that equal the least and the greatest, if more than one', () => {
    expect(tiesOf([1, 1, 2, 3])).toEqual({ low: 0.5, high: 0 });
    expect(tiesOf([-Infinity, -Infinity, 0, 4, 4])).toEqual({ low: 0.4, high: 0.4 });
  });
});

describe('claims', () => {
  it('the monotone claim holds for test rows and says what fails for deformed ones', () => {
    const [test, deformed] = monotoneClaim(summary, 'accuracy');
    expect([test.holds, deformed.holds]).toEqual([true, false]);
    expect(test.evidence).toContain('1 of 1 curves never get worse in 10 steps');
    expect(deformed.evidence).toContain("blur, SAGE's head, at worst 90.91 % to 90.00 % at 50 %");
  });

  it('areas are compared with what is wanted, and a set that is not there does not hold', () => {
    const claims = areaClaims(summary, [['blur', 0.9], ['blur', 0.95], ['kmnist', 0.5]]); // prettier-ignore
    expect(claims.map(({ holds }) => holds)).toEqual([true, false, false]);
    expect(claims[0].evidence).toBe('0.9000');
    expect(tieClaim(summary)).toMatchObject({ holds: true });
  });
});

describe('page', () => {
  const page = renderPage({
    title: 'Toy',
    command: 'npx tsx toy.ts --seed 7',
    facts: [['seed', '7']],
    shortened: ['all of it'],
    measure: 'accuracy',
    models: [summary],
    claims: monotoneClaim(summary, 'accuracy'),
    figures: { scores: 'scores.svg', kept: 'kept.svg' },
  });

  it('names the command, the facts, what is shortened, and every set with its numbers', () => {
    for (const part of [
      '```sh\nnpx tsx toy.ts --seed 7\n```',
      '- seed: 7',
      '- all of it',
      '- **Holds.** Toy: accuracy on test rows never gets worse',
      '- **Does not hold.** Toy: accuracy on deformed rows',
      '![Scores by set: quartiles and the inner 90 %](scores.svg)',
      'no, 10 of 10 steps, at most 0.1 standard errors',
    ]) {
      expect(page).toContain(part);
    }
    expect(page).toMatch(/\| blur .* 0\.9000 \| +0\.8000 \| +0\.7000 \| +0\.6000 \|/);
  });

  it('table aligns text left and numbers right', () => {
    const lines = table(['set', 'n'], [['a', '1'], ['bcde', '10']]).split('\n'); // prettier-ignore
    expect(lines).toEqual(['| set  |   n |', '| ---- | --: |', '| a    |   1 |', '| bcde |  10 |']);
  });

  it('figures are SVG without script that name what they show', async () => {
    const [scores, kept] = [await drawScores(summary), await drawKept(summary, 'accuracy')];
    for (const svg of [scores, kept]) {
      expect(svg).toMatch(/^<svg [^>]*xmlns="http/);
      expect(svg).not.toContain('<script');
      expect(svg).toContain('blur');
    }
    expect(scores).toContain('aria-label="Scores by set, Toy"');
    expect(kept).toContain('share of rows kept');
  });
});

describe('rows and the plain regressor', () => {
  it('every row is in one test part, and in no training part of the same fold', () => {
    const all = madeUpTable(23, 1);
    const key = (set: typeof all, i: number): string =>
      set.x.data.slice(i * 10, i * 10 + 10).join();
    const keys = (set: typeof all): string[] =>
      Array.from({ length: set.x.count }, (_, i) => key(set, i));
    const folds = crossValidation(all, 4, 1);
    expect(folds.flatMap(({ test }) => keys(test)).sort()).toEqual(keys(all).sort());
    for (const { train, test } of folds) {
      expect(train.x.count + test.x.count).toBe(23);
      expect(keys(train).filter((one) => keys(test).includes(one))).toEqual([]);
    }
    expect(keys(spread(all, 3))).toEqual([0, 7, 15].map((i) => key(all, i)));
  });

  it('least squares recovers a linear law, also with columns that sum to one', () => {
    const { x } = madeUpTable(60, 2);
    const law = (i: number): number =>
      3 + 2 * x.data[i * 10] - x.data[i * 10 + 1] + 0.5 * x.data[i * 10 + 5];
    const values = Float32Array.from({ length: 60 }, (_, i) => law(i));
    const predict = leastSquares({ x, targets: { kind: 'real', values } });
    predict(x).forEach((value, i) => expect(value).toBeCloseTo(law(i), 3));
  });
});

describe('study', () => {
  it('error: options that are not numbers in range, and unknown ones', () => {
    expect(studyOptions(['--quick', '--seed', '3'])).toMatchObject({ quick: true, seed: 3, out: 'runs/quick' }); // prettier-ignore
    expect(() => studyOptions(['--epochs', '0'])).toThrow(
      "--epochs must be an integer >= 1, got '0'",
    );
    expect(() => studyOptions(['--nonsense'])).toThrow('--nonsense');
  });

  it('trains a tiny model, writes page, figures and numbers, and prints the page again', async () => {
    const out = await mkdtemp(join(tmpdir(), 'sage-study-'));
    const all = madeUpTable(60, 1);
    const folds = crossValidation(all, 2, 1).map(({ train, test }) => ({
      train,
      sets: [
        { name: 'train', kind: 'train', ...train },
        { name: 'test', kind: 'test', ...test },
        { name: 'far', kind: 'deformed', x: { ...test.x, data: test.x.data.map((v) => v + 9) }, targets: test.targets }, // prettier-ignore
      ] as const,
    }));
    const config = { hidden: [4], headHidden: [], latentDim: 2, epochs: 2, k: 3, seed: 1 };
    const study = {
      ...{ name: 'toy', title: 'Toy', command: 'toy', data: 'made up', measure: 'rmse' as const },
      models: [{ name: 'Tiny', config }],
      plain: { name: 'least squares', fit: leastSquares },
      shortened: ['everything'],
      claims: () => [],
    };
    const options = { ...studyOptions([]), out };
    await runStudy(study, () => folds, options);
    const page = await readFile(join(out, 'toy.md'), 'utf8');
    const line = page.split('\n').find((one) => one.startsWith('| far '));
    // Both folds' rows, and an area of one: they lie far away.
    expect(line).toMatch(/^\| far +\| +60 \|.* 1\.0000 \|/);
    expect(page).toMatch(/\| test +\| least squares +\|/);
    expect(await readFile(join(out, 'toyKept.svg'), 'utf8')).toMatch(/^<svg/);
    await rm(join(out, 'toy.md'));
    const none = (): never => {
      throw new Error('trained again');
    };
    await runStudy(study, none, { ...options, render: true });
    expect(await readFile(join(out, 'toy.md'), 'utf8')).toBe(page);
    await rm(out, { recursive: true });
  });
});
