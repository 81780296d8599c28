import { drawAutoencoder } from './autoencoder.js';
import { drawCharts, escapeText } from './charts.js';
import type { Chart } from './charts.js';
import { SCORE_NAMES } from './data.js';
import type { ReportData } from './data.js';
import { drawDisc } from './disc.js';

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
         max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
  table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
  caption { text-align: left; color: #444; padding-bottom: .4rem; }
  th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
  th:first-child, td:first-child { text-align: left; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
  dt { color: #444; } dd { margin: 0; overflow-wrap: anywhere; }
  figure { margin: 0 0 1rem; overflow-x: auto; } figcaption { color: #444; max-width: 42rem; }
  svg { max-width: 100%; height: auto; }
`;

/**
 * The report of a run as one page: no script, no network, drawings inline. All text from outside
 * (names of sets and files) is escaped.
 */
export async function renderReport(data: ReportData): Promise<string> {
  const disc = data.disc === undefined ? [] : [drawDisc(data.disc)];
  const { autoencoder, history } = data;
  const own = autoencoder === undefined ? [] : await drawAutoencoder(autoencoder, history);
  const charts = [...disc, ...(await drawCharts(data)), ...own];
  const title = escapeText(data.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<dl>
${data.facts.map(({ label, value }) => `<dt>${escapeText(label)}</dt><dd>${escapeText(value)}</dd>`).join('\n')}
</dl>
${setsTable(data)}
${charts.map(figure).join('\n')}
</body>
</html>
`;
}

function setsTable({ sets }: ReportData): string {
  if (sets.length === 0) return '';
  const rows = sets.map(({ name, rows: count, medianScore, auroc }) => {
    const areas = SCORE_NAMES.map((score) => (auroc === undefined ? '–' : auroc[score].toFixed(4)));
    const cells = [String(count), medianScore.toFixed(3), ...areas];
    return `<tr><th scope="row">${escapeText(name)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const heads = ['set', 'rows', 'median score', ...SCORE_NAMES.map((score) => `AUROC ${score}`)];
  return `<h2>Sets</h2>
<table>
<caption>AUROC: how well a score tells ${escapeText(sets[0].name)} from the set (1 = always, 0.5 = chance). Scores: high = like the training data.</caption>
<thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

function figure({ title, caption, svg }: Chart): string {
  return `<section>
<h2>${escapeText(title)}</h2>
<figure>${svg}
<figcaption>${escapeText(caption)}</figcaption></figure>
</section>`;
}
