export { sarkarEmbed } from './sarkar.js';
export type { SarkarEmbedding, SarkarOptions } from './sarkar.js';
