// One batch, phase by phase: points chosen, values forward layer by layer, the loss, gradients back
// layer by layer, and the weights after the step.

import { short } from "./network.js";

const PACE = 650; // milliseconds a phase, where motion is welcome

export class Flow {
  /** on: {overlay(overlay), mark(rows)} */
  constructor(root, on) {
    this.root = root;
    this.on = on;
  }

  /** Forget the batch, and show weights again. */
  clear() {
    clearInterval(this.timer);
    if (!this.phases) return;
    this.phases = null;
    this.root.hidden = true;
    this.on.mark([]);
    this.on.overlay(null);
  }

  show(flow, scene) {
    clearInterval(this.timer);
    this.phases = phases(flow, scene);
    this.rows = flow.arrays.rows;
    this.root.innerHTML = `<h3>One batch, forward and back</h3><div class="phases" role="group" aria-label="Phases of the batch"></div>
      <button class="quiet close" aria-label="Close the batch">Close</button><p id="phase" aria-live="polite"></p>`;
    this.root.hidden = false;
    this.root.querySelector(".close").onclick = () => this.clear();
    const strip = this.root.querySelector(".phases");
    this.buttons = this.phases.map(({ name }, i) => {
      const button = document.createElement("button");
      button.textContent = name;
      button.onclick = () => { clearInterval(this.timer); this.go(i); };
      strip.append(button);
      return button;
    });
    this.go(0);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.timer = setInterval(() => {
      if (this.at + 1 < this.phases.length) this.go(this.at + 1);
      else clearInterval(this.timer);
    }, PACE);
  }

  go(index) {
    this.at = index;
    this.buttons.forEach((button, i) => (i === index ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current")));
    const phase = this.phases[index];
    this.root.querySelector("#phase").textContent = phase.text;
    this.on.mark(this.rows);
    this.on.overlay(phase.overlay);
  }
}

function phases(flow, scene) {
  const { inputs, values, signals, before, after, slopes, rows } = flow.arrays;
  const sizes = scene.sizes;
  const last = sizes.length - 2; // number of the answer's layer of weights
  const names = (layer) => (layer === last ? "Output" : `Layer ${layer + 1}`);
  const split = (array) => {
    let at = 0;
    return sizes.slice(1).map((n) => array.subarray(at, (at += n)));
  };
  const [forward, backward] = [split(values), split(signals)];
  const offsets = sizes.slice(1).reduce((all, n, l) => [...all, all.at(-1) + n * sizes[l]], [0]);
  const carried = Float32Array.from(before, (weight, i) => {
    const layer = offsets.findIndex((o, l) => i >= o && i < offsets[l + 1]);
    const from = (i - offsets[layer]) % sizes[layer];
    return weight * (layer ? forward[layer - 1][from] : inputs[from]);
  });
  const largest = (array) => array.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-12);
  const range = (array) => `${short(Math.min(...array))} to ${short(Math.max(...array))}`;
  const upTo = (n) => Array.from({ length: n + 1 }, (_, i) => i);
  const list = [{
    name: "Batch",
    text: `${rows.length} training points are taken: they are marked on the output map. The inputs show their means.`,
    overlay: { lines: before, layers: [], values: { 0: inputs } },
  }];
  for (let layer = 0; layer <= last; layer++) {
    const shown = Object.fromEntries([[0, inputs], ...forward.slice(0, layer + 1).map((v, i) => [i + 1, v])]);
    list.push({
      name: names(layer), text: `Forward to ${names(layer).toLowerCase()}: each unit adds what its lines carry (weight × value) and a bias, and passes the sum on${layer < last ? " through the activation" : ""}. Means over the batch: ${range(forward[layer])}.`,
      overlay: { lines: carried, scale: largest(carried) / 2, layers: upTo(layer), values: shown },
    });
  }
  list.push({ name: "Loss", text: `The loss of this batch is ${flow.loss?.toFixed(4) ?? "no number"}: the mean over its points. Now its gradient goes back.`, overlay: { lines: before, layers: [], values: { [sizes.length - 1]: forward[last] } } });
  for (let layer = last; layer >= 0; layer--) {
    const part = slopes.subarray(offsets[layer], offsets[layer + 1]);
    const shown = Object.fromEntries(backward.slice(layer).map((v, i) => [layer + i + 1, v]));
    list.push({
      name: `∂ ${names(layer)}`, text: `Backward to ${names(layer).toLowerCase()}: under each unit, how much the loss would grow if its value did; the lines show the gradients of the weights, ${range(part)}.`,
      overlay: { lines: slopes, scale: largest(slopes) / 2, layers: upTo(last).filter((l) => l >= layer), values: shown },
    });
  }
  const change = Float32Array.from(after, (weight, i) => weight - before[i]);
  list.push({ name: "Update", text: `The step: every weight moves against its gradient. The largest change is ${short(largest(change))}.`, overlay: { lines: change, scale: largest(change) / 2, values: {} } });
  return list;
}
