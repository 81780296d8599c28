import type { ExpressionForm } from '../../../specs/metricForm.js';
import type { RowProgram } from '../../../specs/rowProgram/graph.js';
import type { LatentModule } from '../module.js';
import { FORM_SLOTS, FORM_TABLE } from '../worker.js';
import { formModule } from './formModule.js';
import { rowModule } from './rowModule.js';

/** Code made at run time, of a metric form or a row program, and where the threads put it. */
export interface CompiledForm {
  /** Different for every compilation: threads know by it what stands in a slot. */
  readonly id: number;
  /** Position in the table of `tile`, behind which `finish` stands, or of `run`. */
  readonly slot: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A compiled form whose bytes stand in the module's memory for the time of a job. */
export interface PlacedForm extends CompiledForm {
  readonly address: number;
}

/** By key, the least recently used first. Its size is bounded, and with it what engines keep of code. */
const cache = new Map<string, CompiledForm>();
let lastId = 0;

/** Code of a form for a module with shared or plain memory; made once while it stays in use. */
export function compiledForm(form: ExpressionForm, shared: boolean): CompiledForm {
  return compiledOnce(`${shared ? 'shared' : 'plain'};${form.key}`, () => formModule(form, shared));
}

/** Code of a row program, as {@link compiledForm}. */
export function compiledRows(program: RowProgram, shared: boolean): CompiledForm {
  return compiledOnce(`${shared ? 'shared' : 'plain'} rows;${program.key}`, () =>
    rowModule(program, shared),
  );
}

function compiledOnce(key: string, make: () => Uint8Array<ArrayBuffer>): CompiledForm {
  const known = cache.get(key);
  const compiled = known ?? { id: ++lastId, slot: freeSlot(), bytes: make() };
  cache.delete(key);
  cache.set(key, compiled);
  return compiled;
}

/** A slot that no form of the cache stands in; the form used longest ago leaves a full cache. */
function freeSlot(): number {
  if (cache.size >= FORM_SLOTS) {
    for (const [key, { slot }] of cache) {
      cache.delete(key);
      return slot;
    }
  }
  return FORM_TABLE + 2 * cache.size;
}

/** Number of forms whose code is kept. */
export const cachedForms = (): number => cache.size;

/** What row programs import: functions by the names that they have in Math. */
export const MATH = { math: Math as unknown as WebAssembly.ModuleImports };

const loaded = new WeakMap<LatentModule, Map<number, number>>();

/** Put a form's functions into the table of this thread's module. */
export function loadForm(module: LatentModule, { id, slot, bytes }: CompiledForm): void {
  const slots = loaded.get(module) ?? new Map<number, number>();
  loaded.set(module, slots);
  if (slots.get(slot) === id) return;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: module.memory },
    latent: module.exports,
    ...MATH,
  });
  if ('run' in exports) module.table.set(slot, exports.run);
  else {
    module.table.set(slot, exports.tile);
    module.table.set(slot + 1, exports.finish);
  }
  slots.set(slot, id);
}
