/**
 * WordNet's mammals in the plane, by training and by construction:
 *
 *   npx tsx examples/mammals/main.ts 300      the run of docs/hyperbolic-embeddings.md, 300 epochs
 *
 * Two measures, two winners. Reconstruction asks whether all ancestors of a node are nearer than everything
 * else; training aims at that. The MAP of neighbours asks it of parents and children in a tree only, which
 * Sarkar's construction gets right by design: from a node, it puts far ancestors behind siblings.
 */
import { HyperbolicEmbedding, neighborMap, reconstruction, sarkarEmbed } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { loadWordnet } from 'tfjs-latent/data';

const epochs = Number(process.argv[2] ?? 60);

await startBackend({ prefer: 'wasm' });
const { names, edges } = await loadWordnet('mammals');
const nodes = names.length;

// A tree: of a node's ancestors, the one with most ancestors of its own is its parent.
const ancestors: number[][] = Array.from({ length: nodes }, () => []);
for (let at = 0; at < edges.length; at += 2) ancestors[edges[at]].push(edges[at + 1]);
const tree = ancestors.flatMap((above, node) => {
  const depths = above.map((ancestor) => ancestors[ancestor].length);
  return above.length === 0 ? [] : [node, above[depths.indexOf(Math.max(...depths))]];
});

type Distances = (node: number) => ArrayLike<number>;

async function report(name: string, distances: Distances): Promise<void> {
  const { map, meanRank } = await reconstruction({ nodes, edges, distances });
  const tree1 = await neighborMap({ nodes, edges: tree, distances });
  const cells = [map.toFixed(3), meanRank.toFixed(2), tree1.toFixed(3)];
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(11)).join(''));
}

console.log(`${nodes} nodes, ${edges.length / 2} pairs, a tree of ${tree.length / 2} edges`);
console.log(`${''.padEnd(34)}        MAP  mean rank   tree MAP`);
const built = sarkarEmbed({ nodes, edges: tree, tau: 12, precision: 512 });
await report('Sarkar, 2-D, tau 12, 512 bits', built.distances);
const model = new HyperbolicEmbedding({ dim: 2, learningRate: 1, epochs });
await model.fit(edges);
await report(`trained, 2-D, ${epochs} epochs`, (node) =>
  Array.from({ length: nodes }, (_, other) => model.distance(node, other)),
);
