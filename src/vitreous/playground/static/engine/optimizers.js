// The optimizers by name, as functions that change a table of numbers by its gradient. The rules and
// their constants are those of training/optimizer.py.

const root = Math.sqrt;

/** One Adam step; the mean of the gradients m and of their squares v are kept with the table. */
function adam(w, g, s, lr) {
  const { m, v, t } = moments(w, g, s);
  const [rate, size] = [lr / (1 - 0.9 ** t), root(1 - 0.999 ** t)];
  for (let i = 0; i < w.length; i++) w[i] -= (rate * m[i]) / (root(v[i]) / size + 1e-8);
}

function moments(w, g, s) {
  s.m ??= new Float64Array(w.length);
  s.v ??= new Float64Array(w.length);
  s.t = (s.t ?? 0) + 1;
  for (let i = 0; i < w.length; i++) {
    s.m[i] += 0.1 * (g[i] - s.m[i]);
    s.v[i] = 0.999 * s.v[i] + 0.001 * g[i] ** 2;
  }
  return s;
}

function momentum(ahead) {
  return (w, g, s, lr) => {
    s.v ??= new Float64Array(w.length);
    for (let i = 0; i < w.length; i++) {
      s.v[i] = 0.9 * s.v[i] - lr * g[i];
      w[i] += ahead ? 0.9 * s.v[i] - lr * g[i] : s.v[i];
    }
  };
}

function squares(keep, add, epsilon) {
  return (w, g, s, lr) => {
    s.v ??= new Float64Array(w.length);
    for (let i = 0; i < w.length; i++) {
      s.v[i] = keep * s.v[i] + add * g[i] ** 2;
      w[i] -= (lr * g[i]) / (root(s.v[i]) + epsilon);
    }
  };
}

/** (numbers, gradient, what is kept between steps, learning rate, are they weights?) */
export const OPTIMIZERS = {
  sgd: (w, g, s, lr) => { for (let i = 0; i < w.length; i++) w[i] -= lr * g[i]; },
  momentum: momentum(false),
  nesterov: momentum(true),
  adam,
  adamw: (w, g, s, lr, weights) => {
    if (weights) for (let i = 0; i < w.length; i++) w[i] *= 1 - lr * 0.01;
    adam(w, g, s, lr);
  },
  nadam: (w, g, s, lr) => {
    const { m, v, t } = moments(w, g, s);
    const weight = (step) => 0.9 * (1 - 0.5 * 0.96 ** (step * 0.004));
    s.product = (s.product ?? 1) * weight(t);
    const [now, next] = [(lr * (1 - weight(t))) / (1 - s.product), (lr * weight(t + 1)) / (1 - s.product * weight(t + 1))];
    for (let i = 0; i < w.length; i++) w[i] -= (now * g[i] + next * m[i]) / (root(v[i] / (1 - 0.999 ** t)) + 1e-8);
  },
  rmsprop: squares(0.99, 0.01, 1e-8),
  adagrad: squares(1, 1, 1e-10),
};
