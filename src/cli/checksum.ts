/** FNV-1a over the bits of numbers of 32 bits, which may come in parts. */
export class Checksum {
  #hash = 0x811c9dc5;

  add({ buffer, byteOffset, length }: Float32Array | Int32Array): this {
    const words = new Uint32Array(buffer, byteOffset, length);
    let hash = this.#hash;
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
    this.#hash = hash;
    return this;
  }

  /** The checksum of all parts so far. */
  get text(): string {
    return `fnv1a32:${(this.#hash >>> 0).toString(16).padStart(8, '0')}`;
  }
}
