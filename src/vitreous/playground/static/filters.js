// The kernels of the first convolution as a grid; the one that is pointed at is shown large.

import { bitmap, paintMap } from "./evidence.js";
import { short } from "./network.js";

export class Filters {
  constructor(panel) {
    this.panel = panel;
    this.grid = panel.querySelector("#filters");
    [this.large, this.caption] = panel.querySelector("figure").children;
  }

  /** network: its `filters` (count, scale, ranges) and its array of kernels (K, h, w, C). */
  show({ filters, arrays }) {
    this.panel.hidden = !filters;
    if (!filters) return;
    this.facts = filters;
    this.kernels = arrays.filters;
    const [count] = this.kernels.shape;
    this.grid.replaceChildren(...Array.from({ length: count }, (_, kernel) => this.tile(kernel, count)));
    this.enlarge(0);
  }

  tile(kernel, count) {
    const button = document.createElement("button");
    button.className = "map-tile";
    button.tabIndex = kernel ? -1 : 0;
    button.setAttribute("aria-label", `Filter ${kernel + 1}`);
    button.append(document.createElement("canvas"));
    this.paint(button.firstChild, kernel);
    button.onpointerenter = button.onfocus = () => this.enlarge(kernel);
    button.onkeydown = (event) => {
      const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
      const next = this.grid.children[kernel + step];
      if (!step) return;
      event.preventDefault();
      if (!next) return;
      button.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    };
    return button;
  }

  enlarge(kernel) {
    this.kernel = kernel;
    this.paint(this.large, kernel);
    const [count, height, width, channels] = this.kernels.shape;
    const [low, high] = this.facts.ranges[kernel];
    const of = count < this.facts.count ? `, the first ${count} are shown` : "";
    this.caption.textContent = `Filter ${kernel + 1} of ${this.facts.count}${of}: ${height} × ${width} weights${channels === 3 ? " in red, green and blue" : ""}, from ${short(low)} to ${short(high)}.`;
    this.large.setAttribute("aria-label", this.caption.textContent);
  }

  paint(canvas, kernel) {
    const [, height, width, channels] = this.kernels.shape;
    const bytes = this.kernels.slice(kernel * height * width * channels, (kernel + 1) * height * width * channels);
    if (channels === 1) return paintMap(canvas, bytes, height, width);
    bytes.shape = [height, width, channels];
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage(bitmap(bytes), 0, 0);
  }

  recolor() {
    if (!this.facts) return;
    [...this.grid.children].forEach((button, kernel) => this.paint(button.firstChild, kernel));
    this.enlarge(this.kernel);
  }
}
