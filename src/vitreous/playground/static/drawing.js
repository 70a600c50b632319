// A black square to draw on, in white, with a soft brush like a thick pen.

const SIDE = 280;

export class Drawing {
  /** changed(blob): the drawing as a PNG, after every stroke and while it grows. */
  constructor(canvas, changed) {
    Object.assign(canvas, { width: SIDE, height: SIDE });
    this.canvas = canvas;
    this.changed = changed;
    this.context = canvas.getContext("2d");
    this.clear();
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = this.place(event);
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

  clear() {
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
    if (!event.shiftKey) { this.stroke(from, this.pen); this.tell(); }
  }

  /** Show pixels (side × side bytes), enlarged. */
  show(bytes, side) {
    const small = new OffscreenCanvas(side, side);
    const image = new ImageData(side, side);
    bytes.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    small.getContext("2d").putImageData(image, 0, 0);
    this.context.drawImage(small, 0, 0, SIDE, SIDE);
  }

  tell() { this.canvas.toBlob((blob) => blob && this.changed(blob)); }
}
