// The digits as the last layer is given them, along two principal components, and the present image.

import { css } from "./palette.js";

export class Cloud {
  /** open(number): the digit that was chosen */
  constructor(canvas, text, open) {
    this.canvas = canvas;
    this.text = text;
    this.number = 0;
    canvas.onclick = (event) => open((this.number = this.nearest(event)));
    canvas.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !this.message) return;
      event.preventDefault();
      const count = this.message.arrays.targets.length;
      open((this.number = (this.number + step + count) % count));
    };
  }

  show(message) {
    this.message = message;
    const shares = message.shares.map((share) => `${Math.round(share * 100)} %`);
    this.text.textContent = `${message.arrays.targets.length} held-out digits in ${message.dimensions} dimensions; the picture keeps ${shares[0]} (across) and ${shares[1]} (upwards) of the variance. The ring is the present image. Choose a digit to look at it; with the keyboard, the arrows.`;
    this.draw();
  }

  /** From the plane of the components to pixels of the canvas. */
  place(places, i) {
    const size = this.canvas.width;
    const scale = (0.46 * size) / this.edge;
    return [size / 2 + places[2 * i] * scale, size / 2 - places[2 * i + 1] * scale];
  }

  draw() {
    if (!this.message) return;
    const { places, targets, here } = this.message.arrays;
    const ratio = devicePixelRatio;
    const size = Math.round(this.canvas.clientWidth * ratio) || 300;
    this.canvas.width = this.canvas.height = size;
    this.edge = [...places, ...here].reduce((edge, x) => Math.max(edge, Math.abs(x)), 1e-9);
    const context = this.canvas.getContext("2d");
    context.font = `600 ${12 * ratio}px ${css("--sans")}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const light = document.documentElement.dataset.theme === "dark" ? "72%" : "36%";
    for (let i = 0; i < targets.length; i++) {
      context.fillStyle = `hsl(${targets[i] * 36} 70% ${light})`;
      context.fillText(targets[i], ...this.place(places, i));
    }
    for (const [color, width] of [[css("--glass"), 6], [css("--ink"), 2.5]]) {
      context.strokeStyle = color;
      context.lineWidth = width * ratio;
      context.beginPath();
      context.arc(...this.place(here, 0), 11 * ratio, 0, 7);
      context.stroke();
    }
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const { places, targets } = this.message.arrays;
    let [best, least] = [0, Infinity];
    for (let i = 0; i < targets.length; i++) {
      const [px, py] = this.place(places, i);
      const distance = Math.hypot(px - x, py - y);
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }
}
