import * as vega from 'vega';
import { compile } from 'vega-lite';
import type { TopLevelSpec } from 'vega-lite';
import { histogram, rocCurve } from './curves.js';
import { SCORE_NAMES } from './data.js';
import type { ReportData } from './data.js';

/** Okabe-Ito: told apart with every common form of colour blindness. */
const COLOURS = {
  ensemble: '#000000',
  distance: '#0072b2',
  reconstruction: '#d55e00',
  task: '#009e73',
  set: '#d55e00',
  reference: '#9a9a9a',
} as const;

const BINS = 25;

/** Reference points in each small panel of the latent space. */
const PANEL_POINTS = 300;

/** Ticks of an axis over [0, 1] in a small panel. */
const TICKS: number[] = [0, 0.5, 1];

/** Ten classes need more hues than Okabe-Ito has, so each class is also named at its centre. */
const CLASS_SCHEME = 'tableau10';

const CONFIG = {
  font: 'system-ui, sans-serif',
  axis: { labelFontSize: 11, titleFontSize: 12, gridColor: '#e6e6e6' },
  header: { labelFontSize: 12, title: null },
  legend: { labelFontSize: 12, titleFontSize: 12, labelLimit: 0 },
  view: { stroke: '#cccccc' },
  // The figure carries the description; one per mark would multiply the size of the page.
  aria: false,
} as const;

