/** Float64 vectors as plain arrays, for references. */
export type Vector = readonly number[];

export const dot = (a: Vector, b: Vector): number => a.reduce((sum, v, i) => sum + v * b[i], 0);
export const norm = (a: Vector): number => Math.hypot(...a);
export const scaled = (a: Vector, by: number): number[] => a.map((v) => v * by);
export const plus = (a: Vector, b: Vector): number[] => a.map((v, i) => v + b[i]);
export const minus = (a: Vector, b: Vector): number[] => a.map((v, i) => v - b[i]);
