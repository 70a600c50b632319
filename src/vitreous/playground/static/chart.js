// Loss against steps, for training and test points, in as many pixels as there are.

import { css } from "./palette.js";

const KEPT = 800; // points of a curve; when there are more, every second one goes

const [LEFT, RIGHT] = [40, 4]; // pixels beside the curves

export class LossChart {
  constructor(canvas) {
    this.canvas = canvas;
    this.logarithmic = false;
    this.clear();
  }

  clear() { this.rows = []; }

  add(step, train, test) {
    const last = this.rows.at(-1);
    if (train === null || test === null || (last && step <= last[0])) return;
    this.rows.push([step, train, test]);
    if (this.rows.length > KEPT) this.rows = this.rows.filter((_, i) => i % 2 === 0 || i === this.rows.length - 1);
  }

  /** The row [step, training loss, test loss] nearest to a place of the page, or null. */
  at(clientX) {
    const box = this.canvas.getBoundingClientRect();
    const step = ((clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * Math.max(this.rows.at(-1)?.[0] ?? 0, 1);
    return this.rows.reduce((best, row) => (!best || Math.abs(row[0] - step) < Math.abs(best[0] - step) ? row : best), null);
  }

  draw() {
    const { canvas, rows } = this;
    const ratio = devicePixelRatio;
    const width = Math.round(canvas.clientWidth * ratio) || 300;
    const height = Math.round(canvas.clientHeight * ratio) || 130;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const [left, top, bottom] = [LEFT * ratio, 16 * ratio, height - 18 * ratio];
    const values = rows.flatMap(([, train, test]) => [train, test]);
    let high = Math.max(0.01, ...values.slice(-2 * KEPT));
    let low = 0;
    if (this.logarithmic) {
      low = 10 ** Math.floor(Math.log10(Math.max(1e-9, Math.min(...values, 0.1))));
      high = 10 ** Math.ceil(Math.log10(high));
    }
    const last = Math.max(rows.at(-1)?.[0] ?? 0, 1);
    const x = (step) => left + (step / last) * (width - left - RIGHT * ratio);
    const share = (v) => this.logarithmic
      ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : (v - low) / (high - low);
    const y = (value) => bottom - share(value) * (bottom - top);

    context.font = `${11 * ratio}px ${css("--sans")}`;
    context.fillStyle = css("--soft");
    context.strokeStyle = css("--edge");
    context.lineWidth = ratio;
    context.textAlign = "right";
    for (const value of ticks(low, high, this.logarithmic)) {
      context.beginPath();
      context.moveTo(left, y(value));
      context.lineTo(width, y(value));
      context.stroke();
      context.fillText(`${+value.toPrecision(2)}`, left - 5 * ratio, y(value) + 4 * ratio);
    }
    context.textAlign = "left";
    context.fillText("loss", 0, 9 * ratio);
    context.textAlign = "right";
    if (rows.at(-1)?.[0]) context.fillText(`${last.toLocaleString("en")} step${last === 1 ? "" : "s"}`, width - RIGHT * ratio, height - 4 * ratio);
    const line = (column, color, dash, thick) => {
      context.strokeStyle = color;
      context.lineWidth = thick * ratio;
      context.setLineDash(dash.map((d) => d * ratio));
      context.beginPath();
      rows.forEach((row, i) => context[i ? "lineTo" : "moveTo"](x(row[0]), y(row[column])));
      context.stroke();
      context.setLineDash([]);
    };
    line(1, css("--accent"), [5, 3], 2);
    line(2, css("--ink"), [], 2.2);
    const [, train, test] = rows.at(-1) ?? [0, 0, 0];
    canvas.setAttribute("aria-label", rows.length
      ? `Loss curves over ${last} steps: training ${train.toFixed(4)}, test ${test.toFixed(4)}` : "Loss curves, empty");
  }
}

function ticks(low, high, logarithmic) {
  if (!logarithmic) return [0, high / 2, high];
  const decades = [];
  for (let value = low; value <= high * 1.001; value *= 10) decades.push(value);
  return decades.filter((_, i) => i % Math.ceil(decades.length / 4) === 0);
}
