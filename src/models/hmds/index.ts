export { hMDS } from './hmds.js';
export type { HmdsEmbedding, HmdsOptions } from './hmds.js';
