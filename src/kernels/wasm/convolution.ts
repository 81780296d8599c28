import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { convolve, filterGradient, macsOf, NO_FINISH } from './convolutionJobs.js';
import type { Finish } from './convolutionJobs.js';
import { forwardPlan, inputPlan } from './convolutionPlan.js';
import type { ConvolutionPlan } from './convolutionPlan.js';
import { withFlatBias } from './flatBias.js';
import { fillOutputs, float32View, optionalFloat32View } from './heap.js';
import { withScratch } from './module.js';
import { infoOf } from '../shared/convolution.js';
import type { ConvAttrs, ConvInfo, FilterAttrs, Shape4 } from '../shared/convolution.js';
import { addKernel, overrideKernel, SideChoice } from '../shared/override.js';
import { ACTIVATION, isOwnActivation } from './product.js';

interface OwnAttrs extends ConvAttrs {
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
  readonly inputShape?: Shape4;
}

/** The registry's untyped record, as these kernels get it. */
interface RawCall<Attrs extends ConvAttrs = OwnAttrs> {
  readonly inputs: {
    readonly x: TensorInfo;
    readonly dy: TensorInfo;
    readonly filter: TensorInfo;
    readonly bias?: TensorInfo | null;
    readonly preluActivationWeights?: TensorInfo | null;
  };
  readonly attrs: Attrs;
  readonly backend: BackendWasm;
}

/** A fresh float32 output that `compute` fills; zeros when there is nothing to sum up. */
function filled(
  op: string,
  backend: BackendWasm,
  shape: number[],
  plan: ConvolutionPlan,
  compute: (scratch: Parameters<Parameters<typeof withScratch>[1]>[0], out: Float32Array) => void,
): TensorInfo {
  const out = backend.makeOutput(shape, 'float32');
  const [info] = fillOutputs(backend, [out], () => {
    if (macsOf(plan) === 0) float32View(backend, out).fill(0);
    else withScratch(op, (scratch) => compute(scratch, float32View(backend, out)));
  });
  return info;
}

function convolution({ inputs, attrs, backend }: RawCall, info: ConvInfo): TensorInfo {
  const plan = forwardPlan(info);
  return filled('conv2d', backend, info.outShape, plan, (scratch, out) => {
    const activation = attrs.activation ?? 'linear';
    const finish: Finish = {
      bias: optionalFloat32View(backend, inputs.bias ?? undefined),
      activation: isOwnActivation(activation) ? ACTIVATION[activation] : ACTIVATION.linear,
      alpha: attrs.leakyreluAlpha ?? 0,
    };
    const [x, filter] = [float32View(backend, inputs.x), float32View(backend, inputs.filter)];
    convolve(scratch, plan, x, filter, finish, out);
  });
}

/** Gradient with respect to the input, which is the transposed convolution. */
function transposedConvolution({ inputs, backend }: RawCall, info: ConvInfo): TensorInfo {
  const plan = inputPlan(info);
  return filled('conv2dTranspose', backend, info.inShape, plan, (scratch, out) => {
    const [dy, filter] = [float32View(backend, inputs.dy), float32View(backend, inputs.filter)];
    convolve(scratch, plan, dy, filter, NO_FINISH, out);
  });
}

/**
 * Convolutions from which ours are faster than tfjs's (XNNPACK, one thread) by bench/trainingOps.bench.ts.
 * Narrow images are, and small work does not pay for the copies between the two heaps.
 */
const [MIN_CHANNELS, MIN_MACS] = [8, 2e6];

/** Which of the two implementations runs, for benches and tests. */
export const convolutionSide = new SideChoice();

/** Whether a call is one that our kernels compute. */
function covers({ inputs, attrs }: RawCall): boolean {
  const { bias } = inputs;
  const filters = inputs.filter.shape[3];
  return (
    attrs.dataFormat === 'NHWC' &&
    inputs.preluActivationWeights == null &&
    isOwnActivation(attrs.activation ?? 'linear') &&
    (bias == null || (bias.shape.length === 1 && bias.shape[0] === filters))
  );
}

const filterShapeOf = ({ inputs }: RawCall): Shape4 => inputs.filter.shape as Shape4;

function overrideForward(theirs: KernelConfig): KernelConfig['kernelFunc'] {
  return (raw) => {
    const call = raw as unknown as RawCall;
    if (convolutionSide.forced === 'theirs' || !covers(call)) return theirs.kernelFunc(raw);
    const info = infoOf(call.inputs.x.shape, filterShapeOf(call), call.attrs);
    const pays = info.inChannels >= MIN_CHANNELS && macsOf(forwardPlan(info)) >= MIN_MACS;
    return pays || convolutionSide.forced === 'ours'
      ? convolution(call, info)
      : theirs.kernelFunc(raw);
  };
}

function overrideInput(theirs: KernelConfig): KernelConfig['kernelFunc'] {
  return (raw) => {
    const call = raw as unknown as RawCall;
    const { inputShape, dataFormat } = call.attrs;
    if (convolutionSide.forced === 'theirs' || inputShape === undefined || dataFormat !== 'NHWC') {
      return theirs.kernelFunc(raw);
    }
    return transposedConvolution(call, infoOf(inputShape, filterShapeOf(call), call.attrs));
  };
}

function gradientOfFilter({ inputs, attrs, backend }: RawCall<FilterAttrs>): TensorInfo {
  const { x, dy } = inputs;
  if (attrs.dataFormat !== 'NHWC') {
    throw new Error('Conv2DBackpropFilter on wasm: dataFormat must be NHWC, got NCHW.');
  }
  const shape = attrs.filterShape;
  const plan = forwardPlan(infoOf(x.shape, shape, attrs));
  return filled('conv2dBackpropFilter', backend, shape, plan, (scratch, out) => {
    filterGradient(scratch, plan, float32View(backend, x), float32View(backend, dy), out);
  });
}

/** tfjs has no such kernel for wasm, so convolutions could not be trained there. */
const conv2dBackpropFilterWasm: KernelConfig = {
  kernelName: 'Conv2DBackpropFilter',
  backendName: 'wasm',
  kernelFunc: (raw) => gradientOfFilter(raw as unknown as RawCall<FilterAttrs>),
};

/** Put our convolutions over tfjs's, and add the gradient of the filter where tfjs has none. */
export function overrideConvolutions(): void {
  overrideKernel('wasm', 'Conv2D', overrideForward);
  overrideKernel('wasm', 'FusedConv2D', (theirs) => overrideForward(withFlatBias(theirs)));
  overrideKernel('wasm', 'FusedDepthwiseConv2D', (theirs) => withFlatBias(theirs).kernelFunc);
  overrideKernel('wasm', 'Conv2DBackpropInput', overrideInput);
  addKernel(conv2dBackpropFilterWasm);
}
