// The unit that was chosen: what goes into it, as a table whose numbers can be changed.

import { css } from "./palette.js";

export class UnitPanel {
  /** set(layer, unit, source, value): a weight by hand, or with a source of null the bias. */
  constructor(root, set) {
    this.root = root;
    this.set = set;
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
    if (layer >= sizes.length - 1 || unit >= sizes[layer + 1]) return this.choose(null);
    const sources = layer ? Array.from({ length: sizes[layer] }, (_, i) => `layer ${layer}, unit ${i + 1}`) : scene.state.features.map((name) => labels[name]);
    const output = layer === sizes.length - 2;
    if (!this.rows) this.build(layer, unit, sources, output);
    const start = sizes.slice(1, layer + 1).reduce((sum, n, l) => sum + n * sizes[l], 0) + unit * sizes[layer];
    const bias = frame.arrays.biases[sizes.slice(1, layer + 1).reduce((a, b) => a + b, 0) + unit];
    const weights = [...frame.arrays.weights.subarray(start, start + sizes[layer]), bias];
    const most = Math.max(...weights.map(Math.abs), 1e-9);
    this.rows.forEach(([input, bar], i) => {
      // What is being typed is not overwritten.
      if (document.activeElement !== input) input.value = +weights[i].toFixed(3);
      bar.style.cssText = `width:${(Math.abs(weights[i]) / most) * 100}%;background:${css(weights[i] > 0 ? "--positive" : "--negative")}`;
    });
    const { dead, saturated } = frame.layers[layer] ?? { dead: [], saturated: [] };
    this.root.querySelector(".state").textContent = output ? "Its sum, squashed, is the color of the map."
      : dead.includes(unit) ? "Dead: its slope is zero at every training point, so no gradient passes."
      : saturated.includes(unit) ? "Saturated: at nine tenths of the points its slope is below 5 % of the steepest." : "Alive.";
  }

  build(layer, unit, sources, output) {
    const name = output ? "The output" : `Layer ${layer + 1}, unit ${unit + 1}; its map is shown large`;
    this.root.innerHTML = `<p class="hint">${name}. <span class="state"></span> Type a number to set a weight by hand.</p>
      <div class="scroll" tabindex="0" role="region" aria-label="Weights of the unit"><table><thead><tr><th scope="col">From</th><th scope="col">Weight</th><th scope="col"><span class="hidden">Size</span></th></tr></thead><tbody></tbody></table></div>`;
    const body = this.root.querySelector("tbody");
    this.rows = [...sources, "bias"].map((source, i) => {
      body.insertAdjacentHTML("beforeend", `<tr><th scope="row">${source}</th><td class="number"><input type="number" step="any" min="-1000" max="1000" aria-label="${i < sources.length ? `Weight from ${source}` : "Bias"}"></td><td class="size"><span class="bar"></span></td></tr>`);
      const input = body.lastElementChild.querySelector("input");
      input.onchange = () => input.validity.valid && input.value !== "" && this.set(layer, unit, i < sources.length ? i : null, +input.value);
      return [input, body.lastElementChild.querySelector(".bar")];
    });
  }
}
