/** Four clusters in twenty features: how well two latents keep the gaps between them. */
import { ContractiveAutoencoder, TopologicalAutoencoder, pairwiseDistance } from 'tfjs-latent';
import type { Rows } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';

await startBackend();

/** Cluster i % 4 lies at a corner of its own, the fourth far away. */
const count = 200;
const data = Float32Array.from({ length: count * 20 }, (_, at) => {
  const [i, f] = [Math.floor(at / 20), at % 20];
  const corner = Math.sin((i % 4) * 9.1 + f * 3.7) * (i % 4 === 3 ? 3 : 1);
  return corner + 0.2 * Math.sin(at * 12.9898 + (at % 97) ** 2);
});
const x: Rows = { data, count, rowShape: [20] };

/** Mean distance of rows of two clusters, divided by that of the first two. */
async function gaps(rows: Rows): Promise<number[]> {
  const values = await pairwiseDistance(nested(rows)).data();
  const between = (a: number, b: number): number => {
    let total = 0;
    for (let i = a; i < count; i += 4)
      for (let j = b; j < count; j += 4) total += values[i * count + j];
    return total;
  };
  return [between(0, 2), between(1, 2), between(0, 3)].map((gap) => gap / between(0, 1));
}

function nested({ data: flat, rowShape: [size] }: Rows): number[][] {
  return Array.from({ length: count }, (_, i) => [...flat.slice(i * size, (i + 1) * size)]);
}

const settings = { hidden: [32], latentDim: 2, epochs: 60, batchSize: 50, learningRate: 0.01 };
const models = {
  topological: new TopologicalAutoencoder({ ...settings, standardize: false }),
  contractive: new ContractiveAutoencoder({ ...settings, standardize: false, penaltyWeight: 0.01 }),
};
const shown = (values: number[]): string => values.map((value) => value.toFixed(2)).join(', ');
console.log('gaps among the rows:', shown(await gaps(x)));
for (const [name, model] of Object.entries(models)) {
  await model.fit(x);
  console.log(`gaps among the latents, ${name}:`, shown(await gaps(await model.encode(x))));
}
