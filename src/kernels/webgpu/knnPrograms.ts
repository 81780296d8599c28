import type { MetricForm } from '../../specs/metricForm.js';
import { PARAMS_CODE } from './knnParams.js';
import type { KnnPlan } from './knnPlan.js';
import type { OwnProgram } from './ownPipelines.js';
import { maskKey } from './wgsl/candidates.js';
import type { MaskKinds } from './wgsl/candidates.js';
import { formCode, formCodePrecise } from './wgsl/expression.js';
import {
  centreCode,
  certifyCode,
  clearCode,
  copyCode,
  normsCode,
  pairScanCode,
  rerankCode,
  resortCode,
  resultCode,
  revisitCode,
  selectCode,
  workgroupsCode,
} from './wgsl/knnRows.js';
import { pairDirectCode } from './wgsl/pairDirect.js';
import { pairPreciseCode } from './wgsl/pairPrecise.js';
import { tileScanCode } from './wgsl/scanTile.js';
import { ENABLE_SUBGROUPS } from './wgsl/subgroup.js';

/** The arrays that the shaders of the search know, by name. */
const ARRAYS = {
  queries: 'array<f32>',
  points: 'array<f32>',
  derived: 'array<f32>',
  scalars: 'array<f32>',
  pairs: 'array<vec2<u32>>',
  counts: 'array<atomic<u32>>',
  bounds: 'array<u32>',
  plan: 'array<u32>',
  workgroups: 'array<u32>',
  allowed: 'array<u32>',
  queryGroups: 'array<i32>',
  pointGroups: 'array<i32>',
  distances: 'array<u32>',
  indices: 'array<i32>',
} as const;
export type ArrayName = keyof typeof ARRAYS;

/** A program whose bindings are found by name. */
export interface KnnProgram extends OwnProgram {
  readonly arrays: readonly ArrayName[];
}

type Access = readonly [ArrayName, 'read' | 'write'];

function program(
  key: string,
  arrays: readonly Access[],
  code: string,
  { aligned = false, lanes = 0 }: { readonly aligned?: boolean; readonly lanes?: number } = {},
): KnnProgram {
  const bindings = arrays.map(([name, access]) => ({
    name,
    access,
    type: aligned && (name === 'queries' || name === 'points') ? 'array<vec4<f32>>' : ARRAYS[name],
  }));
  const declarations = bindings.map(
    ({ name, type, access }, i) =>
      `@group(0) @binding(${i + 1}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> ${name} : ${type};`,
  );
  return {
    key: `latentKnn ${key} (${arrays.map(([name]) => name).join(' ')})`,
    arrays: arrays.map(([name]) => name),
    bindings,
    code: `${lanes > 0 ? ENABLE_SUBGROUPS : ''}\n${PARAMS_CODE}\n${declarations.join('\n')}\n${code}`,
  };
}

const read = (...names: readonly ArrayName[]): Access[] => names.map((name) => [name, 'read']);
const write = (...names: readonly ArrayName[]): Access[] => names.map((name) => [name, 'write']);

/** What all programs of a search have in common. */
export interface Search {
  readonly form: MetricForm;
  readonly plan: KnnPlan;
  readonly masks: MaskKinds;
  readonly aligned: boolean;
}

/** All programs of a search; built when they are asked for. */
export class KnnPrograms {
  private readonly code: string;

  constructor(private readonly search: Search) {
    this.code = search.form.family === 'expression' ? formCode(search.form) : '';
  }

  private scanArrays(precise: boolean): Access[] {
    const { masks, form, plan } = this.search;
    const usesDerived = form.family === 'expression' ? form.aux > 0 : plan.usesNorms && !precise;
    return [
      ...read('queries', 'points'),
      ...(usesDerived ? read('derived') : []),
      ...write('pairs', 'counts'),
      ...(masks.allowed ? read('allowed') : []),
      ...(masks.groups ? read('queryGroups', 'pointGroups') : []),
    ];
  }

