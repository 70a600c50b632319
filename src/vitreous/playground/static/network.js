// The network as a drawing: inputs, units with the map of what each makes of the plane, weights as
// lines. Tiles are buttons, so that everything a pointer can do the keyboard can do as well.

import { paint } from "./palette.js";
import { Wires } from "./wires.js";

const HEAD = 34; // pixels above the tiles, for the number of units

export class NetworkView {
  /** on: {feature(name), units(layer, change), select(layer, unit, tile), hover([layer, unit]),
   *  weight(line, event), edit(line, event), tile(tile), nothing()} */
  constructor(stage, on) {
    this.stage = stage;
    this.on = on;
    this.selected = null;
    this.all = false; // are inputs shown that the network does not see?
    this.overlay = null; // what the lines show instead of weights, while a batch is looked at
    stage.addEventListener("keydown", (event) => this.move(event));
    new ResizeObserver(() => this.scene && this.build(this.scene, this.labels)).observe(stage);
  }

  /** Lay the tiles out. labels: feature names to their signs. */
  build(scene, labels) {
    const focused = document.activeElement?.dataset?.key;
    Object.assign(this, { scene, labels });
    const shown = Object.keys(labels).filter((name) => this.all || scene.state.features.includes(name));
    this.shown = shown.map((name) => Object.keys(labels).indexOf(name));
    const { hidden } = scene.state;
    const columns = [shown.length, ...hidden, 1];
    const most = Math.max(...columns);
    const left = 92;
    const width = Math.max(this.stage.clientWidth - 4, left + 44 * (columns.length - 1) + 70);
    const room = (width - left - 50) / Math.max(columns.length - 1, 1);
    // As high as the window leaves room, so that the whole network is in sight.
    const high = Math.max(230, innerHeight - (this.stage.getBoundingClientRect().top + scrollY) - HEAD - 80);
    this.tile = Math.round(Math.max(18, Math.min(44, room * 0.62, high / most - 7)));
    const pitch = this.tile + Math.max(6, Math.min(16, high / most - this.tile));
    const height = HEAD + most * pitch + 14;
    this.x = columns.map((_, c) => left + this.tile / 2 + c * Math.min(room, 210));
    this.y = columns.map((n) => Array.from({ length: n }, (_, u) => HEAD + (height - HEAD - n * pitch) / 2 + pitch * (u + 0.5)));
    this.active = shown.map((name, i) => (scene.state.features.includes(name) ? i : -1)).filter((i) => i >= 0);
    this.rows = [this.active.map((i) => this.y[0][i]), ...this.y.slice(1)];

    const sheet = document.createElement("div");
    sheet.className = "sheet";
    sheet.style.cssText = `width:${Math.min(width, this.x.at(-1) + this.tile + 30)}px;height:${height}px`;
    this.lines = document.createElement("canvas");
    this.lines.className = "edges";
    this.lines.setAttribute("aria-hidden", "true");
    sheet.append(this.lines);
    this.wires = new Wires(this.lines);
    this.wires.place(this.x, this.rows, this.tile);
    this.pointed = null;
    this.tiles = [];
    shown.forEach((name, i) => this.addTile(sheet, 0, i, {
      key: `f${i}`, className: "unit feature", label: `Input ${labels[name]}`, name: labels[name],
      pressed: scene.state.features.includes(name), press: () => this.on.feature(name),
      hover: [-1, i],
    }));
    hidden.forEach((units, layer) => {
      sheet.append(this.head(layer, units));
      for (let unit = 0; unit < units; unit++) {
        this.addTile(sheet, layer + 1, unit, {
          key: `u${layer}.${unit}`, className: "unit hidden-unit", label: `Layer ${layer + 1}, unit ${unit + 1}`,
          pressed: false, press: (tile) => this.on.select(layer, unit, tile), hover: [layer, unit],
        });
      }
    });
    this.addTile(sheet, columns.length - 1, 0, { key: "output", className: "unit", label: "Output", press: (tile) => this.on.select(hidden.length, 0, tile), hover: null });
    sheet.addEventListener("pointermove", (event) => this.read(event));
    sheet.addEventListener("pointerleave", (event) => this.point(null, event));
    this.lines.addEventListener("click", (event) => { this.read(event); if (this.pointed) this.on.edit(this.pointed, event); });
    this.stage.replaceChildren(sheet);
    this.sheet = sheet;
    const ratio = devicePixelRatio;
    Object.assign(this.lines, { width: sheet.clientWidth * ratio, height: height * ratio });
    this.paintInputs();
    this.markSelected();
    const first = this.tiles.find((tile) => tile.dataset.key === focused);
    (first ?? this.tiles[0]).tabIndex = 0;
    if (first) first.focus();
    if (this.frame) this.update(this.frame);
  }

