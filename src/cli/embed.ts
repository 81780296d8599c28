import * as tf from '@tensorflow/tfjs';
import { loadWordnet, readEdgeList, transitiveClosure } from '../data/index.js';
import type { WordnetSet } from '../data/index.js';
import { DomainError } from '../errors.js';
import { reconstruction } from '../metrics/index.js';
import type { Reconstruction } from '../metrics/index.js';
import { HyperbolicEmbedding } from '../models/index.js';
import type { TrainProgress } from '../models/index.js';
import { checkCheckpoint, RunCheckpoint } from './checkpoint.js';
import type { Resumed, RunIdentity } from './checkpoint.js';
import type { CommandContext } from './context.js';
import { discOf } from './embeddingDisc.js';
import { digestOf } from './identity.js';
import type { HistoryRow } from './report/data.js';
import { checkRunFolder, writeRunFolder } from './runFolder.js';
import { applySettings, readSettings } from './settings.js';
import type { Settings } from './settings.js';
import { resumedRun, startForCommand, versionFacts } from './steps.js';
import { formatSeconds } from './terminal.js';

/** Names of the geometries on the command line. */
export const EMBED_GEOMETRIES = {
  poincare: 'poincare',
  lorentz: 'lorentz',
  'log-polar': 'logPolar',
} as const;

export interface EmbedOptions {
  readonly edges?: string;
  readonly wordnet?: WordnetSet;
  readonly closure?: boolean;
  readonly out: string;
  readonly dim?: number;
  readonly lr?: number;
  readonly epochs?: number;
  readonly seed?: number;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly backend?: string;
  readonly dataDir?: string;
  readonly overwrite?: boolean;
  readonly resume?: boolean;
  readonly checkpointSeconds: number;
}

const OP = 'embed';

/** `embed [geometry]`: hyperbolic points for the nodes of a hierarchy, and a run folder. */
export async function embed(
  geometry: string | undefined,
  options: EmbedOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const start = performance.now();
  const model = new HyperbolicEmbedding(await settingsOf(geometry, options));
  const { overwrite = false, resume = false, out } = options;
  await checkRunFolder(out, overwrite);
  checkCheckpoint(out, { resume, overwrite, op: 'embed' });
  const graph = await loadGraph(options, context);
  const backend = await startForCommand(options.backend, context);
  const identity = {
    model: 'hyperbolicEmbedding',
    settings: { ...model.config } as RunIdentity['settings'],
    data: graph.spec,
    rows: digestOf([graph.edges]),
  };
  const checkpoint = new RunCheckpoint(out, identity, 'embed');
  const resumed = await resumedRun(checkpoint, resume, context);
  const history = await fit(model, graph, checkpoint, resumed, options, context).catch(
    (error: unknown) => {
      if (checkpoint.exists) {
        terminal.warn(
          `kept ${checkpoint.folder}: the same command with --resume goes on from there`,
        );
      }
      throw error;
    },
  );
  const { map, meanRank } = await measure(model, graph, context);
  const seconds = (performance.now() - start) / 1000;
  const [nodes, edges] = [graph.names.length, graph.edges.length / 2];
  const { dim, seed } = model.config;
  const metrics = { map, meanRank, seconds, dim, nodes, edges };
  const facts = { spec: graph.spec, nodes, edges, source: graph.source, sha256: identity.rows };
  await writeRunFolder(
    out,
    {
      artifacts: await model.toArtifacts(),
      run: { seed, backend, versions: versionFacts(), data: [facts] },
      history,
      metrics: { ...metrics, backend },
      files: { 'embedding.tsv': table(model, graph.names) },
      report: {
        title: `${graph.spec} in hyperbolic space`,
        facts: [
          { label: 'data', value: `${graph.spec} (${nodes} nodes, ${edges} edges)` },
          { label: 'geometry', value: `${model.config.geometry}, ${dim} dimensions` },
          { label: 'backend', value: backend },
          { label: 'reconstruction', value: shown({ map, meanRank }) },
          { label: 'time', value: formatSeconds(seconds) },
        ],
        sets: [],
        latent: [],
        kept: [],
        keptLabel: '',
        history,
        ...(dim === 2 && { disc: discOf(model, graph) }),
      },
    },
    overwrite,
  );
  await checkpoint.remove();
  if (terminal.json) terminal.print(JSON.stringify(metrics, null, 2));
  else terminal.print(`${shown({ map, meanRank })} (${nodes} nodes, ${edges} edges)`);
  terminal.say(`wrote ${out} (open report.html)`);
}

const shown = ({ map, meanRank }: Pick<Reconstruction, 'map' | 'meanRank'>): string =>
  `MAP ${map.toFixed(4)}, mean rank ${meanRank.toFixed(3)}`;

/** The hierarchy to embed: pairs (node, ancestor). */
interface Graph {
  readonly spec: string;
  readonly source: string;
  readonly names: readonly string[];
  readonly edges: Int32Array;
}