  private get name(): string {
    const { form, masks } = this.search;
    return `${form.family === 'squares' && form.root ? 'squaresRoot' : form.key} ${maskKey(masks)}`;
  }

  private pairCode(precise: boolean): string {
    const { form } = this.search;
    if (!precise) return pairDirectCode(form, this.code);
    return pairPreciseCode(form, form.family === 'expression' ? formCodePrecise(form) : '');
  }

  tileScan(): KnnProgram {
    const { plan, form, masks, aligned } = this.search;
    const { tile, sum } = plan;
    const shape = Object.values(tile).join('.');
    return program(
      `scan ${this.name} ${sum} ${shape} ${aligned}`,
      this.scanArrays(false),
      tileScanCode({ tile, sum, form, formCode: this.code, aligned, masks }),
      { aligned },
    );
  }

  pairScan(listed: boolean): KnnProgram {
    return program(
      `pairs ${this.name} ${listed}`,
      this.scanArrays(true),
      pairScanCode(this.pairCode(true), this.search.masks, listed),
    );
  }

  revisit(precise: boolean, listed: boolean): KnnProgram {
    const { sortThreads, sortLanes: lanes } = this.search.plan;
    return program(
      `revisit ${this.name} ${precise} ${listed} ${sortThreads} ${lanes}`,
      this.scanArrays(precise),
      revisitCode(sortThreads, lanes, this.pairCode(precise), this.search.masks, listed),
      { lanes },
    );
  }

  clear(listed: boolean): KnnProgram {
    return program(`clear ${listed}`, write('pairs', 'counts'), clearCode(listed));
  }

  select(listed: boolean): KnnProgram {
    const { sortThreads, sortLanes: lanes } = this.search.plan;
    return program(
      `select ${listed} ${sortThreads} ${lanes}`,
      write('pairs', 'counts'),
      selectCode(sortThreads, lanes, listed),
      { lanes },
    );
  }

  resort(): KnnProgram {
    const { sortThreads, sortLanes: lanes } = this.search.plan;
    return program(
      `resort ${sortThreads} ${lanes}`,
      write('pairs', 'counts'),
      resortCode(sortThreads, lanes),
      { lanes },
    );
  }

  rerank(): KnnProgram {
    const { form } = this.search;
    const aux = form.family === 'expression' && form.aux > 0 ? read('derived') : [];
    return program(
      `rerank ${this.name}`,
      [...read('queries', 'points'), ...aux, ...write('pairs', 'bounds')],
      rerankCode(this.pairCode(true)),
    );
  }

  certify(): KnnProgram {
    const { form, plan } = this.search;
    return program(
      `certify ${this.name}`,
      [...write('counts'), ...read('pairs', 'bounds'), ...(plan.usesNorms ? read('derived') : [])],
      certifyCode(form, plan.usesNorms),
    );
  }

  workgroups(): KnnProgram {
    return program(
      'workgroups',
      [...write('counts'), ...read('plan'), ...write('workgroups')],
      workgroupsCode,
    );
  }

  centre(): KnnProgram {
    return program('centre', [...read('points'), ...write('derived')], centreCode);
  }

  norms(side: 'query' | 'point'): KnnProgram {
    const { form } = this.search;
    return program(
      `norms ${form.family} ${side}`,
      [...read(side === 'query' ? 'queries' : 'points'), ...write('derived')],
      normsCode(form, side),
    );
  }

  copy(): KnnProgram {
    return program('copy', [...read('scalars'), ...write('derived')], copyCode);
  }

  result(): KnnProgram {
    const { form, plan } = this.search;
    const isFinished = plan.rerank || plan.precise;
    return program(
      `result ${form.family === 'expression' ? form.key : form.family} ${isFinished}`,
      [...read('pairs'), ...write('distances', 'indices')],
      resultCode(form, this.code, isFinished),
    );
  }
}
