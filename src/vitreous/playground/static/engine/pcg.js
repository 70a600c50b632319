// NumPy's random numbers (PCG64 of O'Neill, 2014, behind `default_rng`): the points of a data set.
// The same seed gives the same points as there.

const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

export class Pcg {
  constructor(seed) {
    const [a, b, c, d] = spread(seed);
    this.increment = ((((c << 64n) | d) << 1n) | 1n) & MASK128;
    this.state = this.increment;
    this.state = (this.state + ((a << 64n) | b)) & MASK128;
    this.advance();
    this.half = null; // 32 bits that are left of the last 64
  }

  advance() { this.state = (this.state * MULTIPLIER + this.increment) & MASK128; }

  /** 64 bits. */
  next() {
    this.advance();
    const folded = (this.state >> 64n) ^ (this.state & MASK64);
    const turn = this.state >> 122n;
    return ((folded >> turn) | (folded << (64n - turn))) & MASK64;
  }

  /** 32 bits: the lower half first. */
  next32() {
    if (this.half !== null) {
      const half = this.half;
      this.half = null;
      return half;
    }
    const bits = this.next();
    this.half = Number(bits >> 32n);
    return Number(bits & 0xffffffffn);
  }

  /** A number in [0, 1). */
  random() { return Number(this.next() >> 11n) / 2 ** 53; }

  uniform(low, high) { return low + (high - low) * this.random(); }

  /** A normal number of mean 0 and deviation 1, by the ziggurat of Marsaglia and Tsang (2000). */
  normal() {
    for (;;) {
      let bits = this.next();
      const layer = Number(bits & 0xffn);
      bits >>= 8n;
      const size = Number((bits >> 1n) & 0xfffffffffffffn);
      const x = (bits & 1n ? -1 : 1) * size * WIDTHS[layer];
      if (size < SAFE[layer]) return x;
      if (layer === 0) {
        for (;;) {
          const [far, high] = [-Math.log1p(-this.random()) / EDGE, -Math.log1p(-this.random())];
          if (2 * high > far * far) return (Math.floor(size / 256) & 1 ? -1 : 1) * (EDGE + far);
        }
      }
      const between = (HEIGHTS[layer - 1] - HEIGHTS[layer]) * this.random() + HEIGHTS[layer];
      if (between < Math.exp(-0.5 * x * x)) return x;
    }
  }

  /** The numbers from 0 to n - 1 in random order. */
  permutation(n) {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const mask = 2 ** (32 - Math.clz32(i)) - 1;
      let other;
      do other = (this.next32() & mask) >>> 0; while (other > i);
      [order[i], order[other]] = [order[other], order[i]];
    }
    return order;
  }
}

/** A seed below 2³² to four words of 64 bits: NumPy's `SeedSequence`. */
function spread(seed) {
  let constant = 0x43b0d7e5;
  const stir = (value) => {
    value ^= constant;
    constant = Math.imul(constant, 0x931e8875);
    value = Math.imul(value, constant);
    return value ^ (value >>> 16);
  };
  const pool = [seed, 0, 0, 0].map(stir);
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const mixed = Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, stir(pool[from]));
      pool[to] = mixed ^ (mixed >>> 16);
    }
  constant = 0x8b51f9dd;
  const words = Array.from({ length: 8 }, (_, i) => {
    let word = pool[i % 4] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    word = Math.imul(word, constant);
    return BigInt((word ^ (word >>> 16)) >>> 0);
  });
  return [0, 2, 4, 6].map((i) => words[i] | (words[i + 1] << 32n));
}

// The ziggurat: 256 layers of equal area under exp(-x²/2), the lowest with the tail beyond EDGE.
const EDGE = 3.654152885361009;
const AREA = 0.004928673233974658;
const [SAFE, WIDTHS, HEIGHTS] = [new Float64Array(256), new Float64Array(256), new Float64Array(256)];
{
  const height = (x) => Math.exp(-0.5 * x * x);
  let outer = EDGE;
  const lowest = AREA / height(EDGE);
  SAFE[0] = Math.floor((EDGE / lowest) * 2 ** 52);
  WIDTHS[0] = lowest / 2 ** 52;
  WIDTHS[255] = EDGE / 2 ** 52;
  HEIGHTS[0] = 1;
  HEIGHTS[255] = height(EDGE);
  for (let i = 254; i > 0; i--) {
    const inner = Math.sqrt(-2 * Math.log(AREA / outer + height(outer)));
    SAFE[i + 1] = Math.floor((inner / outer) * 2 ** 52);
    outer = inner;
    HEIGHTS[i] = height(inner);
    WIDTHS[i] = inner / 2 ** 52;
  }
}
