// What a layer makes of the training points, seen along its two principal components.

import { drawPoints } from "./map.js";
import { css } from "./palette.js";

export class Embedding {
  constructor(canvas, text) {
    this.canvas = canvas;
    this.text = text;
  }

  draw(frame, scene) {
    const places = frame.arrays.embedding;
    if (!places) return;
    const { layer, shares } = frame.embedding;
    const { targets, window } = rows(places, scene.arrays.train);
    const size = Math.round(this.canvas.clientWidth * devicePixelRatio) || 400;
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const context = this.canvas.getContext("2d");
    context.fillStyle = css("--paper");
    context.fillRect(0, 0, size, size);
    context.strokeStyle = css("--edge");
    context.lineWidth = devicePixelRatio;
    context.beginPath();
    for (const [x, y] of [[0, 0.5], [0.5, 0]]) {
      context.moveTo(x * size, y * size);
      context.lineTo(x ? x * size : size, y ? y * size : size);
    }
    context.stroke();
    context.font = `${11.5 * devicePixelRatio}px ${css("--sans")}`;
    const radius = size * Math.max(0.006, 0.011 - targets.length / 3 / 2e5);
    drawPoints(context, size, targets, { window, radius, regress: scene.task === "regress" });
    const [first, second] = shares.map((share) => `${Math.round(share * 100)} %`);
    const units = layer ? scene.sizes[layer] : scene.sizes[0];
    this.text.textContent = `${layer ? `Layer ${layer}: ${units} unit${units === 1 ? "" : "s"}` : `The ${units} input${units === 1 ? "" : "s"}`} at ${targets.length / 3} training points. Across: the direction in which they differ most, ${first} of the variance; upwards: the next one, ${second}.`;
    this.canvas.setAttribute("aria-label", `Embedding. ${this.text.textContent}`);
  }
}

/** Places (N, 2) and the targets of the points as rows (x, y, target), in a square that holds them. */
function rows(places, train) {
  const count = Math.min(places.length / 2, train.length / 3);
  const targets = new Float32Array(count * 3);
  let edge = 1e-6;
  for (let i = 0; i < count; i++) {
    targets.set([places[2 * i], places[2 * i + 1], train[3 * i + 2]], 3 * i);
    edge = Math.max(edge, Math.abs(places[2 * i]), Math.abs(places[2 * i + 1]));
  }
  edge *= 1.08;
  return { targets, window: [-edge, edge, -edge, edge] };
}
