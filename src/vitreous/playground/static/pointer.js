// What is under the pointer on the plane (a weight, a unit, a place of the map, a step of the loss
// curves), told in a tip beside it; weights and biases can be typed there.

import { number } from "./network.js";
import { Tip } from "./tip.js";

const fixed = (value) => value.toFixed(2).replace("-", "−");

export class Pointer {
  /** weigh(layer, unit, source, value): set a weight by hand. */
  constructor(plane, weigh) {
    this.plane = plane;
    this.weigh = weigh;
    this.tip = new Tip(document.querySelector("#tip"));
    this.follow(plane.map.canvas, (event) => this.place(event));
    this.follow(plane.scores.chart.canvas, (event) => this.step(event));
  }

  /** The tip of whatever `told` finds moves with a mouse over a canvas. */
  follow(canvas, told) {
    canvas.addEventListener("pointermove", (event) => {
      const words = event.pointerType === "mouse" && this.plane.latest ? told(event) : null;
      if (words) this.tip.show(words, event.clientX, event.clientY);
      else this.hide();
    });
    canvas.addEventListener("pointerleave", () => this.hide());
  }

  hide() { this.tip.hide(); }

  weight(line, { clientX, clientY }) {
    const { title, value } = this.plane.network.weight(line);
    this.tip.show({ title, value: number(value), hint: "Click to set it." }, clientX, clientY);
  }

  editWeight(line, { clientX, clientY }) {
    const { title, value } = this.plane.network.weight(line);
    this.tip.edit({ title, value, set: (weight) => this.weigh(line.layer, line.to, line.from, weight) }, clientX, clientY);
  }

  tile(tile) {
    const { right, bottom } = tile.getBoundingClientRect();
    const words = this.plane.network.words(tile.column, tile.row);
    if (tile.dataset.state) words.title += `, ${tile.dataset.state}`;
    this.tip.show(words, right - 10, bottom - 10);
  }

  editBias(layer, unit, tile) {
    const { network, latest } = this.plane;
    const { left, bottom } = tile.getBoundingClientRect();
    const value = latest.arrays.biases[network.first(layer + 1) + unit];
    this.tip.edit({ title: `bias of ${network.name(layer + 1, unit)}`, value, focus: false, set: (bias) => this.weigh(layer, unit, null, bias) }, left, bottom);
  }

  /** The value of the map at a place of the plane. */
  place(event) {
    const { map, latest, points } = this.plane;
    if (!map.bytes || points.drawing) return null;
    const [x, y] = map.place(event);
    const [left, right, bottom, top] = map.window;
    const at = (share) => Math.max(0, Math.min(map.side - 1, Math.floor(share * map.side)));
    const byte = map.bytes[at((top - y) / (top - bottom)) * map.side + at((x - left) / (right - left))];
    const value = (byte / 127.5 - 1) * (latest.selected?.scale ?? 1);
    return { title: `${latest.selected ? "the unit" : "the output"} at x₁ = ${fixed(x)}, x₂ = ${fixed(y)}`, value: fixed(value) };
  }

  /** The losses at a step of the curves. */
  step({ clientX }) {
    const row = this.plane.scores.chart.at(clientX);
    return row && { title: `after ${row[0].toLocaleString("en")} steps`, value: `test ${row[2].toFixed(4)}, training ${row[1].toFixed(4)}` };
  }
}
