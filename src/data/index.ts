export { writeFileAtomic } from './atomicFile.js';
export {
  COLOUR_DEFORMATIONS,
  DEFORMATIONS,
  deformRows,
  flipStaysValid,
  rowDeformer,
} from './deform.js';
export type { DeformationName } from './deform.js';
export { COLUMN_DEFORMATIONS, deformColumns } from './deformColumns.js';
export type { ColumnDeformation, DeformColumnsOptions } from './deformColumns.js';
export { readEdgeList } from './edgeList.js';
export type { EdgeList, EdgeListOptions } from './edgeList.js';
export { blockSteps, holdsDigits, splitSteps } from './imageSteps.js';
export type { ImageStep } from './imageSteps.js';
export { HistoryFile } from './historyFile.js';
export type { HistoryLine } from './historyFile.js';
export { loadDataset, streamDataset } from './load.js';
export type { LoadOptions, StreamOptions } from './load.js';
export { cacheFolder } from './locate.js';
export {
  NEIGHBOR_FORMATS,
  neighborFormatOf,
  readNeighbors,
  writeNeighbors,
} from './neighborsFile.js';
export type { AboutNeighbors, NeighborFormat, NeighborTable } from './neighborsFile.js';
export { parseNoiseSpec } from './noiseSource.js';
export type { NoiseSpec } from './noiseSource.js';
export { writeNpy } from './npyWrite.js';
export type { NpyData } from './npyWrite.js';
export { writeNpz } from './npzFile.js';
export type { NpzMember } from './npzFile.js';
export { partPath } from './partFile.js';
export { resizeRows } from './resize.js';
export { openRows, rowCountOf } from './rowRange.js';
export type { RowRange, RowStore } from './rowRange.js';
export { ROW_FORMATS, columnsToRows, createRowWriter, rowFormatOf } from './rowWriter.js';
export type { RowFormat, RowWriter, RowWriterOptions } from './rowWriter.js';
export { loadArtifacts, saveArtifacts, writeArtifacts } from './runFolder.js';
export { readSafetensors, writeSafetensors } from './safetensors.js';
export type { SafetensorsFile } from './safetensors.js';
export { SHAPES, sampleShape } from './sampleShape.js';
export type { SampleShapeOptions, ShapeName, ShapeSample } from './sampleShape.js';
export { splitIndices, splitRows } from './split.js';
export type { Sample, SplitRows } from './split.js';
export { checkFolderTarget, withStagedFolder } from './stagedFolder.js';
export type { OverwriteOptions } from './stagedFolder.js';
export { transitiveClosure } from './transitiveClosure.js';
export { loadWordnet } from './wordnet.js';
export type { WordnetHierarchy, WordnetOptions, WordnetSet } from './wordnet.js';
