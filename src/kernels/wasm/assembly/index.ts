/**
 * Entry points of the module. Each runs one chunk of a job: (address of the job's arguments, number
 * of the chunk, number of the thread). A chunk writes memory that no other chunk of its job touches,
 * and the scratch of its thread.
 */
export { matMulBlock, matMulPack } from './matMul';
export { distancePack, knnBlock, pairwiseBlock } from './distance';
export { convolutionBlock, convolutionFilterBlock, convolutionPack } from './convolution';
export { depthwiseFilterSegment, depthwiseInputRow } from './depthwise';
export { sumSegments } from './segments';
/** What modules generated at run time import, see jit/formModule.ts. */
export { asin, asinh, cos, exp, log, log1p, pow, sin } from './functions';
export { rowBlock } from './rowMap';
export { productBlock, productPack, productQueries } from './knnProduct';