  addTile(sheet, column, row, { key, className, label, name, pressed, press, hover }) {
    const tile = document.createElement("button");
    tile.className = className;
    tile.dataset.key = key;
    tile.tabIndex = -1;
    tile.style.cssText = `left:${this.x[column] - this.tile / 2}px;top:${this.y[column][row] - this.tile / 2}px;width:${this.tile}px;height:${this.tile}px`;
    tile.setAttribute("aria-label", label);
    tile.dataset.label = label;
    if (pressed !== undefined) tile.setAttribute("aria-pressed", pressed);
    tile.append(document.createElement("canvas"));
    if (name) tile.insertAdjacentHTML("beforeend", `<span class="name" aria-hidden="true">${name}</span>`);
    tile.onclick = () => press(tile);
    tile.onpointerenter = tile.onfocus = () => { this.on.hover(hover); this.on.tile(tile); };
    tile.onpointerleave = tile.onblur = () => { this.on.hover(null); this.on.nothing(); };
    tile.column = column;
    tile.row = row;
    sheet.append(tile);
    this.tiles.push(tile);
  }

  head(layer, units) {
    const head = document.createElement("div");
    head.className = "column-head";
    head.style.left = `${this.x[layer + 1]}px`;
    const button = (sign, change, text) => {
      const b = document.createElement("button");
      b.textContent = sign;
      b.setAttribute("aria-label", `${text} layer ${layer + 1}`);
      b.onclick = () => this.on.units(layer, change);
      return b;
    };
    const count = document.createElement("span");
    const wide = this.x[1] - this.x[0] > 96;
    head.classList.toggle("narrow", this.x[1] - this.x[0] < 66);
    count.textContent = wide ? `${units} unit${units === 1 ? "" : "s"}` : units;
    head.append(button("−", -1, "One unit less in"), count, button("+", 1, "One unit more in"));
    return head;
  }

  paintInputs() {
    const { thumb, arrays } = this.scene;
    this.tiles.filter((t) => t.column === 0).forEach((tile, i) =>
      paint(tile.firstChild, arrays.inputs.subarray(this.shown[i] * thumb * thumb, (this.shown[i] + 1) * thumb * thumb), thumb));
  }

  /** New maps, weights and marks. */
  update(frame) {
    this.frame = frame;
    const { thumb } = this.scene;
    const units = this.tiles.filter((tile) => tile.column > 0);
    let at = 0;
    for (const tile of units) {
      if (tile.dataset.key === "output") paint(tile.firstChild, frame.arrays.decision, this.scene.side);
      else {
        paint(tile.firstChild, frame.arrays.units.subarray(at * thumb * thumb, (at + 1) * thumb * thumb), thumb);
        this.mark(tile, frame.layers[tile.column - 1]);
        at++;
      }
    }
    this.draw();
  }

  mark(tile, { dead, saturated }) {
    const state = dead.includes(tile.row) ? "dead" : saturated.includes(tile.row) ? "saturated" : "";
    if ((tile.dataset.state ?? "") === state) return;
    tile.dataset.state = state;
    tile.querySelector(".badge")?.remove();
    tile.setAttribute("aria-label", tile.dataset.label + (state && `, ${state}`));
    if (state) tile.insertAdjacentHTML("beforeend", `<span class="badge ${state}" aria-hidden="true">${state === "dead" ? "×" : "≈"}</span>`);
  }

