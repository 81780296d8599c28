/** Everything that a generator's next values follow from; plain JSON. */
export type RngState = [a: number, b: number, c: number, counter: number, spare: number | null];

/**
 * Small seeded generator (sfc32, 128 bits of state, passes PractRand): the same seed gives the same
 * stream on every platform, which Math.random cannot promise.
 */
export class Rng {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  private spare: number | undefined;

  constructor(seed: number) {
    // splitmix32 spreads one 32-bit seed over the state.
    let s = seed >>> 0;
    const next = (): number => {
      s = (s + 0x9e3779b9) >>> 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** Where the stream is: {@link restore} goes on from there. */
  get state(): RngState {
    return [this.a, this.b, this.c, this.counter, this.spare ?? null];
  }

  restore([a, b, c, counter, spare]: RngState): void {
    this.a = a;
    this.b = b;
    this.c = c;
    this.counter = counter;
    this.spare = spare ?? undefined;
  }

  /** Uniform integer in [0, 2^32). */
  uint32(): number {
    const t = (this.a + this.b + this.counter) >>> 0;
    this.counter = (this.counter + 1) >>> 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) >>> 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) >>> 0;
    this.c = (this.c + t) >>> 0;
    return t;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** Uniform integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal (polar method). */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        this.spare = v * scale;
        return u * scale;
      }
    }
  }

  /** A random order of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const swap = order[i];
      order[i] = order[j];
      order[j] = swap;
    }
    return order;
  }

  /** `count` of 0..n-1 drawn at random, and the rest, both ascending. */
  draw(n: number, count: number): { readonly drawn: Int32Array; readonly rest: Int32Array } {
    const order = this.permutation(n);
    return { drawn: order.slice(0, count).sort(), rest: order.slice(count).sort() };
  }

  /** An independent generator for a named purpose, so that adding one consumer does not shift the others. */
  fork(stream: number): Rng {
    return new Rng((this.uint32() ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0);
  }
}
