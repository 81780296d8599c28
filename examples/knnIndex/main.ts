/** An index that points come to and go from, saved and loaded, and the same search over blocks and shards. */
import { KnnIndex, csrToEdges, knnGraph, mergeNeighbors, searchBlocks } from 'tfjs-latent';
import { startBackend } from 'tfjs-latent/backends';
import { loadArtifacts, saveArtifacts } from 'tfjs-latent/data';

await startBackend();
const cities = ['Lisbon', 'Madrid', 'Paris', 'Berlin', 'Rome', 'Athens'];
const degrees = [[38.7, -9.1], [40.4, -3.7], [48.9, 2.4], [52.5, 13.4], [41.9, 12.5], [38.0, 23.7]]; // prettier-ignore
const radians = degrees.map((place) => place.map((angle) => (angle * Math.PI) / 180));
const geneva = [[46.2, 6.1].map((angle) => (angle * Math.PI) / 180)];

const index = new KnnIndex({ metric: 'haversine' });
await index.add(radians);
const near = index.search(geneva, 2);
const [ids, angles] = [await near.indices.data(), await near.distances.data()];
ids.forEach((id, i) => console.log(`${cities[id]}: ${Math.round(angles[i] * 6371)} km`));

index.remove([2]);
await saveArtifacts('runs/example-index', await index.save(), { overwrite: true });
const again = KnnIndex.load(await loadArtifacts('runs/example-index'));
const [nearest] = await again.search(geneva, 1).indices.data();
console.log(`without Paris: ${cities[nearest]} of ${again.size}`);

// Points in blocks, as from a file larger than memory; then in two shards, as on two machines.
const options = { metric: 'haversine' } as const;
const whole = await searchBlocks(geneva, [radians.slice(0, 4), radians.slice(4)], 3, options);
const shards = [
  await searchBlocks(geneva, [radians.slice(0, 3)], 3, options),
  await searchBlocks(geneva, [radians.slice(3)], 3, { ...options, firstIndex: 3 }),
];
console.log('shards:', mergeNeighbors(shards).indices.join() === whole.indices.join());

const { source, target } = csrToEdges(await knnGraph(radians, 1, { ...options, kind: 'mutual' }));
source.forEach((a, e) => console.log(`${cities[a]} - ${cities[target[e]]}`));
index.dispose();
again.dispose();
