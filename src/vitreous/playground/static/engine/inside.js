// Two views into a network that learns: a layer's embedding (principal components), and the loss on
// a plane through the weights, row by row, as plane/inside.py has them.

import { Mersenne } from "./mersenne.js";

const SHOWN = 1000; // training points that are embedded, or that a landscape is the loss of
const STEPS = Array.from({ length: 21 }, (_, i) => -1 + i / 10);
const SHARE = 0.2; // of the time, while training goes on

export class Inside {
  constructor() {
    this.layer = null;
    this.landscape = false;
    this.next = 0;
  }

  /** Is there a landscape to begin or to go on with? */
  pending(session) { return this.landscape && (Boolean(this.rows) || ["network", "steps", "edits"].some((name) => this[name] !== session[name])); }

  due() { return performance.now() >= this.next; }

  embedding(session) {
    const { layer } = this;
    if (layer === null || layer > session.state.hidden.length) return [{}, {}];
    const count = Math.min(SHOWN, session.train.count);
    const inputs = session.train.inputs.subarray(0, count * session.sizes[0]);
    const table = layer ? session.network.forward(inputs, count)[layer - 1].a : inputs;
    const { places, shares, axes } = components(table, count, session.sizes[layer], this.axes);
    this.axes = axes;
    places.shape = [count, 2];
    return [{ embedding: { layer, shares } }, { embedding: places }];
  }

  /** A row of the landscape; after the last one, the picture. */
  advance(session) {
    const start = performance.now();
    if (!this.rows || this.network !== session.network) {
      const { network, steps, edits } = session;
      Object.assign(this, { network, steps, edits, rows: rowsOf(session), done: [] });
    }
    this.done.push(...this.rows.next().value);
    const now = performance.now();
    this.next = now + (now - start) * (1 / SHARE - 1);
    if (this.done.length < STEPS.length ** 2) return null;
    this.rows = null;
    const losses = Float32Array.from(this.done, (loss) => (Number.isNaN(loss) ? 1e30 : Math.min(1e30, loss)));
    losses.shape = [STEPS.length, STEPS.length];
    return [{ steps: this.steps, points: Math.min(SHOWN, session.train.count) }, { losses }];
  }
}

/** The mean loss around the weights of this moment, along two directions that the seed fixes. */
function* rowsOf({ network, loss, state, train, sizes }) {
  const layers = network.layers.map((layer) => ({ ...layer, weight: layer.weight.slice(), bias: layer.bias.slice(), slope: layer.slope?.slice() }));
  const frozen = Object.assign(Object.create(Object.getPrototypeOf(network)), network, { layers });
  const random = new Mersenne(state.seed);
  const [across, along] = [0, 1].map(() => layers.map((layer) => direction(layer, random)));
  const weights = layers.map(({ weight }) => weight.slice());
  const count = Math.min(SHOWN, train.count);
  const inputs = train.inputs.subarray(0, count * sizes[0]);
  for (const b of STEPS) {
    yield STEPS.map((a) => {
      layers.forEach(({ weight }, l) => weight.forEach((_, i) => { weight[i] = weights[l][i] + a * across[l][i] + b * along[l][i]; }));
      return frozen.forward(inputs, count).at(-1).z.reduce((sum, z, i) => sum + loss.of(z, train.targets[i]), 0) / count;
    });
  }
}

/** Normal numbers; the part of each unit is as long as its weights. */
function direction({ weight, inputs }, random) {
  const drawn = random.normal(weight.length);
  for (let start = 0; start < drawn.length; start += inputs) {
    const length = (table) => Math.hypot(...table.subarray(start, start + inputs));
    const scale = length(weight) / length(drawn);
    for (let i = start; i < start + inputs; i++) drawn[i] *= scale;
  }
  return drawn;
}

/** Rows (count × width) along their first two principal components, which point as `like` did. */
export function components(table, count, width, like = null) {
  const values = Float64Array.from(table, (v) => (Number.isNaN(v) ? 0 : Math.max(-1e6, Math.min(1e6, v))));
  const means = Array.from({ length: width }, (_, i) => { let sum = 0; for (let at = i; at < values.length; at += width) sum += values[at]; return sum / count; });
  values.forEach((v, at) => { values[at] = v - means[at % width]; });
  const spread = Array.from({ length: width }, (_, i) => Array.from({ length: width }, (_, j) => {
    let sum = 0;
    for (let row = 0; row < values.length; row += width) sum += values[row + i] * values[row + j];
    return sum;
  }));
  const [sizes, vectors] = eigen(spread);
  const total = Math.max(sizes.reduce((a, b) => a + b, 0), 1e-300);
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[b] - sizes[a]).slice(0, 2);
  const axes = [0, 1].map((k) => {
    const at = order[k];
    if (at === undefined || Math.sqrt(Math.max(sizes[at], 0)) <= 1e-7 * largest) return new Array(width).fill(0);
    const axis = vectors.map((row) => row[at]);
    const peak = axis.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
    const against = like?.[k].length === width ? axis.reduce((sum, v, i) => sum + v * like[k][i], 0) : peak;
    return against < 0 ? axis.map((v) => -v) : axis;
  });
  const places = new Float32Array(2 * count);
  for (let row = 0; row < count; row++)
    for (const k of [0, 1]) places[2 * row + k] = axes[k].reduce((sum, v, i) => sum + v * values[row * width + i], 0);
  return { places, axes, shares: [0, 1].map((k) => Math.max(sizes[order[k]] ?? 0, 0) / total) };
}

/** Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations. */
function eigen(matrix) {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    let on = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i === j) on += a[i][i] ** 2; else off += a[i][j] ** 2;
    if (off <= 1e-24 * on || !on) break;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (!a[p][q]) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        const turn = (x, y) => [c * x - s * y, s * x + c * y];
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = turn(a[k][p], a[k][q]);
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = turn(a[p][k], a[q][k]);
        for (let k = 0; k < n; k++) [v[k][p], v[k][q]] = turn(v[k][p], v[k][q]);
      }
  }
  return [a.map((row, i) => row[i]), v];
}
