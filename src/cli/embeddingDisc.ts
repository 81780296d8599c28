import type { HyperbolicEmbedding } from '../models/index.js';
import { directedAdjacency } from '../util/graph.js';
import type { HyperbolicDisc } from './report/data.js';

/** Nodes that a report draws: those nearest to the origin. */
const MOST_POINTS = 3000;

/**
 * What the report draws of an embedding in two dimensions: points, and a line from every node to the most
 * specific node that it is related to, which is its parent where the edges are a closure.
 */
export function discOf(
  model: HyperbolicEmbedding,
  { names, edges }: { readonly names: readonly string[]; readonly edges: Int32Array },
): HyperbolicDisc {
  const { data } = model.points('logPolar');
  const s = Math.sqrt(model.config.curvature);
  const radius = Float64Array.from(names, (_, i) => s * Math.hypot(data[2 * i], data[2 * i + 1]));
  const order = Array.from(radius.keys()).sort((i, j) => radius[i] - radius[j] || i - j);
  const shown = order.slice(0, MOST_POINTS);
  const place = new Map(shown.map((node, at) => [node, at]));
  const points = shown.map((node) => {
    const scale = radius[node] === 0 ? 0 : (s * Math.tanh(radius[node] / 2)) / radius[node];
    return { name: names[node], x: scale * data[2 * node], y: scale * data[2 * node + 1] };
  });
  const { offsets, neighbors } = directedAdjacency(edges, names.length);
  const above = (node: number): number => offsets[node + 1] - offsets[node];
  const links: [number, number][] = [];
  shown.forEach((node, at) => {
    const targets = neighbors.subarray(offsets[node], offsets[node + 1]);
    let parent = -1;
    for (const target of targets) if (parent < 0 || above(target) > above(parent)) parent = target;
    const to = place.get(parent);
    if (to !== undefined) links.push([at, to]);
  });
  const part =
    shown.length < names.length
      ? `The ${shown.length} of ${names.length} nodes nearest to the centre`
      : 'All nodes';
  const note = `${part}; the rim is infinitely far away. A line is the shortest way from a node to the most specific node that it is related to. Rest the pointer on a point for its name.`;
  return { points, links, note };
}
