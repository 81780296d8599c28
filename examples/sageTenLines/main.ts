/** Train on some digits, score others, save, load, and get the same scores to the last bit. */
import { startBackend } from 'tfjs-latent/backends';
import { deformRows, loadArtifacts, loadDataset, saveArtifacts } from 'tfjs-latent/data';
import { auroc } from 'tfjs-latent/metrics';
import { Sage } from 'tfjs-latent/models';

await startBackend();
const train = await loadDataset('mnist:train', { limit: 2000 });
const test = await loadDataset('mnist:test', { limit: 500 });
const sage = await new Sage({ epochs: 2, seed: 1 }).fit(train.x, train.y);
const digits = await sage.score(test.x); // scores in [0, 1], high = like the training digits
const inverted = await sage.score(deformRows(test.x, 'invert', 1));
console.log('digits against inverted digits, AUROC', auroc(digits.score, inverted.score).toFixed(2));
await saveArtifacts('runs/example', await sage.toArtifacts());
const again = await Sage.fromArtifacts(await loadArtifacts('runs/example')).score(test.x);
console.log('same after loading:', Buffer.compare(Buffer.from(digits.score.buffer), Buffer.from(again.score.buffer)) === 0); // prettier-ignore
process.exit(0);
