/** Train on some digits, score others, save, load, and get the same scores to the last bit. */
import { startBackend } from 'tfjs-latent/backends';
import { deformRows, loadArtifacts, loadDataset, saveArtifacts } from 'tfjs-latent/data';
import { auroc } from 'tfjs-latent/metrics';
import { Sage } from 'tfjs-latent/models';

await startBackend();
const { x, y } = await loadDataset('mnist:train', { limit: 2000 });
const test = await loadDataset('mnist:test', { limit: 500 });
if (y === undefined) throw new Error('these digits have no labels');
const sage = await new Sage({ epochs: 2, seed: 1 }).fit(x, y);
const digits = await sage.score(test.x); // score: in [0, 1], high = like the training digits
const inverted = await sage.score(deformRows(test.x, 'invert', 1));
console.log('AUROC, inverted digits:', auroc(digits.ranking, inverted.ranking).toFixed(3));
await saveArtifacts('runs/example', await sage.toArtifacts(), { overwrite: true });
const again = await Sage.fromArtifacts(await loadArtifacts('runs/example')).score(test.x);
console.log('same after loading:', again.score.join() === digits.score.join());