async function loadGraph(
  { edges: path, wordnet, closure = false, dataDir }: EmbedOptions,
  { terminal, signal }: CommandContext,
): Promise<Graph> {
  if ((path === undefined) === (wordnet === undefined)) {
    throw new DomainError({
      op: OP,
      arg: 'the hierarchy',
      expected: 'be given by either --edges or --wordnet',
      got: path === undefined ? 'neither' : 'both',
    });
  }
  const step = terminal.step('load', 'edges');
  try {
    const graph = await read();
    step.end(`${graph.names.length} nodes, ${graph.edges.length / 2} edges from ${graph.source}`);
    return graph;
  } catch (error) {
    step.cancel();
    throw error;
  }

  async function read(): Promise<Graph> {
    if (path === undefined) {
      const set = wordnet ?? 'mammals';
      const { names, edges, source } = await loadWordnet(set, { dataDir, signal });
      return { spec: `wordnet ${set}`, source, names, edges };
    }
    const { names, edges } = await readEdgeList(path, { selfLoops: 'drop', signal });
    const pairs = closure ? transitiveClosure(edges, names.length, names) : edges;
    return { spec: closure ? `closure of ${path}` : path, source: path, names, edges: pairs };
  }
}

/** Fit with a progress bar; returns one row per epoch. */
async function fit(
  model: HyperbolicEmbedding,
  { names, edges }: Graph,
  checkpoint: RunCheckpoint,
  resumed: Resumed | undefined,
  { checkpointSeconds }: EmbedOptions,
  { terminal, signal }: CommandContext,
): Promise<HistoryRow[]> {
  const history: HistoryRow[] = [...(resumed?.history ?? [])];
  const step = terminal.step('embed', 'batches');
  const onProgress = ({ epoch, epochs, stage, loss, ...at }: TrainProgress): void => {
    // The last report of an epoch covers all its batches and replaces the earlier ones.
    history[epoch - 1] = { epoch, stage, loss };
    step.update(at.step, at.steps, `| epoch ${epoch}/${epochs}, loss ${loss.toPrecision(3)}`);
  };
  try {
    await model.fit(edges, {
      nodes: names.length,
      signal,
      onProgress,
      resume: resumed?.snapshot,
      checkpoint: {
        everySeconds: checkpointSeconds,
        save: (snapshot) => checkpoint.save(snapshot, history),
      },
    });
    step.end(`${history.length} epochs of ${edges.length / 2} edges`);
    return history;
  } catch (error) {
    step.cancel();
    throw error;
  }
}

/** How well the distances give the edges back. */
async function measure(
  model: HyperbolicEmbedding,
  { edges }: Graph,
  { terminal, signal }: CommandContext,
): Promise<Reconstruction> {
  const { geometry, dim, curvature } = model.config;
  const metric = geometry === 'poincare' ? 'poincare' : 'lorentz';
  const { data, count } = model.points(metric);
  const step = terminal.step('measure', 'nodes');
  const points = tf.tensor2d(data, [count, dim]);
  try {
    const result = await reconstruction({
      points,
      edges,
      metric,
      c: curvature,
      signal,
      onProgress: (done, total) => {
        step.update(done, total);
      },
    });
    step.end();
    return result;
  } catch (error) {
    step.cancel();
    throw error;
  } finally {
    points.dispose();
  }
}

/** Name and coordinates of every node, tab-separated; tabs and line ends in names become spaces. */
function table(model: HyperbolicEmbedding, names: readonly string[]): string {
  const { data, rowShape } = model.points();
  const [dim] = rowShape;
  const head = ['name', ...Array.from({ length: dim }, (_, f) => `x${f + 1}`)].join('\t');
  const lines = names.map((name, i) =>
    [name.replace(/[\t\r\n]/g, ' '), ...data.subarray(i * dim, (i + 1) * dim)].join('\t'),
  );
  return `${[head, ...lines].join('\n')}\n`;
}

/** Options of their own win over --set, which wins over --config. */
async function settingsOf(geometry: string | undefined, options: EmbedOptions): Promise<Settings> {
  const base = options.config === undefined ? {} : await readSettings(options.config);
  const settings = applySettings(base, options.set ?? [], OP);
  if (geometry !== undefined) {
    if (!Object.hasOwn(EMBED_GEOMETRIES, geometry)) {
      const expected = `be one of ${Object.keys(EMBED_GEOMETRIES).join(', ')}`;
      throw new DomainError({ op: OP, arg: 'geometry', expected, got: JSON.stringify(geometry) });
    }
    settings.geometry = EMBED_GEOMETRIES[geometry as keyof typeof EMBED_GEOMETRIES];
  }
  if (options.dim !== undefined) settings.dim = options.dim;
  if (options.lr !== undefined) settings.learningRate = options.lr;
  if (options.epochs !== undefined) settings.epochs = options.epochs;
  if (options.seed !== undefined) settings.seed = options.seed;
  return settings;
}
