// The activation functions by name: value, slope, range. The rows are those of blocks/activation.py.

const logistic = (x) => 1 / (1 + Math.exp(-x));
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const density = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const row = (of, slope, low, high, smooth = true) => ({ of, slope, low, high, smooth });

/** of(x, s), slope(x, s): s is the learned slope of a row that has `learned`. */
export const ACTIVATIONS = {
  step: row((x) => (Math.sign(x) + 1) / 2, () => 0, 0, 1, false),
  sign: row(Math.sign, () => 0, -1, 1, false),
  linear: row((x) => x, () => 1, -Infinity, Infinity),
  piecewise_linear: row((x) => clamp(x + 0.5, 0, 1), (x) => (Math.abs(x) < 0.5 ? 1 : 0), 0, 1, false),
  logistic: row(logistic, (x) => logistic(x) * (1 - logistic(x)), 0, 1),
  tanh: row(Math.tanh, (x) => 1 - Math.tanh(x) ** 2, -1, 1),
  scaled_tanh: row((x) => 1.7159 * Math.tanh((x * 2) / 3), (x) => ((1.7159 * 2) / 3) * (1 - Math.tanh((x * 2) / 3) ** 2), -1.7159, 1.7159),
  softplus: row((x) => (x > 20 ? x : Math.log1p(Math.exp(x))), (x) => (x > 20 ? 1 : logistic(x)), 0, Infinity),
  relu: row((x) => (x > 0 ? x : 0), (x) => (x > 0 ? 1 : 0), 0, Infinity, false),
  relu6: row((x) => clamp(x, 0, 6), (x) => (x > 0 && x < 6 ? 1 : 0), 0, 6, false),
  leaky_relu: row((x) => (x > 0 ? x : 0.01 * x), (x) => (x > 0 ? 1 : 0.01), -Infinity, Infinity, false),
  prelu: { ...row((x, s = 0.25) => (x > 0 ? x : s * x), (x, s = 0.25) => (x > 0 ? 1 : s), -Infinity, Infinity, false), learned: 0.25 },
  elu: row((x) => (x > 0 ? x : Math.expm1(x)), (x) => (x > 0 ? 1 : Math.exp(x)), -1, Infinity),
  silu: row((x) => x * logistic(x), (x) => logistic(x) * (1 + x * (1 - logistic(x))), -0.2785, Infinity),
  gelu: row((x) => x * below(x), (x) => below(x) + x * density(x), -0.17, Infinity),
  hardswish: row((x) => (x * clamp(x + 3, 0, 6)) / 6, (x) => (x < -3 ? 0 : x > 3 ? 1 : (2 * x + 3) / 6), -0.375, Infinity, false),
};

/** The share of the normal distribution below x. Its series has positive terms only, for |x| < 6. */
function below(x) {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let [term, sum] = [x, x];
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= (x * x) / n;
  return 0.5 + density(x) * sum;
}
