import * as tf from '@tensorflow/tfjs';

/** The usual constants of Adam (Kingma, Ba, 2015, algorithm 1), epsilon as in tfjs. */
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-7];

/** tfjs's Adam with a learning rate that can change between steps. */
export class ScheduledAdam extends tf.AdamOptimizer {
  constructor(private readonly baseRate: number) {
    super(baseRate, BETA1, BETA2, EPSILON);
  }

  /** Set the rate to `factor` times the one that it was made with. */
  scaleRate(factor: number): void {
    this.learningRate = this.baseRate * factor;
  }
}