  select(layer, unit) {
    this.selected = layer === null ? null : `u${layer}.${unit}`;
    this.markSelected();
  }

  markSelected() {
    for (const tile of this.tiles)
      if (tile.classList.contains("hidden-unit")) tile.setAttribute("aria-pressed", tile.dataset.key === this.selected);
  }

  draw() {
    if (!this.frame) return;
    const marked = this.pointed?.index ?? -1;
    if (this.overlay) this.wires.draw(this.overlay.lines, { scale: this.overlay.scale, layers: this.overlay.layers, marked });
    else this.wires.draw(this.frame.arrays.weights, { marked });
  }

  /** Lines and numbers of one phase of a batch; null goes back to the weights. */
  showOverlay(overlay) {
    this.overlay = overlay;
    for (const tile of this.tiles) {
      tile.querySelector(".value")?.remove();
      const index = tile.column === 0 ? this.active.indexOf(tile.row) : tile.row;
      const value = index < 0 ? undefined : overlay?.values?.[tile.column]?.[index];
      if (value !== undefined) tile.insertAdjacentHTML("beforeend", `<span class="value">${short(value)}</span>`);
    }
    this.draw();
  }

  /** Tell which weight is under the pointer. */
  read(event) {
    if (!this.frame || event.target !== this.lines) return this.point(null, event);
    const box = this.sheet.getBoundingClientRect();
    this.point(this.wires.near(event.clientX - box.left, event.clientY - box.top), event);
  }

  point(line, event) {
    const before = this.pointed?.index;
    this.pointed = line;
    this.lines.style.cursor = line ? "pointer" : "";
    if (line?.index !== before) this.draw();
    if (line) this.on.weight(line, event);
    else if (before !== undefined) this.on.nothing();
  }

  /** A unit, an input or the output in words: [what it is, its number, what can be done]. */
  words(column, row) {
    const label = this.name(column, row);
    if (column === 0) return { title: `Input ${label}`, hint: this.active.includes(row) ? "Click to leave it out." : "Click to let the network see it." };
    const bias = this.frame?.arrays.biases[this.first(column) + row];
    return { title: label, value: bias === undefined ? "" : `bias ${number(bias)}`, hint: "Click to open it and to set its bias." };
  }

  name(column, row) {
    if (column === 0) return Object.values(this.labels)[this.shown[row]];
    return column + 1 === this.rows.length ? "output" : `layer ${column}, unit ${row + 1}`;
  }

  /** The number of biases before those of a column. */
  first(column) { return this.rows.slice(1, column).reduce((sum, row) => sum + row.length, 0); }

  /** A weight of `near` as {title, value}, its source by the number that the network has for it. */
  weight({ index, layer, from, to }) {
    const source = layer ? this.name(layer, from) : this.name(0, this.active[from]);
    return { title: `weight from ${source} to ${this.name(layer + 1, to)}`, value: this.frame.arrays.weights[index] };
  }

  move(event) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    const here = document.activeElement;
    if (!step || here?.column === undefined) return;
    event.preventDefault();
    const column = Math.max(0, Math.min(this.y.length - 1, here.column + step[0]));
    const row = Math.max(0, Math.min(this.y[column].length - 1, here.row + step[1]));
    const there = this.tiles.find((tile) => tile.column === column && tile.row === row);
    here.tabIndex = -1;
    there.tabIndex = 0;
    there.focus();
  }
}

/** A number for a sentence: three decimals, and a minus that is one. */
export const number = (value) => (Math.abs(value) >= 0.0005 || value === 0 ? value.toFixed(3) : value.toExponential(1)).replace(/-/g, "−");

/** A number in at most five characters. */
export function short(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 0.01 && size < 1000) return value.toFixed(size < 10 ? 2 : 0).replace("-", "−");
  return value.toExponential(0).replace("-", "−").replace("e-", "e−");
}
