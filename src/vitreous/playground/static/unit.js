// The unit that was chosen: what goes into it, as a table.

import { css } from "./palette.js";
import { short } from "./network.js";

export class UnitPanel {
  constructor(root) {
    this.root = root;
    this.empty = root.innerHTML;
    this.chosen = null;
  }

  choose(layer, unit) {
    this.chosen = layer === null ? null : [layer, unit];
    this.root.innerHTML = this.empty;
    this.rows = null;
  }

  update(scene, frame, labels) {
    if (!this.chosen) return;
    const [layer, unit] = this.chosen;
    const { sizes } = scene;
    if (layer >= sizes.length - 2 || unit >= sizes[layer + 1]) return this.choose(null);
    const sources = layer ? Array.from({ length: sizes[layer] }, (_, i) => `layer ${layer}, unit ${i + 1}`) : scene.state.features.map((name) => labels[name]);
    if (!this.rows) this.build(layer, unit, sources);
    const start = sizes.slice(1, layer + 1).reduce((sum, n, l) => sum + n * sizes[l], 0) + unit * sizes[layer];
    const bias = frame.arrays.biases[sizes.slice(1, layer + 1).reduce((a, b) => a + b, 0) + unit];
    const weights = [...frame.arrays.weights.subarray(start, start + sizes[layer]), bias];
    const most = Math.max(...weights.map(Math.abs), 1e-9);
    this.rows.forEach(([cell, bar], i) => {
      cell.textContent = short(weights[i]);
      bar.style.cssText = `width:${(Math.abs(weights[i]) / most) * 100}%;background:${css(weights[i] > 0 ? "--positive" : "--negative")}`;
    });
    const { dead, saturated } = frame.layers[layer];
    this.root.querySelector(".state").textContent = dead.includes(unit) ? "Dead: its slope is zero at every training point, so no gradient passes."
      : saturated.includes(unit) ? "Saturated: at nine tenths of the points its slope is below 5 % of the steepest." : "Alive.";
  }

  build(layer, unit, sources) {
    this.root.innerHTML = `<p class="hint">Layer ${layer + 1}, unit ${unit + 1}; its map is shown as the answer map. <span class="state"></span></p>
      <div class="scroll" tabindex="0" role="region" aria-label="Weights of the unit"><table><thead><tr><th scope="col">From</th><th scope="col">Weight</th><th scope="col"><span class="hidden">Size</span></th></tr></thead><tbody></tbody></table></div>`;
    const body = this.root.querySelector("tbody");
    this.rows = [...sources, "bias"].map((source) => {
      body.insertAdjacentHTML("beforeend", `<tr><th scope="row">${source}</th><td class="number"></td><td class="size"><span class="bar"></span></td></tr>`);
      const row = body.lastElementChild;
      return [row.querySelector(".number"), row.querySelector(".bar")];
    });
  }
}
