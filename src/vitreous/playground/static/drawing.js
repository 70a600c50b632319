// A black square to draw on, in white, with a soft brush like a thick pen.

import { bitmap } from "./evidence.js";

const SIDE = 280;

export class Drawing {
  /** on: {number, ready}. After every stroke and while it grows, number() gives the drawing a number,
   *  and ready(number, blob) hands it over as a PNG. */
  constructor(canvas, on) {
    Object.assign(canvas, { width: SIDE, height: SIDE });
    this.canvas = canvas;
    this.on = on;
    this.context = canvas.getContext("2d");
    this.clear();
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = this.place(event);
      this.begin();
      this.stroke(last, last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const here = this.place(event);
      this.stroke(last, here);
      last = here;
    });
    const end = () => { if (last) { last = null; this.tell(); } };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.pen = null; });
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  /** A stroke begins: on an image that was only shown, it is the first of a new drawing. */
  begin() { if (this.isShown) this.clear(); }

  /** Clear it, and say so. */
  wipe() {
    this.clear();
    this.tell();
  }

  clear() {
    this.isShown = false;
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, SIDE, SIDE);
  }

  stroke(from, to) {
    const c = this.context;
    c.lineCap = c.lineJoin = "round";
    for (const [width, alpha] of [[36, 0.35], [27, 1]]) {
      c.strokeStyle = `rgb(255 255 255 / ${alpha})`;
      c.lineWidth = width;
      c.beginPath();
      c.moveTo(...from);
      c.lineTo(to[0] + 0.01, to[1]);
      c.stroke();
    }
    const now = performance.now();
    if (now - (this.told ?? 0) > 120) { this.told = now; this.tell(); }
  }

  /** Arrows move a pen that draws; with Shift it is lifted. */
  key(event) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const from = this.pen ?? [SIDE / 2, SIDE / 2];
    this.pen = from.map((c, i) => Math.max(0, Math.min(SIDE, c + step[i] * 12)));
    if (event.shiftKey) return;
    this.begin();
    this.stroke(from, this.pen);
    this.tell();
  }

  /** Show an image (height, width, channels), enlarged; the next stroke begins a new drawing. */
  show(image) {
    this.clear();
    const [height, width] = image.shape;
    const scale = SIDE / Math.max(height, width);
    this.context.drawImage(bitmap(image), (SIDE - width * scale) / 2, (SIDE - height * scale) / 2, width * scale, height * scale);
    this.isShown = true;
  }

  tell() {
    const number = this.on.number();
    this.canvas.toBlob((blob) => blob && this.on.ready(number, blob));
  }
}
