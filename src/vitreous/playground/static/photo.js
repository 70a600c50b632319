// The photo with the answer drawn over it; the pixel under the pointer: what the network says there,
// and which pixels that depends on.

import { bitmap } from "./evidence.js";
import { css } from "./palette.js";

const ROWS = 8; // that are listed of a pixel

export class Photo {
  /** send(place): ask about a pixel {x, y} of the photo, in its own pixels. */
  constructor(root, send) {
    this.root = root;
    this.send = send;
    [this.photo, this.drawn, this.truth, this.marks] = root.querySelectorAll("canvas");
    this.readout = root.querySelector(".pixel");
    const [blend, truth] = root.querySelectorAll("input");
    blend.oninput = () => { this.drawn.style.opacity = this.truth.style.opacity = blend.value / 100; };
    truth.onchange = () => { this.truth.hidden = !truth.checked; };
    this.truthBox = truth;
    const point = (event) => {
      const box = this.marks.getBoundingClientRect();
      this.ask(Math.floor(((event.clientX - box.left) / box.width) * this.size.width), Math.floor(((event.clientY - box.top) / box.height) * this.size.height));
    };
    this.marks.onpointermove = this.marks.onclick = point;
    this.marks.onfocus = () => { if (!this.asked && this.size?.asks) this.ask(this.size.width >> 1, this.size.height >> 1); };
    this.marks.onkeydown = (event) => {
      const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
      if (!step || !this.asked) return;
      event.preventDefault();
      const by = event.shiftKey ? 10 : 1;
      this.ask(this.asked[0] + by * step[0], this.asked[1] + by * step[1]);
    };
    new ResizeObserver(() => this.mark()).observe(this.marks);
  }

  /** A new image: its photo and the answer over it; hidden where an answer has no place in it. */
  show(seen) {
    this.settle();
    this.told = null;
    const size = seen.photo;
    this.root.hidden = !size;
    if (!size) { this.size = this.asked = null; return; }
    const same = this.size && size.height === this.size.height && size.width === this.size.width;
    this.size = size;
    this.truthBox.parentElement.hidden = !seen.arrays.truth;
    this.truth.hidden = !seen.arrays.truth || !this.truthBox.checked;
    for (const name of ["photo", "drawn", "truth"]) {
      const array = seen.arrays[name];
      if (!array) continue;
      const [height, width] = array.shape;
      Object.assign(this[name], { width, height });
      this[name].getContext("2d").drawImage(bitmap(array), 0, 0);
      this[name].classList.toggle("coarse", Math.max(height, width) < 400);
    }
    this.root.querySelector(".stack").style.setProperty("--aspect", size.width / size.height);
    this.photo.setAttribute("aria-label", `The image, ${size.width} × ${size.height} pixels`);
    if (!same) this.asked = null;
    this.readout.innerHTML = `<p class="hint">${size.asks ? "Point at a pixel to hear what the network says there; with the keyboard, arrows move, Shift and arrows by ten." : "The answer is of the image as a whole."}</p>`;
    this.mark();
    if (this.asked) this.again();
  }

  /** No answer is awaited any more. */
  settle() { this.waiting = this.later = false; }

  /** Ask about a pixel; while one answer is awaited, only the last question is kept. */
  ask(x, y) {
    if (!this.size?.asks) return;
    const place = [Math.max(0, Math.min(this.size.width - 1, x)), Math.max(0, Math.min(this.size.height - 1, y))];
    if (String(place) === String(this.asked)) return;
    this.asked = place;
    this.again();
  }

  again() {
    this.later = this.waiting;
    if (this.waiting) return;
    this.waiting = true;
    this.send({ x: this.asked[0], y: this.asked[1] });
  }

  /** What was said of a pixel. */
  tell(told) {
    this.waiting = false;
    this.told = told;
    if (this.later) this.again();
    this.mark();
    const value = told.value.length === 1 ? `gray ${told.value[0]}` : told.value.slice(0, 4).join(" ");
    this.readout.innerHTML = '<p class="where"><span class="swatch"></span><span></span></p><h3></h3><table><tbody></tbody></table><p class="hint"></p>';
    const [r, g = r, b = r] = told.value;
    this.readout.querySelector(".swatch").style.background = `rgb(${r} ${g} ${b})`;
    this.readout.querySelector(".where span + span").textContent = `column ${told.x}, line ${told.y}: ${value}`;
    this.readout.querySelector("h3").textContent = told.title;
    for (const [name, number, text] of told.rows.slice(0, ROWS)) {
      const row = this.readout.querySelector("tbody").insertRow();
      row.innerHTML = `<th scope="row"></th><td class="number"></td>${told.shares ? '<td class="size"><span class="bar"></span></td>' : ""}`;
      row.cells[0].textContent = name;
      row.cells[1].textContent = text;
      if (told.shares) row.querySelector(".bar").style.cssText = `width:${number * 100}%;background:var(--accent)`;
    }
    this.readout.querySelector(".hint").textContent = depends(told) + (told.box ? " The dashed box is what this place tells of." : "");
  }

  /** The pixel, what its answer depends on, and the box that is told there. */
  mark() {
    const ratio = Math.max(devicePixelRatio, 1);
    const { clientWidth, clientHeight } = this.marks;
    Object.assign(this.marks, { width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio) });
    if (!this.told || !this.size) return;
    const context = this.marks.getContext("2d");
    const scale = this.marks.width / this.size.width;
    const frame = (edges, color, line, dash = []) => {
      const [left, top, right, bottom] = edges.map((edge) => edge * scale);
      for (const [shade, width] of [["#000", line + 2], [color, line]]) {
        context.setLineDash(shade === "#000" ? [] : dash.map((d) => d * ratio));
        context.strokeStyle = shade;
        context.lineWidth = width * ratio;
        context.strokeRect(left, top, right - left, bottom - top);
      }
    };
    if (this.told.around) frame(this.told.around, "#ffb640", 2.5);
    if (this.told.box) frame(this.told.box, css("--accent"), 2, [6, 5]);
    const { x, y } = this.told;
    const grown = Math.max(0, (7 * ratio) / scale - 1) / 2; // a single pixel of a photo would not be seen
    frame([x - grown, y - grown, x + 1 + grown, y + 1 + grown], "#fff", 1.5);
  }
}

/** The receptive field in words. */
function depends(told) {
  if (!told.rows.length) return "";
  if (!told.window) return "Which pixels this depends on is not known.";
  if (told.whole) return "This depends on all that the network sees of the image.";
  const [top, left, bottom, right] = told.window;
  return `This depends on ${bottom - top} × ${right - left} pixels (height × width) of what the network sees: the amber frame.`;
}
