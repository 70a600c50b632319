// A multi-layer perceptron: values forward, gradients back, in plain loops over tables of numbers.

import { ACTIVATIONS } from "./activations.js";

/** What is done to weights as PyTorch draws them; the rows are those of plane/initializers.py. */
export const BEGINNINGS = {
  uniform() {},
  awake(layers) { for (const { bias } of layers.slice(0, -1)) bias.fill(0.5); },
  he(layers, random) {
    for (const { weight, bias, inputs } of layers) {
      weight.set(random.normal(weight.length, Math.sqrt(2 / inputs)));
      bias.fill(0);
    }
  },
  zero(layers) { for (const { weight, bias } of layers) { weight.fill(0); bias.fill(0); } },
};

export class Perceptron {
  /** sizes: inputs, units of each layer, outputs; random: a `Mersenne`. */
  constructor(sizes, activation, init, random) {
    this.act = ACTIVATIONS[activation];
    this.layers = sizes.slice(1).map((units, i) => {
      const inputs = sizes[i];
      const gain = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2)) / Math.sqrt(inputs); // as nn.Linear begins
      const weight = random.uniform(units * inputs, -Math.sqrt(3) * gain, Math.sqrt(3) * gain);
      const bias = random.uniform(units, -1 / Math.sqrt(inputs), 1 / Math.sqrt(inputs));
      const last = i === sizes.length - 2;
      const slope = last || this.act.learned === undefined ? null : Float64Array.of(this.act.learned);
      return { inputs, units, weight, bias, slope, last };
    });
    BEGINNINGS[init](this.layers, random);
  }

  /** Inputs (count rows) to [{z, a}] of each layer, tables of count × units. The last `a` is `z`.
   *  masks: factors of dropout for each hidden layer, applied after `a` was kept; or none. */
  forward(inputs, count, masks = null) {
    let x = inputs;
    return this.layers.map((layer, l) => {
      const { units, weight, bias, last } = layer;
      const z = new Float64Array(count * units);
      for (let row = 0; row < count; row++)
        for (let unit = 0; unit < units; unit++) {
          let sum = bias[unit];
          const [from, start] = [row * layer.inputs, unit * layer.inputs];
          for (let i = 0; i < layer.inputs; i++) sum += weight[start + i] * x[from + i];
          z[row * units + unit] = sum;
        }
      if (last) return { z, a: z };
      const slope = layer.slope?.[0];
      const a = z.map((sum) => this.act.of(sum, slope));
      x = masks ? a.map((value, i) => value * masks[l][i]) : a;
      return { z, a, out: x };
    });
  }

  /** The gradients of each layer's tables, and `signals`, those of its activations.
   *  outputs: of `forward`; signal: the gradient of the last z, (count,). */
  backward(inputs, count, outputs, signal, masks = null) {
    const found = this.layers.map(({ weight, bias, slope }) => ({
      weight: new Float64Array(weight.length), bias: new Float64Array(bias.length), slope: slope && Float64Array.of(0),
    }));
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const layer = this.layers[l];
      const { units } = layer;
      const x = l ? outputs[l - 1].out : inputs;
      const back = new Float64Array(count * layer.inputs);
      found[l].signals = signal;
      const through = layer.last ? signal : this.slopes(layer, outputs[l].z, signal, found[l]);
      for (let row = 0; row < count; row++)
        for (let unit = 0; unit < units; unit++) {
          const g = through[row * units + unit];
          found[l].bias[unit] += g;
          const [from, start] = [row * layer.inputs, unit * layer.inputs];
          for (let i = 0; i < layer.inputs; i++) {
            found[l].weight[start + i] += g * x[from + i];
            back[from + i] += g * layer.weight[start + i];
          }
        }
      signal = l && masks ? back.map((value, i) => value * masks[l - 1][i]) : back;
    }
    return found;
  }

  /** The gradient of the sums from that of the activations. */
  slopes(layer, z, signal, gradients) {
    const slope = layer.slope?.[0];
    if (gradients.slope) z.forEach((sum, i) => { if (sum <= 0) gradients.slope[0] += signal[i] * sum; });
    return signal.map((g, i) => g * this.act.slope(z[i], slope));
  }
}
