// The losses by name: of an output z and a target t, the slope by z, and the answer that is drawn.
// The rows are those of plane/plane_losses.py.

import { ACTIVATIONS } from "./activations.js";

const { softplus } = ACTIVATIONS;

export const LOSSES = {
  squared: {
    of: (z, t) => (Math.tanh(z) - t) ** 2 / 2,
    slope: (z, t) => (Math.tanh(z) - t) * (1 - Math.tanh(z) ** 2),
    squash: Math.tanh,
  },
  cross_entropy: {
    of: (z, t) => softplus.of(-t * z),
    slope: (z, t) => -t * softplus.slope(-t * z),
    squash: (z) => Math.tanh(z / 2),
  },
};

const REGRESSION = {
  of: (z, t) => (z - t) ** 2 / 2,
  slope: (z, t) => z - t,
  squash: (z) => Math.max(-1, Math.min(1, z)),
};

export const lossFor = (task, name) => (task === "regress" ? REGRESSION : LOSSES[name]);
