/**
 * Embeddings of graphs that need no training, side by side: Sarkar's construction in the plane, h-MDS, and
 * the hyperbolic diffusion distance, by the MAP of their neighbours and their distortion.
 *
 *   npx tsx examples/hierarchies/main.ts smalltree.edges:3 phylo_tree.edges:3 diseases.edges:3 csphd.edges:4
 *
 * takes files of edges, each with the number of diffusion scales; without one it takes a small tree.
 */
import {
  HyperbolicDiffusionDistance,
  distortion,
  graphDistances,
  gromovDelta,
  hMDS,
  neighborMap,
  sarkarEmbed,
} from 'tfjs-latent';
import { readEdgeList } from 'tfjs-latent/data';

interface Graph {
  readonly name: string;
  readonly nodes: number;
  readonly edges: ArrayLike<number>;
  readonly scales: number;
}

type Rows = (node: number) => ArrayLike<number>;

function ternaryTree(nodes: number): Graph {
  const edges = Array.from({ length: nodes - 1 }, (_, i) => [i + 1, Math.floor(i / 3)]).flat();
  return { name: 'ternary tree', nodes, edges, scales: 3 };
}

async function readGraph(argument: string): Promise<Graph> {
  const suffix = /:\d+$/.exec(argument)?.[0] ?? '';
  const path = argument.slice(0, argument.length - suffix.length);
  const { names, edges } = await readEdgeList(path);
  const name = path.replace(/^.*[/\\]|\.[^.]*$/g, '');
  return { name, nodes: names.length, edges, scales: Number(suffix.slice(1) || 3) };
}

/** Distances of an embedding, and the scale to compare them with those of the graph. */
const methods: Record<string, (graph: Graph) => { distances: Rows; scale: number | 'fit' }> = {
  'Sarkar, 2-D, tau 12': ({ nodes, edges }) => {
    const options = { tau: 12, precision: 512, spanningTree: true };
    const { distances, tau } = sarkarEmbed({ nodes, edges, ...options });
    return { distances, scale: 1 / tau };
  },
  'h-MDS, 10-D': ({ nodes, edges }) => {
    const row = graphDistances(edges, nodes);
    const all = Array.from({ length: nodes }, (_, node) => row(node));
    const { distances, scale } = hMDS({ distances: all, dim: 10, scale: 0.5 });
    return { distances, scale: 1 / scale };
  },
  'hyperbolic diffusion': ({ nodes, edges, scales }) => {
    const model = new HyperbolicDiffusionDistance({ scales }).fitGraph({ nodes, edges });
    return { distances: (node) => model.distances(node), scale: 'fit' };
  },
};

const files = process.argv.slice(2);
const graphs = files.length > 0 ? await Promise.all(files.map(readGraph)) : [ternaryTree(40)];
for (const graph of graphs) {
  const { name, nodes, edges } = graph;
  const { relative } = await gromovDelta({ nodes, distances: graphDistances(edges, nodes) });
  const facts = `${nodes} nodes, ${edges.length / 2} edges, relative delta ${relative.toFixed(3)}`;
  console.log(`${name}: ${facts}`);
  console.log(`  ${'method'.padEnd(22)}   MAP  average  worst case  seconds`);
  for (const [method, embed] of Object.entries(methods)) {
    const start = performance.now();
    const { distances, scale } = embed(graph);
    const map = await neighborMap({ nodes, edges, distances });
    const { average, worstCase } = await distortion({ nodes, edges, distances, scale });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const cells = [map.toFixed(3), average.toFixed(3), worstCase.toPrecision(3), seconds];
    const widths = [6, 9, 12, 9];
    const row = cells.map((cell, i) => cell.padStart(widths[i])).join('');
    console.log(`  ${method.padEnd(22)}${row}`);
  }
}