/** A drawn figure: inline SVG without script or outside reference. */
export interface Chart {
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

/** The figures of a report; one whose data is missing is left out. */
export async function drawCharts(data: ReportData): Promise<Chart[]> {
  const planned = [
    lossCurves(data),
    keptCurve(data),
    scoreHistograms(data),
    rocCurves(data),
    latentClasses(data),
    latentSets(data),
  ].filter((chart) => chart !== undefined);
  return Promise.all(
    planned.map(async ({ title, caption, spec }, index) => ({
      title,
      caption,
      svg: await toSvg(spec, title, `chart${index}`),
    })),
  );
}

interface Plan {
  readonly title: string;
  readonly caption: string;
  readonly spec: TopLevelSpec;
}

/** A figure as SVG without script; `prefix` keeps its ids apart from those of others on a page. */
export async function toSvg(spec: TopLevelSpec, title: string, prefix: string): Promise<string> {
  const logger = vega.logger(vega.Warn);
  const compiled = compile({ background: 'white', config: CONFIG, ...spec }, { logger }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  // Several drawings share one page, so the ids of their clip paths must not collide.
  return svg
    .replace(/\bid="([^"]+)"/g, `id="${prefix}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}-$1)`)
    .replace(/^<svg /, `<svg role="img" aria-label="${escapeText(title)}" `);
}

/** Text made safe for HTML content and quoted attributes. */
export function escapeText(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character]);
}

function lossCurves({ history }: ReportData): Plan | undefined {
  const values = history.flatMap((row) =>
    Object.entries(row)
      .filter(([key, value]) => key !== 'epoch' && /loss/i.test(key) && Number.isFinite(value))
      .map(([key, value]) => ({ epoch: row.epoch, part: key, loss: value })),
  );
  if (values.length === 0) return undefined;
  const positive = values.every(({ loss }) => Number(loss) > 0);
  return {
    title: 'Loss per epoch',
    caption: 'Training loss and its parts, and the held-out loss where it was measured.',
    spec: {
      width: 380,
      height: 240,
      data: { values },
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'epoch', type: 'quantitative', axis: { tickMinStep: 1, format: 'd' } },
        y: {
          field: 'loss',
          type: 'quantitative',
          title: positive ? 'loss (log scale)' : 'loss',
          scale: positive ? { type: 'log' } : { zero: false },
        },
        color: { field: 'part', type: 'nominal', title: null, scale: { scheme: CLASS_SCHEME } },
        strokeDash: { field: 'part', type: 'nominal', title: null },
      },
    },
  };
}

function keptCurve({ kept, keptLabel }: ReportData): Plan | undefined {
  if (kept.length === 0) return undefined;
  return {
    title: `${capitalise(keptLabel)} of the rows kept`,
    caption: `Rows with the lowest score are dropped first; ${keptLabel} is measured on the rest.`,
    spec: {
      width: 380,
      height: 240,
      data: { values: kept.map(({ fraction, value }) => ({ fraction, value })) },
      mark: { type: 'line', color: COLOURS.distance, strokeWidth: 2 },
      encoding: {
        x: {
          field: 'fraction',
          type: 'quantitative',
          title: 'share of rows kept',
          scale: { reverse: true, zero: false },
          axis: { format: '.0%' },
        },
        y: {
          field: 'value',
          type: 'quantitative',
          title: keptLabel,
          scale: { zero: false },
        },
      },
    },
  };
}

function scoreHistograms({ sets }: ReportData): Plan | undefined {
  const shares = sets.map(({ score }) => histogram(score, BINS));
  const values = sets.flatMap(({ name }, s) =>
    shares[s].map((share, bin) => ({
      set: name,
      from: bin / BINS,
      to: (bin + 1) / BINS,
      share,
      reference: shares[0][bin],
    })),
  );
  if (values.length === 0) return undefined;
  const x = {
    field: 'from',
    type: 'quantitative',
    title: 'score',
    axis: { values: TICKS, format: '.1f' },
  } as const;
  return {
    title: 'Scores per set',
    caption: `Share of rows per bin of the ensemble score (high = like the training data). Orange: the set. Grey outline: ${sets[0].name}.`,
    spec: {
      data: { values },
      facet: { field: 'set', type: 'nominal', sort: sets.map(({ name }) => name), title: null },
      columns: 4,
      // Sets far from the training data pile up in one bin; a common scale would flatten the others.
      resolve: { scale: { y: 'independent' } },
      spec: {
        width: 150,
        height: 90,
        layer: [
          {
            mark: { type: 'bar', color: COLOURS.set },
            encoding: {
              x: { ...x, bin: 'binned' },
              x2: { field: 'to' },
              y: {
                field: 'share',
                type: 'quantitative',
                title: null,
                axis: { tickCount: 3, format: '%' },
              },
            },
          },
          {
            mark: {
              type: 'line',
              color: COLOURS.reference,
              interpolate: 'step-after',
              strokeWidth: 2,
            },
            encoding: { x, y: { field: 'reference', type: 'quantitative', title: null } },
          },
        ],
      },
    },
  };
}

function rocCurves({ sets }: ReportData): Plan | undefined {
  if (sets.length < 2) return undefined;
  const [reference, ...others] = sets;
  const values = others.flatMap((set) =>
    SCORE_NAMES.flatMap((score) =>
      rocCurve(reference.order[score], set.order[score]).map(({ x, y }, order) => ({
        set: set.name,
        score,
        order,
        x,
        y,
      })),
    ),
  );
  const axis = { values: TICKS, format: '.1f' };
  return {
    title: 'ROC per set',
    caption: `How well each score tells ${reference.name} (positive) from the set (negative); up and to the left is better.`,
    spec: {
      data: { values },
      facet: { field: 'set', type: 'nominal', sort: others.map(({ name }) => name), title: null },
      columns: 4,
      spec: {
        width: 150,
        height: 150,
        mark: { type: 'line', strokeWidth: 1.5 },
        encoding: {
          x: { field: 'x', type: 'quantitative', title: 'false positive rate', axis },
          y: { field: 'y', type: 'quantitative', title: 'true positive rate', axis },
          order: { field: 'order', type: 'quantitative' },
          color: {
            field: 'score',
            type: 'nominal',
            title: null,
            legend: { orient: 'top' },
            scale: {
              domain: [...SCORE_NAMES],
              range: SCORE_NAMES.map((name) => COLOURS[name]),
            },
          },
          strokeDash: {
            field: 'score',
            type: 'nominal',
            title: null,
            legend: { orient: 'top' },
            scale: {
              domain: [...SCORE_NAMES],
              range: [
                [1, 0],
                [6, 2],
                [3, 2],
                [1, 2],
              ],
            },
          },
        },
      },
    },
  };
}

function latentClasses({ latent, sets }: ReportData): Plan | undefined {
  const values = latent
    .filter(({ set, label }) => set === sets[0]?.name && label !== undefined)
    .map(({ x, y, label }) => ({ x, y, label: String(label) }));
  if (values.length === 0) return undefined;
  const at = (axis: 'x' | 'y', aggregate?: 'median') =>
    ({
      field: axis,
      type: 'quantitative',
      title: axis === 'x' ? 'component 1' : 'component 2',
      ...(aggregate === undefined ? {} : { aggregate }),
    }) as const;
  return {
    title: 'Latent space by class',
    caption: `A sample of ${sets[0].name} in the plane of largest variance of the latent space; each class is named at its centre.`,
    spec: {
      width: 460,
      height: 380,
      data: { values },
      layer: [
        {
          mark: { type: 'circle', size: 14, opacity: 0.6 },
          encoding: {
            x: at('x'),
            y: at('y'),
            color: {
              field: 'label',
              type: 'nominal',
              legend: null,
              scale: { scheme: CLASS_SCHEME },
            },
          },
        },
        {
          mark: { type: 'text', fontSize: 18, fontWeight: 'bold', stroke: 'white', strokeWidth: 4 },
          encoding: {
            x: at('x', 'median'),
            y: at('y', 'median'),
            text: { field: 'label' },
            detail: { field: 'label' },
          },
        },
        {
          mark: { type: 'text', fontSize: 18, fontWeight: 'bold', color: 'black' },
          encoding: {
            x: at('x', 'median'),
            y: at('y', 'median'),
            text: { field: 'label' },
            detail: { field: 'label' },
          },
        },
      ],
    },
  };
}

function latentSets({ latent, sets }: ReportData): Plan | undefined {
  // Every panel repeats the reference points.
  const reference = latent.filter(({ set }) => set === sets[0]?.name).slice(0, PANEL_POINTS);
  const others = sets.slice(1).map(({ name }) => name);
  const values = others.flatMap((name) => [
    ...reference.map(({ x, y }) => ({ panel: name, kind: 'reference', x, y })),
    ...latent
      .filter(({ set }) => set === name)
      .map(({ x, y }) => ({ panel: name, kind: 'set', x, y })),
  ]);
  if (values.length === 0) return undefined;
  const axis = { labels: false, ticks: false } as const;
  return {
    title: 'Latent space per set',
    caption: `Where the encoder puts each set (orange crosses) among ${sets[0].name} (grey points), in the same plane.`,
    spec: {
      data: { values },
      facet: { field: 'panel', type: 'nominal', sort: others, title: null },
      columns: 4,
      spec: {
        width: 150,
        height: 150,
        mark: { type: 'point', filled: false },
        encoding: {
          x: { field: 'x', type: 'quantitative', title: null, axis },
          y: { field: 'y', type: 'quantitative', title: null, axis },
          color: {
            field: 'kind',
            type: 'nominal',
            legend: null,
            scale: { domain: ['reference', 'set'], range: [COLOURS.reference, COLOURS.set] },
          },
          shape: {
            field: 'kind',
            type: 'nominal',
            legend: null,
            scale: { domain: ['reference', 'set'], range: ['circle', 'cross'] },
          },
          size: { value: 12 },
          opacity: { value: 0.6 },
        },
      },
    },
  };
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
