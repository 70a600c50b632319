// What a page draws of a session, as plane/snapshot.py makes it: facts, and arrays with a shape.

import { ACTIVATIONS } from "./activations.js";
import { FEATURES, featuresOf, grid } from "./features.js";

const [SIDE, THUMB, BINS] = [100, 24, 24];
const GRADIENT_RANGE = [-9, 1]; // of log10 |gradient|
const SATURATED = 0.05; // share of the steepest slope below which a unit counts as saturated

const finite = (value) => (Number.isFinite(value) ? value : null);
const flat = (tables) => Float32Array.from(tables.flatMap((table) => [...table]), (v) => (Number.isNaN(v) ? 0 : Math.max(-1e30, Math.min(1e30, v))));

function shaped(array, ...shape) {
  array.shape = shape;
  return array;
}

export function scene(session, settings) {
  const { state, window, sizes } = session;
  const names = Object.keys(FEATURES);
  const [inputs, scales] = maps(featuresOf(names, grid(window, THUMB)), names.length, THUMB);
  const places = (part) => shaped(Float32Array.from(part.rows.flat()), part.count, 3);
  const facts = {
    state, query: settings.toQuery(state), task: session.task, window, sizes, side: SIDE, thumb: THUMB, gradient_range: GRADIENT_RANGE,
    parameters: session.network.layers.reduce((sum, { weight, bias, slope }) => sum + weight.length + bias.length + (slope?.length ?? 0), 0),
  };
  return [facts, { train: places(session.train), test: places(session.test), inputs, input_scales: scales }];
}

/** The network as it is now; selected: [layer, unit] whose map is wanted at full size. */
export function snapshot(session, selected) {
  const { state, network } = session;
  const [train, test] = [session.score(session.train), session.score(session.test)];
  const layers = network.forward(session.train.inputs, session.train.count);
  const squash = (z) => session.loss.squash(z);
  const facts = {
    steps: session.steps, epoch: session.epoch, train_loss: finite(train.loss), test_loss: finite(test.loss),
    train_accuracy: train.accuracy, test_accuracy: test.accuracy, failure: session.failure,
    layers: layers.slice(0, -1).map(({ z }, l) => health(ACTIVATIONS[state.activation], z, state.hidden[l])),
  };
  const large = network.forward(gridInputs(session, SIDE), SIDE * SIDE);
  const small = network.forward(gridInputs(session, THUMB), THUMB * THUMB).slice(0, -1);
  const tiles = small.map(({ a }, l) => maps(a, state.hidden[l], THUMB));
  const units = state.hidden.reduce((a, b) => a + b, 0);
  const last = layers.length - 1;
  const [activations, ranges] = activationBins(layers.map(({ a }, l) => (l === last ? a.map(squash) : a)));
  const arrays = {
    decision: maps(large.at(-1).z.map(squash), 1, SIDE, 1)[0],
    weights: flat(network.layers.map(({ weight }) => weight)),
    biases: flat(network.layers.map(({ bias }) => bias)),
    gradients: gradientBins(session),
    units: shaped(Uint8Array.from(tiles.flatMap(([bytes]) => [...bytes])), units, THUMB, THUMB),
    unit_scales: Float32Array.from(tiles.flatMap(([, scales]) => [...scales])),
    activations, activation_ranges: ranges,
  };
  const [layer, unit] = selected ?? [-1, -1];
  if (layer >= 0 && unit < (state.hidden[layer] ?? 0)) {
    const width = state.hidden[layer];
    const [bytes, scales] = maps(large[layer].a.filter((_, i) => i % width === unit), 1, SIDE);
    arrays.selected = bytes;
    facts.selected = { layer, unit, scale: scales[0] };
  }
  return [facts, arrays];
}

