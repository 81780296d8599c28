import type { ExpressionForm, MetricForm, ProductForm } from '../../../specs/metricForm.js';
import { HUGE, WILD } from './scanTile.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (items: readonly string[]): string => items.join('\n');

/** Where the rows of a pair begin: the start of every function of a pair. */
export const PAIR_START = `
  let batch = row / params.rowsPerBatch;
  let x = params.queryBase + row * params.features;
  let y = params.pointBase + batch * params.pointBatchStride + j * params.features;`;

/** The scalars of the rows of a pair, as `a` and `b`. */
export function pairAux({ aux }: ExpressionForm): string {
  return `
  var a = vec4<f32>();
  var b = vec4<f32>();
${lines(
  range(aux).map(
    (i) => `  a[${i}] = derived[params.queryDerivedBase + row * ${aux}u + ${i}u];
  b[${i}] = derived[params.pointDerivedBase + (batch * params.points + j) * ${aux}u + ${i}u];`,
  ),
)}`;
}

/** `pairKey(row, j)`: key of the float32 value of one pair, by differences, as the tiles compute it. */
export function pairDirectCode(form: MetricForm, formCode: string): string {
  return form.family === 'expression' ? expressionPair(form, formCode) : productPair(form);
}

function expressionPair(form: ExpressionForm, formCode: string): string {
  const terms = range(form.terms.length);
  const fold = (into: string, value: string): string =>
    form.reduce === 'max' ? `${into} = max(${into}, ${value});` : `${into} = ${into} + ${value};`;
  return `
${formCode}
fn pairKey(row : u32, j : u32) -> u32 {
${PAIR_START}
${lines(terms.map((t) => `  var s${t} = 0.0;`))}
  for (var first = 0u; first < params.features; first = first + 64u) {
${lines(terms.map((t) => `    var p${t} = 0.0;`))}
    for (var f = first; f < min(first + 64u, params.features); f = f + 1u) {
      let xv = queries[x + f];
      let yv = points[y + f];
${lines(terms.map((t) => `      ${fold(`p${t}`, `formTerm${t}(xv, yv)`)}`))}
    }
${lines(terms.map((t) => `    ${fold(`s${t}`, `p${t}`)}`))}
  }
${pairAux(form)}
  return keyOf(formRank(s0, ${terms.length === 2 ? 's1' : '0.0'}, a, b, f32(params.features)));
}
`;
}

function productPair({ family }: ProductForm): string {
  if (family === 'squares') {
    return `
fn pairKey(row : u32, j : u32) -> u32 {
${PAIR_START}
  var sum = 0.0;
  for (var first = 0u; first < params.features; first = first + 64u) {
    var part = 0.0;
    for (var f = first; f < min(first + 64u, params.features); f = f + 1u) {
      let t = queries[x + f] - points[y + f];
      part = part + t * t;
    }
    sum = sum + part;
  }
  return keyOf(sum);
}
`;
  }
  const value =
    family === 'cosine' ? '1.0 - product * xDerived * yDerived' : '-product - xDerived * yDerived';
  return `
fn pairKey(row : u32, j : u32) -> u32 {
${PAIR_START}
  var product = 0.0;
  for (var f = 0u; f < params.features; f = f + 1u) {
    product = product + queries[x + f] * points[y + f];
  }
  let xDerived = derived[params.queryDerivedBase + row];
  let yDerived = derived[params.pointDerivedBase + batch * params.points + j];
  return keyOf(select(${value}, -${HUGE}, yDerived > ${WILD}));
}
`;
}
