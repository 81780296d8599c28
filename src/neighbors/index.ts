/** Exact neighbours beyond one call: within a radius, as graphs, of an index, of streams and shards. */
export { csrToEdges, edgesToCsr } from './csr.js';
export type { EdgeList, NeighborLists } from './csr.js';
export { knnGraph, radiusGraph } from './graph.js';
export type { GraphOptions } from './graph.js';
export type { LoadIndexOptions } from './indexArtifacts.js';
export { KnnIndex } from './knnIndex.js';
export type { IndexSearchOptions, NeighborBlock, StreamSearchOptions } from './knnIndex.js';
export { mergeNeighbors } from './merge.js';
export type { MergeOptions, Neighbors } from './merge.js';
export type { ExcludeSelf, RunOptions, SearchOptions } from './options.js';
export { radiusNeighbors } from './radius.js';
export type { RadiusOptions } from './radius.js';
export type { RowBlocks, RowInput } from './rowInput.js';
export { searchBlocks } from './searchBlocks.js';
export type { SearchBlocksOptions } from './searchBlocks.js';
