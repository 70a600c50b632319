// PyTorch's random numbers (the Mersenne twister): first weights, the order of batches, directions.
// The same seed gives the same numbers as there, so that a link is the same experiment.

const [N, M] = [624, 397];

export class Mersenne {
  constructor(seed) {
    this.state = new Uint32Array(N);
    this.state[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const past = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, past) + i;
    }
    this.at = N;
    this.kept = null; // the second of two normal numbers
  }

  /** 32 bits. */
  next() {
    if (this.at === N) this.twist();
    let y = this.state[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  twist() {
    const { state } = this;
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }

  /** A number in [0, 1) of 24 bits, as torch draws those of single precision. */
  share() { return (this.next() & 0xffffff) / 2 ** 24; }

  /** A number in [0, 1) of 53 bits. */
  double() {
    const high = this.next();
    return ((high & 0x1fffff) * 2 ** 32 + this.next()) / 2 ** 53;
  }

  uniform(count, low, high) {
    const [from, to] = [Math.fround(low), Math.fround(high)];
    const range = Math.fround(to - from);
    return Float64Array.from({ length: count }, () => Math.fround(this.share() * range + from));
  }

  /** Normal numbers of mean 0 (Box and Muller, 1958): sixteen at a time, or two if there are fewer. */
  normal(count, deviation = 1) {
    if (count < 16) return Float64Array.from({ length: count }, () => Math.fround(this.one() * deviation));
    const values = Float64Array.from({ length: count }, () => this.share());
    for (let at = 0; at + 16 <= count; at += 16) sixteen(values.subarray(at, at + 16), deviation);
    if (count % 16) {
      const last = values.subarray(count - 16);
      for (let i = 0; i < 16; i++) last[i] = this.share();
      sixteen(last, deviation);
    }
    return values;
  }

  one() {
    if (this.kept !== null) {
      const kept = this.kept;
      this.kept = null;
      return kept;
    }
    const [u, v] = [this.double(), this.double()];
    const radius = Math.sqrt(-2 * Math.log1p(-v));
    this.kept = radius * Math.sin(2 * Math.PI * u);
    return radius * Math.cos(2 * Math.PI * u);
  }

  /** The numbers from 0 to n - 1 in random order. */
  permutation(n) {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i + 1 < n; i++) {
      const other = i + (this.next() % (n - i));
      [order[i], order[other]] = [order[other], order[i]];
    }
    return order;
  }
}

function sixteen(values, deviation) {
  for (let i = 0; i < 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[i]));
    const angle = 2 * Math.PI * values[i + 8];
    values[i] = Math.fround(radius * Math.cos(angle) * deviation);
    values[i + 8] = Math.fround(radius * Math.sin(angle) * deviation);
  }
}
