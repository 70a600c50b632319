// The output map: what the network says everywhere, and the points it learns from and is tested on.

import { colorOf, css, paint } from "./palette.js";

const field = document.createElement("canvas"); // the map at its own resolution

export class OutputMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.bytes = null;
    this.side = 100;
    this.window = [-6, 6, -6, 6];
    this.train = this.test = [];
    this.showTest = this.discretize = this.regress = false;
    this.marked = new Set(); // rows of the batch that is being shown
    this.cursor = null; // where the keyboard draws
  }

  /** From pixels of the page to the plane. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [left, right, bottom, top] = this.window;
    return [
      left + ((event.clientX - box.left) / box.width) * (right - left),
      top - ((event.clientY - box.top) / box.height) * (top - bottom),
    ];
  }

  draw() {
    const size = Math.round(this.canvas.clientWidth * devicePixelRatio) || 600;
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const context = this.canvas.getContext("2d");
    if (this.bytes) {
      paint(field, this.bytes, this.side, this.discretize);
      context.imageSmoothingEnabled = !this.discretize;
      context.imageSmoothingQuality = "high";
      context.drawImage(field, 0, 0, size, size);
    } else {
      context.fillStyle = colorOf(0);
      context.fillRect(0, 0, size, size);
    }
    this.axes(context, size);
    const radius = size * Math.max(0.0055, 0.0085 - this.train.length / 3 / 2e6);
    const look = { window: this.window, regress: this.regress };
    if (this.showTest) drawPoints(context, size, this.test, { ...look, radius: radius * 0.9, hollow: true });
    drawPoints(context, size, this.train, { ...look, radius, marked: this.marked });
    if (this.cursor) this.cross(context, size);
  }

  axes(context, size) {
    const [left, right, bottom, top] = this.window;
    context.strokeStyle = css("--ink");
    context.fillStyle = css("--ink");
    context.globalAlpha = 0.5;
    context.lineWidth = devicePixelRatio;
    context.font = `${11 * devicePixelRatio}px ${css("--sans")}`;
    const tick = 5 * devicePixelRatio;
    // A halo of paper keeps the numbers readable on the strongest colors.
    const label = (text, x, y) => {
      context.save();
      Object.assign(context, { globalAlpha: 0.8, strokeStyle: css("--glass"), lineWidth: 3 * devicePixelRatio, lineJoin: "round" });
      context.strokeText(text, x, y);
      context.globalAlpha = 1;
      context.fillText(text, x, y);
      context.restore();
    };
    const step = right - left > 5 ? 2 : right - left > 2 ? 1 : 0.25;
    context.beginPath();
    for (let x = Math.ceil(left / step) * step; x < right - step / 3; x += step) {
      const at = ((x - left) / (right - left)) * size;
      if (at < tick * 3) continue;
      context.moveTo(at, size);
      context.lineTo(at, size - tick);
      context.textAlign = "center";
      label(`${+x.toFixed(2)}`.replace("-", "−"), at, size - tick * 1.7);
    }
    for (let y = Math.ceil(bottom / step) * step; y < top - step / 3; y += step) {
      const at = ((top - y) / (top - bottom)) * size;
      if (at > size - tick * 4) continue;
      context.moveTo(0, at);
      context.lineTo(tick, at);
      context.textAlign = "left";
      label(`${+y.toFixed(2)}`.replace("-", "−"), tick * 1.6, at + 4 * devicePixelRatio);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  cross(context, size) {
    const [left, right, bottom, top] = this.window;
    const x = ((this.cursor[0] - left) / (right - left)) * size;
    const y = ((top - this.cursor[1]) / (top - bottom)) * size;
    context.strokeStyle = css("--ink");
    context.lineWidth = 2 * devicePixelRatio;
    context.strokeRect(x - 6, y - 6, 12, 12);
  }
}

/** Rows (x, y, target) as points: disks are positive, diamonds negative; test points are hollow. */
export function drawPoints(context, size, rows, { window, radius, regress, hollow = false, marked = new Set() }) {
  const [left, right, bottom, top] = window;
  const paper = css("--glass");
  const ink = css("--ink");
  const classes = [css("--negative"), css("--positive")];
  for (let i = 0; i < rows.length; i += 3) {
    const x = ((rows[i] - left) / (right - left)) * size;
    const y = ((top - rows[i + 1]) / (top - bottom)) * size;
    const chosen = marked.has(i / 3);
    const r = chosen ? radius * 1.9 : radius;
    context.beginPath();
    if (rows[i + 2] > 0) context.arc(x, y, r, 0, 7);
    else {
      const d = r * 1.25;
      context.moveTo(x, y - d);
      context.lineTo(x + d, y);
      context.lineTo(x, y + d);
      context.lineTo(x - d, y);
      context.closePath();
    }
    context.lineWidth = radius * (chosen ? 1 : 0.55);
    const color = regress ? colorOf(rows[i + 2]) : classes[rows[i + 2] > 0 ? 1 : 0];
    context.fillStyle = hollow ? paper : color;
    context.strokeStyle = hollow ? color : chosen ? ink : paper;
    context.fill();
    context.stroke();
  }
}
