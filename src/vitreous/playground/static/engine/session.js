// One experiment in the plane: points, a network, and training one step at a time, as
// plane/session.py does it, in double precision.

import { featuresOf } from "./features.js";
import { lossFor } from "./losses.js";
import { Mersenne } from "./mersenne.js";
import { OPTIMIZERS } from "./optimizers.js";
import { Perceptron } from "./perceptron.js";
import { divide, pointsOf } from "./sets.js";

export class Session {
  /** state: settings; kind: of a state, its {task, window}. */
  constructor(state, kind) {
    this.kind = kind;
    this.restart(state);
  }

  restart(state = this.state) {
    const { task, window } = this.kind(state);
    const [train, test] = divide(pointsOf(state, task, window), state.ratio);
    Object.assign(this, { state, task, window, steps: 0, edits: 0, failure: null, gradients: null, kept: new Map() });
    [this.train, this.test] = [train, test].map((rows) => this.part(rows));
    this.loss = lossFor(task, state.loss);
    this.sizes = [state.features.length, ...state.hidden, 1];
    this.network = new Perceptron(this.sizes, state.activation, state.init, new Mersenne(state.seed));
    this.supply = this.batches();
  }

  part(rows) {
    const places = Float64Array.from(rows.flatMap(([x, y]) => [x, y]));
    const targets = Float64Array.from(rows, ([, , target]) => target);
    return { rows, places, targets, count: rows.length, inputs: featuresOf(this.state.features, places) };
  }

  get epoch() { return Math.floor(this.steps / Math.ceil(this.train.count / this.state.batch_size)); }

  /** Endless epochs of row numbers, each in an order of its own. */
  *batches() {
    const random = new Mersenne(this.state.seed);
    const { batch_size: size } = this.state;
    for (;;) {
      const order = random.permutation(this.train.count);
      for (let at = 0; at < order.length; at += size) yield order.subarray(at, at + size);
    }
  }

  /** Set a weight by hand, or without a source the unit's bias. */
  assign(layer, unit, source, value) {
    const { weight, bias, inputs, units } = this.network.layers[layer] ?? {};
    if (!weight || !(unit < units) || (source !== null && !(source < inputs))) throw new RangeError("there is no such weight");
    if (source === null) bias[unit] = value;
    else weight[unit * inputs + source] = value;
    this.edits++;
  }

  /** Take one step; what went through the network is returned, or null where training has failed. */
  step() {
    if (this.failure) return null;
    const rows = this.supply.next().value;
    const [width, count] = [this.sizes[0], rows.length];
    const inputs = new Float64Array(count * width);
    rows.forEach((row, i) => inputs.set(this.train.inputs.subarray(row * width, (row + 1) * width), i * width));
    const targets = Float64Array.from(rows, (row) => this.train.targets[row]);
    const masks = this.masks(count);
    const outputs = this.network.forward(inputs, count, masks);
    const z = outputs.at(-1).z;
    const loss = z.reduce((sum, value, i) => sum + this.loss.of(value, targets[i]), 0) / count;
    if (!isFinite(loss)) {
      this.failure = `the loss is no longer a number: ${loss} at step ${this.steps + 1}, with learning rate ${this.state.lr}`;
      return null;
    }
    const signal = z.map((value, i) => this.loss.slope(value, targets[i]) / count);
    this.gradients = this.network.backward(inputs, count, outputs, signal, masks);
    this.penalize();
    this.descend();
    this.steps++;
    return { rows, inputs, outputs, loss };
  }

  /** Dropout: factors of 0 or 1 / (1 - rate), from seed and step. They are not those of PyTorch. */
  masks(count) {
    const { dropout, hidden, seed } = this.state;
    if (!dropout) return null;
    const random = new Mersenne(Math.imul(seed + 1, 0x9e3779b1) ^ this.steps);
    return hidden.map((units) => Float64Array.from({ length: count * units }, () => (random.share() < dropout ? 0 : 1 / (1 - dropout))));
  }

  penalize() {
    const { l1, l2 } = this.state;
    if (!l1 && !l2) return;
    this.network.layers.forEach(({ weight }, l) => {
      const slopes = this.gradients[l].weight;
      for (let i = 0; i < weight.length; i++) slopes[i] += l1 * Math.sign(weight[i]) + l2 * weight[i];
    });
  }

  descend() {
    const rule = OPTIMIZERS[this.state.optimizer];
    this.network.layers.forEach((layer, l) => {
      for (const name of ["weight", "bias", "slope"]) {
        if (!layer[name]) continue;
        if (!this.kept.has(layer[name])) this.kept.set(layer[name], {});
        rule(layer[name], this.gradients[l][name], this.kept.get(layer[name]), this.state.lr, name === "weight");
      }
    });
  }

  /** Mean loss without penalty, and the share of right answers (null for regression). */
  score(part) {
    const { z } = this.network.forward(part.inputs, part.count).at(-1);
    const loss = z.reduce((sum, value, i) => sum + this.loss.of(value, part.targets[i]), 0) / part.count;
    const right = z.reduce((sum, value, i) => sum + (value > 0 === part.targets[i] > 0), 0);
    return { loss, accuracy: this.task === "regress" ? null : right / part.count };
  }
}
