import { describe, expect, it } from 'vitest';
import type { ReportData, ReportSet } from '../../src/cli/report/data.js';
import { renderReport } from '../../src/cli/report/page.js';

function madeUpSet(name: string, shift: number): ReportSet {
  const score = Array.from({ length: 50 }, (_, i) => Math.min(1, i / 60 + shift));
  const order = { ensemble: score, distance: score, reconstruction: score, task: score };
  return {
    name,
    rows: 50,
    score,
    medianScore: 0.4 + shift,
    order,
    ...(shift === 0
      ? { auroc: { ensemble: 0.61, distance: 0.62, reconstruction: 0.63, task: 0.64 } }
      : {}),
  };
}

const DATA: ReportData = {
  title: 'A <title> & more',
  facts: [{ label: 'data', value: 'a "quoted" <b>name</b>' }],
  sets: [madeUpSet('digits', 0.2), madeUpSet('<script>alert(1)</script>', 0)],
  history: [
    { epoch: 1, loss: 1 },
    { epoch: 2, loss: 0.5 },
  ],
  latent: [
    { set: 'digits', label: 3, x: 0, y: 1 },
    { set: 'digits', label: 4, x: 1, y: 0 },
    { set: '<script>alert(1)</script>', x: 2, y: 2 },
  ],
  kept: [
    { fraction: 1, value: 0.97 },
    { fraction: 0.9, value: 0.99 },
  ],
  keptLabel: 'accuracy',
};

describe('renderReport', () => {
  it('is one page with all figures, no script and nothing from the network', async () => {
    const page = await renderReport(DATA);
    expect(page.match(/<svg /g)).toHaveLength(6);
    expect(page).not.toMatch(/<script/i);
    expect(page).not.toMatch(/(?:src|href)="https?:/);
    for (const title of ['Loss per epoch', 'Accuracy of the rows kept', 'ROC per set']) {
      expect(page).toContain(`<h2>${title}</h2>`);
    }
  });

  it('escapes every text from outside', async () => {
    const page = await renderReport(DATA);
    expect(page).toContain('A &lt;title&gt; &amp; more');
    expect(page).toContain('a &quot;quoted&quot; &lt;b&gt;name&lt;/b&gt;');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('shows areas in the table and gives figures unique ids', async () => {
    const page = await renderReport(DATA);
    expect(page).toContain('<td>0.6300</td>');
    const ids = [...page.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('leaves out figures without data', async () => {
    const page = await renderReport({ ...DATA, sets: [], history: [], latent: [], kept: [] });
    expect(page).not.toContain('<svg');
    expect(page).toContain('<h1>');
  });
});
