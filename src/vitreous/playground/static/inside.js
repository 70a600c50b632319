// What happens in each layer, as histograms: activations at all training points, and the size of
// the last step's gradients on a logarithmic axis. A gradient that vanishes moves to the left.

import { colorOf, css } from "./palette.js";

export class Inside {
  constructor(root) { this.root = root; }

  build(scene) {
    this.scene = scene;
    const grid = document.createElement("div");
    grid.className = "layers";
    this.cards = scene.sizes.slice(1).map((units, layer) => {
      const output = layer === scene.sizes.length - 2;
      const card = document.createElement("div");
      card.className = "layer-card";
      card.innerHTML = `<h3>${output ? "Output" : `Layer ${layer + 1}, ${units} unit${units > 1 ? "s" : ""}`}</h3>
        <p class="what"><span>activations</span><span class="marks"></span></p><canvas role="img"></canvas><div class="axis"><span></span><span></span></div>
        <p class="what"><span>gradients</span><span class="typical"></span></p><canvas role="img"></canvas>
        <div class="axis"><span>10<sup>${scene.gradient_range[0]}</sup></span><span>10<sup>${scene.gradient_range[1]}</sup></span></div>`;
      grid.append(card);
      return card;
    });
    this.root.replaceChildren(grid);
  }

  update(frame) {
    const { activations, activation_ranges: ranges, gradients } = frame.arrays;
    const bins = activations.shape[1];
    const [low, high] = this.scene.gradient_range;
    this.cards.forEach((card, layer) => {
      const [first, second] = card.querySelectorAll("canvas");
      const [from, to] = [ranges[2 * layer], ranges[2 * layer + 1]];
      const shares = activations.subarray(layer * bins, (layer + 1) * bins);
      bars(first, shares, (bin) => {
        const value = (from + ((bin + 0.5) / bins) * (to - from)) / Math.max(-from, to);
        return colorOf(Math.sign(value) * (0.35 + 0.65 * Math.abs(value))); // never the paper's own color
      });
      first.setAttribute("aria-label", `Activations from ${from.toFixed(1)} to ${to.toFixed(1)}`);
      const axis = card.querySelectorAll(".axis")[0].children;
      axis[0].textContent = +from.toFixed(1);
      axis[1].textContent = +to.toFixed(1);
      const slopes = gradients.subarray(layer * bins, (layer + 1) * bins);
      bars(second, slopes, () => css("--accent"));
      const middle = median(slopes);
      const typical = middle === null ? "no step yet" : middle === 0 ? "mostly zero" : `typically 10^${(low + ((middle + 0.5) / bins) * (high - low)).toFixed(1)}`;
      second.setAttribute("aria-label", `Gradients of the weights, ${typical}`);
      card.querySelector(".typical").innerHTML = typical.replace(/\^(-?[\d.]+)/, "<sup>$1</sup>");
      const health = frame.layers[layer];
      const words = [];
      if (health?.dead.length) words.push(`${health.dead.length} dead`);
      if (health?.saturated.length) words.push(`${health.saturated.length} saturated`);
      card.querySelector(".marks").textContent = words.join(", ");
    });
  }
}

function bars(canvas, shares, color) {
  const ratio = devicePixelRatio;
  const [width, height] = [Math.round(canvas.clientWidth * ratio) || 200, Math.round(canvas.clientHeight * ratio) || 54];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  const top = Math.max(...shares, 1e-9);
  const step = width / shares.length;
  shares.forEach((share, bin) => {
    const size = Math.sqrt(share / top) * (height - 2 * ratio); // the root keeps small bins visible
    context.fillStyle = color(bin);
    context.fillRect(bin * step + ratio / 2, height - size, step - ratio, size);
  });
  context.fillStyle = css("--edge");
  context.fillRect(0, height - ratio, width, ratio);
}

function median(shares) {
  const total = shares.reduce((a, b) => a + b, 0);
  if (!total) return null;
  let sum = 0;
  return shares.findIndex((share) => (sum += share) >= total / 2);
}
