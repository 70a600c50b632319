// Weights as lines: how thick, of which color, and which of them lies under the pointer.

import { css } from "./palette.js";

const REACH = 7; // pixels between the pointer and a line that it points at

export class Wires {
  constructor(canvas) { this.canvas = canvas; }

  /** x: of each column; rows: the heights of its units; tile: their side, all in pixels. */
  place(x, rows, tile) { Object.assign(this, { x, rows, tile }); }

  /** visit gets x0, y0, x1, y1, index, layer, from, to of every weight. */
  each(visit) {
    const { x, rows, tile } = this;
    let index = 0;
    for (let layer = 0; layer + 1 < rows.length; layer++)
      for (let to = 0; to < rows[layer + 1].length; to++)
        for (let from = 0; from < rows[layer].length; from++)
          visit(x[layer] + tile / 2, rows[layer][from], x[layer + 1] - tile / 2, rows[layer + 1][to], index++, layer, from, to);
  }

  /** Lines for values; `scale` is the size of a thick one, `layers` those that are drawn; `marked`
   *  is the number of one that stands out. */
  draw(values, { scale = 1.5, layers = null, marked = -1 } = {}) {
    const context = this.canvas.getContext("2d");
    const ratio = devicePixelRatio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const colors = [css("--negative"), css("--positive")];
    const thick = Math.min(1, 14 / Math.max(...this.rows.slice(1).map((row) => row.length)));
    context.lineCap = "round";
    this.each((x0, y0, x1, y1, index, layer) => {
      if (layers && !layers.includes(layer)) return;
      const size = Math.tanh(Math.abs(values[index]) / scale);
      if (size < 0.01 && index !== marked) return;
      const middle = (x0 + x1) / 2;
      context.beginPath();
      context.moveTo(x0, y0);
      context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
      if (index === marked) this.stroke(context, css("--accent"), 1, (0.5 + 5 * size) * thick + 4);
      this.stroke(context, colors[values[index] > 0 ? 1 : 0], (0.18 + 0.72 * size) * Math.sqrt(thick), (0.5 + 5 * size) * thick);
    });
    context.globalAlpha = 1;
  }

  stroke(context, color, alpha, width) {
    Object.assign(context, { strokeStyle: color, globalAlpha: alpha, lineWidth: width });
    context.stroke();
  }

  /** The weight under a place of the drawing, {index, layer, from, to}, or null. */
  near(px, py) {
    let best = null;
    this.each((x0, y0, x1, y1, index, layer, from, to) => {
      const along = (px - x0) / (x1 - x0);
      if (along < 0 || along > 1) return;
      let [low, high] = [0, 1]; // solve x(t) = along for the curve's own parameter
      for (let i = 0; i < 14; i++) {
        const t = (low + high) / 2;
        if (1.5 * t - 1.5 * t * t + t ** 3 < along) low = t; else high = t;
      }
      const distance = Math.abs(y0 + (y1 - y0) * (3 * low ** 2 - 2 * low ** 3) - py);
      if (distance < REACH && (!best || distance < best.distance)) best = { distance, index, layer, from, to };
    });
    return best;
  }
}