/** Take one step and show all of it; see `flow` in plane/snapshot.py. */
export function flow(session) {
  const { layers } = session.network;
  const before = flat(layers.map(({ weight }) => weight));
  const taken = session.step();
  const facts = { taken: taken ? 1 : 0, steps: session.steps, failure: session.failure };
  if (!taken) return [facts, {}];
  const { rows, inputs, outputs, loss } = taken;
  const sums = (table, width) => Array.from({ length: width }, (_, unit) => table.reduce((sum, v, i) => (i % width === unit ? sum + v : sum), 0));
  const means = (table, width) => sums(table, width).map((sum) => sum / rows.length);
  return [{ ...facts, loss: finite(loss) }, {
    rows: Int32Array.from(rows), inputs: flat([means(inputs, session.sizes[0])]),
    values: flat(outputs.map(({ a }, l) => means(a, layers[l].units))),
    signals: flat(session.gradients.map(({ signals }, l) => sums(signals, layers[l].units))),
    before, after: flat(layers.map(({ weight }) => weight)), slopes: flat(session.gradients.map(({ weight }) => weight)),
  }];
}

function gridInputs(session, side) {
  const key = [session.window, session.state.features, side].join();
  session.grids ??= new Map();
  if (!session.grids.has(key)) session.grids.set(key, featuresOf(session.state.features, grid(session.window, side)));
  return session.grids.get(key);
}

/** Units whose slope is 0 at every point, and those that are flat at nine tenths of them. */
function health(row, z, units) {
  const steepest = Array.from({ length: 81 }, (_, i) => row.slope(-4 + i / 10)).reduce((a, b) => Math.max(a, b));
  const levels = row.smooth && Number.isFinite(row.low) && Number.isFinite(row.high);
  const found = { dead: [], saturated: [] };
  for (let unit = 0; unit < units; unit++) {
    const slopes = z.filter((_, i) => i % units === unit).map((sum) => Math.abs(row.slope(sum)));
    const low = slopes.filter((slope) => slope < SATURATED * steepest).length;
    if (levels && low / slopes.length >= 0.9) found.saturated.push(unit);
    else if (slopes.every((slope) => slope === 0)) found.dead.push(unit);
  }
  return found;
}

/** A table (side² × count) to bytes (count, side, side) and scales: value = (byte / 127.5 - 1) scale. */
function maps(table, count, side, scale = null) {
  const bytes = shaped(new Uint8Array(table.length), count, side, side);
  const scales = new Float32Array(count);
  const bounded = (v) => (Number.isNaN(v) ? 0 : Math.max(-1e6, Math.min(1e6, v)));
  for (let map = 0; map < count; map++) {
    let most = scale ?? 1e-6;
    if (scale === null) for (let i = map; i < table.length; i += count) most = Math.max(most, Math.abs(bounded(table[i])));
    scales[map] = most;
    for (let i = map, at = map * side * side; i < table.length; i += count)
      bytes[at++] = Math.round((Math.max(-1, Math.min(1, bounded(table[i]) / most)) + 1) * 127.5);
  }
  return [bytes, scales];
}

function bins(values, low, high) {
  const counts = new Float32Array(BINS);
  for (const value of values) counts[Math.min(BINS - 1, Math.floor(((value - low) / (high - low)) * BINS))]++;
  return counts.map((count) => count / Math.max(values.length, 1));
}

function activationBins(tables) {
  const counts = shaped(new Float32Array(tables.length * BINS), tables.length, BINS);
  const ranges = shaped(new Float32Array(tables.length * 2), tables.length, 2);
  tables.forEach((table, l) => {
    const values = table.filter(Number.isFinite);
    const [low, high] = [values.reduce((a, b) => Math.min(a, b), -1), values.reduce((a, b) => Math.max(a, b), 1)];
    counts.set(bins(values, low, high), l * BINS);
    ranges.set([low, high], 2 * l);
  });
  return [counts, ranges];
}

function gradientBins({ gradients, network }) {
  const [low, high] = GRADIENT_RANGE;
  const rows = shaped(new Float32Array(network.layers.length * BINS), network.layers.length, BINS);
  gradients?.forEach(({ weight }, l) => {
    const logs = weight.filter(Number.isFinite).map((g) => Math.min(high, Math.max(low, Math.log10(Math.max(Math.abs(g), 10 ** low)))));
    rows.set(bins(logs, low, high), l * BINS);
  });
  return rows;
}
