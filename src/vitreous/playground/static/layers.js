// The maps of every layer as tiles; a number of one is asked about with the pointer or the keyboard.

import { paintMap } from "./evidence.js";

const KINDS = { conv: "convolution", pool: "pooling", dense: "dense", norm: "normalization", act: "activation", other: "" };

export class Layers {
  /** send(place): ask for a number at {layer, channel, row, column}. */
  constructor(root, send) {
    this.root = root;
    this.send = send;
  }

  build(layers) {
    this.layers = layers;
    this.slide(false);
    this.asked = this.arrays = null;
    this.settle();
    this.root.replaceChildren(...layers.map((layer, i) => this.layer(layer, i)));
  }

  /** The number asked about moves over its map, column by column and line by line, until it is
   *  stopped or another is asked about; returns whether it moves now. */
  slide(moves = !this.sliding) {
    clearInterval(this.sliding);
    this.sliding = null;
    if (!moves || !this.asked) return false;
    this.sliding = setInterval(() => {
      if (!this.waiting) this.nudge(1);
    }, 140);
    return true;
  }

  /** Ask about the number that lies so many places further in the same map. */
  nudge(step) {
    const [layer, channel, row, column] = this.asked;
    const { height, width } = this.layers[layer];
    const next = (row * width + column + step + height * width) % (height * width);
    const button = this.root.children[layer].querySelectorAll("button")[channel];
    this.ask(layer, channel, Math.floor(next / width), next % width, button, true);
  }

  /** No answer is awaited any more. */
  settle() { this.waiting = this.later = false; }

  paint(arrays) {
    this.arrays = arrays;
    this.layers.forEach((_, i) => this.paintOne(i, arrays));
  }

  paintOne(i, arrays) {
    const maps = arrays[`maps${i}`];
    const [count, height, width] = maps.shape;
    const tiles = this.root.children[i].querySelectorAll("canvas");
    for (let channel = 0; channel < count; channel++) paintMap(tiles[channel], maps.subarray(channel * height * width, (channel + 1) * height * width), height, width);
  }

  layer(layer, index) {
    const section = document.createElement("section");
    section.className = `layer ${layer.kind}`;
    const maps = layer.height * layer.width > 1;
    const shown = layer.shown < layer.channels ? `, the first ${layer.shown} of ${layer.channels}` : "";
    section.innerHTML = `<h3>${layer.name} <span>${[KINDS[layer.kind], layer.text].filter(Boolean).join(" ")}</span></h3>
      <p class="hint">${maps ? `${layer.channels} maps of ${layer.height} × ${layer.width}` : `${layer.channels} numbers`}${shown}</p><div class="maps"></div>`;
    section.setAttribute("aria-label", `Layer ${layer.name}`);
    const list = section.lastElementChild;
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", `Maps of ${layer.name}`);
    const size = maps ? Math.max(40, Math.min(76, layer.drawn[0] * 2.6)) : 18;
    for (let channel = 0; channel < layer.shown; channel++) {
      const button = document.createElement("button");
      button.className = "map-tile";
      button.tabIndex = channel ? -1 : 0;
      button.style.width = button.style.height = `${size}px`;
      button.setAttribute("aria-label", maps ? `${layer.name}, map ${channel + 1}` : `${layer.name}, unit ${channel + 1}`);
      button.append(document.createElement("canvas"));
      button.onpointermove = (event) => {
        const box = button.getBoundingClientRect();
        this.ask(index, channel, Math.floor(((event.clientY - box.top) / box.height) * layer.height), Math.floor(((event.clientX - box.left) / box.width) * layer.width), button);
      };
      button.onclick = button.onpointermove;
      button.onfocus = () => this.ask(index, channel, Math.floor(layer.height / 2), Math.floor(layer.width / 2), button);
      button.onkeydown = (event) => this.move(event, list, button, index, channel);
      list.append(button);
    }
    return section;
  }

  move(event, list, button, index, channel) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    if (event.shiftKey) {
      const [, , row, column] = this.asked ?? [0, 0, 0, 0];
      this.ask(index, channel, row + step[0], column + step[1], button);
      return;
    }
    const next = list.children[channel + step[0] + step[1]];
    if (!next) return;
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** Ask for a number; while one answer is awaited, only the last question is kept. */
  ask(layer, channel, row, column, button, slides = false) {
    const { height, width } = this.layers[layer];
    const place = [layer, channel, Math.max(0, Math.min(height - 1, row)), Math.max(0, Math.min(width - 1, column))];
    if (String(place) === String(this.asked)) return;
    if (!slides) this.slide(false);
    this.asked = place;
    this.dot(button, place);
    this.again();
  }

  /** Ask for the same number, of another image or as soon as an answer has come. */
  again() {
    if (!this.asked) return;
    this.later = this.waiting;
    if (this.waiting) return;
    this.waiting = true;
    const [layer, channel, row, column] = this.asked;
    this.send({ layer, channel, row, column });
  }

  answered() {
    this.waiting = false;
    if (this.later) this.again();
  }

  dot(button, [layer, , row, column]) {
    this.root.querySelector(".dot")?.remove();
    const { height, width } = this.layers[layer];
    if (height * width === 1) return;
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.style.cssText = `left:${((column + 0.5) / width) * 100}%;top:${((row + 0.5) / height) * 100}%`;
    button.append(dot);
  }
}
