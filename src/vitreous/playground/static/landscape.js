// The loss on a plane through the present weights, as a picture with contour lines.

import { colors, css } from "./palette.js";

const LINES = 9; // contours, at equal ratios of the loss
const field = document.createElement("canvas"); // a pixel for each network of the slice

export class Landscape {
  constructor(canvas, text) {
    this.canvas = canvas;
    this.text = text;
    this.picture = null;
  }

  show(picture) {
    this.picture = picture;
    this.draw();
  }

  draw() {
    if (!this.picture) return;
    const { losses } = this.picture.arrays;
    const side = losses.shape[0];
    const now = losses[(losses.length - 1) / 2];
    const most = losses.reduce((a, b) => Math.max(a, b), 1e-12);
    const least = Math.max(losses.reduce((a, b) => Math.min(a, b), most), most * 1e-4);
    const height = Float32Array.from(losses, (loss) => Math.log(Math.max(loss, least) / least) / Math.max(Math.log(most / least), 1e-9));
    const size = Math.round(this.canvas.clientWidth * devicePixelRatio) || 400;
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const context = this.canvas.getContext("2d");
    this.paint(context, height, side, size);
    context.strokeStyle = css("--ink");
    context.globalAlpha = 0.45;
    context.lineWidth = devicePixelRatio;
    context.beginPath();
    for (let line = 1; line <= LINES; line++) contour(context, height, side, size, line / (LINES + 1));
    context.stroke();
    context.globalAlpha = 1;
    this.cross(context, size);
    const word = (loss) => (loss >= 1e29 ? "no number" : loss.toPrecision(3).replace(/e[+]?(-?)0*/, " · 10^").replace("-", "−"));
    this.text.textContent = `The cross is the network after ${this.picture.steps.toLocaleString("en")} step${this.picture.steps === 1 ? "" : "s"}: training loss ${word(now)}. In this square the loss goes from ${word(losses.reduce((a, b) => Math.min(a, b), most))} to ${word(most)}, the larger the more color; from line to line it grows by one factor.`;
    this.canvas.setAttribute("aria-label", `Loss landscape. ${this.text.textContent}`);
  }

  paint(context, height, side, size) {
    field.width = field.height = side;
    const image = new ImageData(side, side);
    const pixels = new Uint32Array(image.data.buffer);
    const palette = colors();
    height.forEach((h, i) => {
      const [row, column] = [Math.floor(i / side), i % side];
      pixels[(side - 1 - row) * side + column] = palette[128 + Math.round(h * 127)]; // rows go upwards
    });
    field.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingQuality = "high";
    // The centers of the outer pixels are the edges of the picture.
    context.drawImage(field, 0.5, 0.5, side - 1, side - 1, 0, 0, size, size);
  }

  cross(context, size) {
    const [middle, arm] = [size / 2, 8 * devicePixelRatio];
    for (const [color, width] of [[css("--glass"), 5], [css("--ink"), 2]]) {
      context.strokeStyle = color;
      context.lineWidth = width * devicePixelRatio;
      context.beginPath();
      context.moveTo(middle - arm, middle);
      context.lineTo(middle + arm, middle);
      context.moveTo(middle, middle - arm);
      context.lineTo(middle, middle + arm);
      context.stroke();
    }
  }
}

/** Marching squares: the segments of one contour line, cell by cell. */
function contour(context, height, side, size, level) {
  const at = (row, column) => height[row * side + column];
  const x = (column) => (column / (side - 1)) * size;
  const y = (row) => size - (row / (side - 1)) * size;
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      const crossings = [];
      corners.forEach(([r, c], i) => {
        const [r2, c2] = corners[(i + 1) % 4];
        const [a, b] = [at(r, c), at(r2, c2)];
        if (a < level === b < level) return;
        const t = (level - a) / (b - a);
        crossings.push([x(c + t * (c2 - c)), y(r + t * (r2 - r))]);
      });
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        context.moveTo(...crossings[i]);
        context.lineTo(...crossings[i + 1]);
      }
    }
  }
}
