// The sets of points, drawn as data/synthetic.py draws them: the same seed, the same points.

import { Pcg } from "./pcg.js";

const RADIUS = 5;
const TURN = 2 * Math.PI;
const range = (count) => Array.from({ length: count }, (_, i) => i);
const sign = (i, count) => (i < Math.floor(count / 2) ? 1 : -1);
const polar = (radius, angle) => [radius * Math.cos(angle), radius * Math.sin(angle)];
const rosenbrock = (x, y) => 100 * (y - x * x) ** 2 + (1 - x) ** 2;
const BUMPS = [[-4, 2.5, 1], [0, 2.5, -1], [4, 2.5, 1], [-4, -2.5, -1], [0, -2.5, 1], [4, -2.5, -1]];

/** `count` pairs, each between the same bounds. */
const pairs = (count, random, low, high) => range(count).map(() => [random.uniform(low, high), random.uniform(low, high)]);

/** (count, random) -> rows (x1, x2, target) without noise. */
export const SETS = {
  circle(count, random) {
    const signs = range(count).map((i) => sign(i, count));
    const radii = signs.map((t) => RADIUS * (t > 0 ? random.uniform(0, 0.5) : random.uniform(0.7, 1)));
    return signs.map((t, i) => [...polar(radii[i], random.uniform(0, TURN)), t]);
  },
  xor(count, random) {
    const apart = (x) => x + (x < 0 ? -0.3 : 0.3);
    return pairs(count, random, -RADIUS, RADIUS).map((place) => place.map(apart)).map(([x, y]) => [x, y, Math.sign(x * y)]);
  },
  gauss(count, random) {
    return range(count).map((i) => [2 * sign(i, count) + random.normal(), 2 * sign(i, count) + random.normal(), sign(i, count)]);
  },
  spiral(count, random) {
    return range(count).map((i) => {
      const along = random.uniform(0.02, 1);
      return [...polar(RADIUS * along, 1.75 * TURN * along + (sign(i, count) > 0 ? 0 : Math.PI)), sign(i, count)];
    });
  },
  rosenbrock(count, random) {
    const inside = Math.floor(count / 2);
    const radii = range(inside).map(() => Math.sqrt(0.5 * random.uniform(0, 1)));
    const places = radii.map((radius) => polar(radius, random.uniform(0, TURN))).map(([a, b]) => [1 - a, (1 - a) ** 2 + b / 10]);
    while (places.length < count) {
      const some = range(count).map(() => [random.uniform(-1, 3), random.uniform(-0.5, 3.5)]);
      places.push(...some.filter(([x, y]) => rosenbrock(x, y) >= 0.5).slice(0, count - places.length));
    }
    return places.map(([x, y]) => [x, y, rosenbrock(x, y) < 0.5 ? 1 : -1]);
  },
  plane(count, random) {
    return pairs(count, random, -6, 6).map(([x, y]) => [x, y, (x + y) / 12]);
  },
  bumps(count, random) {
    const height = (x, y) => BUMPS.reduce((sum, [a, b, t]) => sum + t * Math.exp(-((x - a) ** 2 + (y - b) ** 2) / 2), 0);
    return pairs(count, random, -6, 6).map(([x, y]) => [x, y, height(x, y)]);
  },
  valley(count, random) {
    return pairs(count, random, 0, 1).map(([x, y]) => [x, y, rosenbrock(x, y) / 50.5 - 1]);
  },
};

/** Round to the nearest whole number; halves go to the even one, as NumPy and Python round. */
export function rounded(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest === 0.5 ? low + (low & 1 ? 1 : 0) : rest < 0.5 ? low : low + 1;
}

/** The points of an experiment as rows (x1, x2, target) of at most four decimals. */
export function pointsOf(state, task, [left, right, bottom, top]) {
  const random = new Pcg(state.seed);
  const places = (value) => rounded(value * 1e4) / 1e4;
  if (state.data === "own") {
    return shuffled(state.points, random).map(([x, y, t]) => [places(x), places(y), task === "classify" ? (t > 0 ? 1 : -1) : places(t)]);
  }
  let rows = SETS[state.data](state.count, random);
  if (task === "classify") {
    const [across, along] = [(state.noise * (right - left)) / 6, (state.noise * (top - bottom)) / 6];
    rows = rows.map(([x, y, t]) => [x + across * random.normal(), y + along * random.normal(), t > 0 ? 1 : -1]);
  } else rows = rows.map(([x, y, t]) => [x, y, Math.max(-1, Math.min(1, t + state.noise * random.normal()))]);
  return shuffled(rows, random).map(([x, y, t]) => [places(x), places(y), places(t)]);
}

function shuffled(rows, random) {
  return Array.from(random.permutation(rows.length), (row) => rows[row]);
}

/** The first part trains, the rest tests; each has one point at least. */
export function divide(rows, ratio) {
  const cut = Math.min(Math.max(rounded(ratio * rows.length), 1), rows.length - 1);
  return [rows.slice(0, cut), rows.slice(cut)];
}
