export { latentTearReport, reconstructionField } from './latentTears.js';
export type {
  LatentTear,
  LatentTearOptions,
  LatentTearReport,
  ReconstructionField,
} from './latentTears.js';
