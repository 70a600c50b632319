// The view of images: draw or upload, and see the image pass through a trained network.

import { Drawing } from "./drawing.js";
import { bitmap, drawCam, drawTemplates, paintMap } from "./evidence.js";
import { Cloud } from "./cloud.js";
import { explanation } from "./explain.js";
import { Filters } from "./filters.js";
import { Socket, inWords } from "./socket.js";
import { setView, view } from "./state.js";

const [FILE, DRAWING, FRAMED] = [0, 1, 2];
const LARGEST = 8 * 1024 * 1024 - 1;

const PAGE = `
  <section class="glass look" aria-labelledby="look-title">
    <h2 id="look-title">Image</h2>
    <label for="network-name">Network</label><select id="network-name"></select>
    <p class="hint" id="origin"></p>
    <canvas id="drawing" tabindex="0" role="application" aria-label="Draw here. With the keyboard: arrows draw, with Shift they only move the pen."></canvas>
    <div class="row"><button id="draw-clear">Clear</button><button id="draw-example">Example</button><label class="button"><input type="file" id="upload" class="hidden" accept="image/*"><span>Upload…</span></label></div>
    <label class="check" id="framed-row"><input type="checkbox" id="framed"> Scale and center the strokes, as in MNIST</label>
    <h3>What the network sees</h3>
    <canvas id="input" role="img" aria-label="The input of the network"></canvas>
    <p class="hint" id="input-size"></p>
  </section>
  <div class="look-middle">
  <section class="glass" id="filter-panel" aria-labelledby="filter-title" hidden><h2 id="filter-title">First filters</h2><p class="hint">What the first convolution looks for in the image: the weights of its kernels, all on one scale. Point at one to see it large.</p><div class="filters"><div id="filters" class="maps" role="group" aria-label="Filters of the first convolution"></div><figure><canvas role="img"></canvas><figcaption class="hint"></figcaption></figure></div></section>
  <section class="glass layers-panel" aria-labelledby="layers-title">
    <h2 id="layers-title">Layers</h2>
    <p class="hint">Violet is negative, amber positive. Point at a map to see what made a number; with the keyboard, Tab to a layer, arrows choose the map, Shift and arrows the number.</p>
    <div id="layer-list"></div>
  </section>
  <section class="glass" id="template-panel" aria-labelledby="template-title" hidden><h2 id="template-title">Templates</h2><p class="hint">A linear classifier compares the image with one template a class: the score is the sum of pixel × weight.</p><div id="templates"></div></section>
  </div>
  <div class="look-side">
    <section class="glass" aria-labelledby="guess-title"><h2 id="guess-title">Answer</h2><div id="guess"></div></section>
    <section class="glass" aria-labelledby="why-title"><h2 id="why-title">Where a number comes from</h2><div id="why"><p class="hint">Point at a map.</p></div></section>
    <section class="glass" id="cam-panel" aria-labelledby="cam-title" hidden><h2 id="cam-title">Class activation map</h2><p class="hint">Amber is evidence for the class, violet against it. The mean of the map and the bias add up to the score.</p><label for="cam-class">Class</label><select id="cam-class"></select><canvas id="cam" role="img"></canvas><p class="hint" id="cam-text"></p></section>
    <section class="glass" id="cloud-panel" aria-labelledby="cloud-title" hidden><h2 id="cloud-title">Where it lies among the digits</h2><canvas id="cloud" tabindex="0" role="application" aria-label="The digits as the last layer sees them. Left and right arrows open the digits one by one."></canvas><p class="hint" id="cloud-text"></p></section>
  </div>`;

export class Images {
  constructor(root, say) {
    root.innerHTML = PAGE;
    this.$ = (selector) => root.querySelector(selector);
    this.say = say;
    this.drawing = new Drawing(this.$("#drawing"), (blob) => this.sendDrawing(blob));
    this.$("#network-name").onchange = (event) => {
      setView("net", event.target.value);
      this.open();
    };
    this.$("#draw-clear").onclick = () => { this.drawing.clear(); this.drawing.tell(); };
    this.$("#draw-example").onclick = () => this.openExample(Math.floor(Math.random() * this.network.examples));
    this.$("#framed").onchange = () => this.drawing.tell();
    this.$("#upload").onchange = ({ target }) => {
      this.upload(target.files[0]);
      target.value = ""; // so that the same file can be chosen again
    };
    this.$("#cam-class").onchange = (event) => this.socket.send("cam", { label: +event.target.value });
    this.filters = new Filters(this.$("#filter-panel"));
    this.cloud = new Cloud(this.$("#cloud"), this.$("#cloud-text"), (number) => this.openExample(number));
    root.addEventListener("dragover", (event) => event.preventDefault());
    root.addEventListener("drop", (event) => { event.preventDefault(); this.upload(event.dataTransfer.files[0]); });
    this.socket = new Socket("look", {
      open: () => this.open(),
      close: () => { this.settle(); say("The connection is lost; trying again."); },
      message: (message) => this.receive(message),
    });
  }

  /** Open the network that the address names, or the server's first. */
  open() { this.socket.send("open", { name: view.net || null }); }

  openExample(number) {
    this.example = true;
    this.socket.send("example", { number });
  }

  async sendDrawing(blob) { this.send(this.$("#framed").checked ? FRAMED : DRAWING, blob); }

  async upload(file) {
    if (!file) return;
    if (file.size > LARGEST) this.say("The image is larger than 8 MiB.");
    else this.send(FILE, file);
  }

  async send(kind, blob) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const message = new Uint8Array(bytes.length + 1);
    message[0] = kind;
    message.set(bytes, 1);
    this.socket.sendBytes(message);
  }

  receive(message) {
    if (message.type === "network") this.build(message);
    else if (message.type === "seen") this.show(message);
    else if (message.type === "value") this.explain(message);
    else if (message.type === "cam") this.showCam(message);
    else if (message.type === "embedding") this.showCloud(message);
    else if (message.type === "notice") this.$("#origin").textContent = message.text;
    else if (message.type === "error") this.fail(message);
  }

  fail(error) {
    this.say(inWords(error));
    this.settle();
    if (this.network || !view.net) return;
    setView("net", ""); // the address names a network that is not here
    this.open();
  }

  /** No answer is awaited any more: none will come. */
  settle() { this.waiting = this.later = this.placing = this.placeAgain = false; }

  build(network) {
    this.network = network;
    this.seen = this.asked = null;
    this.settle();
    const names = this.$("#network-name");
    names.replaceChildren(...Object.entries(network.names).map(([name, label]) => new Option(label, name)));
    names.value = network.name;
    this.$("#origin").textContent = `${network.origin} ${network.parameters.toLocaleString("en")} parameters.`;
    this.$("#draw-example").hidden = !network.digits;
    this.$("#framed-row").hidden = network.channels !== 1;
    this.$("#input-size").textContent = `${network.height} × ${network.width} pixels, ${network.channels === 1 ? "gray" : `${network.channels} channels`}`;
    this.$("#layer-list").replaceChildren(...network.layers.map((layer, i) => this.layer(layer, i)));
    this.$("#cam-panel").hidden = !network.cam;
    this.$("#cam-class").replaceChildren(...network.classes.map((name, i) => new Option(name, i)));
    this.$("#template-panel").hidden = !network.arrays.templates;
    this.$("#why").innerHTML = '<p class="hint">Point at a map.</p>';
    this.paintTemplates();
    this.filters.show(network);
    this.$("#cloud-panel").hidden = !network.digits;
    if (network.digits) this.$("#draw-example").click();
    else this.drawing.tell();
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
      button.onkeydown = (event) => this.move(event, list, button, layer, index, channel);
      list.append(button);
    }
    return section;
  }

  move(event, list, button, layer, index, channel) {
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
  ask(layer, channel, row, column, button) {
    const { height, width } = this.network.layers[layer];
    const place = [layer, channel, Math.max(0, Math.min(height - 1, row)), Math.max(0, Math.min(width - 1, column))];
    if (String(place) === String(this.asked)) return;
    this.asked = place;
    this.dot(button, place);
    if (this.waiting) { this.later = true; return; }
    this.waiting = true;
    this.socket.send("value", { layer: place[0], channel: place[1], row: place[2], column: place[3] });
  }

  dot(button, [layer, , row, column]) {
    this.$(".dot")?.remove();
    const { height, width } = this.network.layers[layer];
    if (height * width === 1) return;
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.style.cssText = `left:${((column + 0.5) / width) * 100}%;top:${((row + 0.5) / height) * 100}%`;
    button.append(dot);
  }

  explain(value) {
    this.waiting = false;
    if (this.later) {
      this.later = false;
      const [layer, channel, row, column] = this.asked;
      this.waiting = true;
      this.socket.send("value", { layer, channel, row, column });
    }
    this.window = value.window;
    this.paintInput();
    this.$("#why").replaceChildren(explanation(value, this.network.layers[value.layer]));
  }

  show(seen) {
    this.seen = seen;
    this.window = null;
    if (this.example) this.drawing.show(seen.arrays.image, this.network.width);
    this.example = false;
    this.network.layers.forEach((layer, i) => {
      const maps = seen.arrays[`maps${i}`];
      const [count, height, width] = maps.shape;
      const tiles = this.$(`#layer-list > :nth-child(${i + 1})`).querySelectorAll("canvas");
      for (let channel = 0; channel < count; channel++) paintMap(tiles[channel], maps.subarray(channel * height * width, (channel + 1) * height * width), height, width);
    });
    this.paintInput();
    this.guess();
    if (this.network.cam) {
      const best = seen.probabilities.indexOf(Math.max(...seen.probabilities));
      this.$("#cam-class").value = best;
      this.socket.send("cam", { label: best });
    }
    this.paintTemplates();
    this.askPlace();
    if (this.asked && !this.waiting) {
      const [layer, channel, row, column] = this.asked;
      this.waiting = true;
      this.socket.send("value", { layer, channel, row, column });
    }
  }

  /** Ask where the image lies among the digits; while an answer is awaited, only once more. */
  askPlace() {
    if (!this.network.digits) return;
    this.placeAgain = this.placing;
    if (!this.placing) this.socket.send("embedding");
    this.placing = true;
  }

  showCloud(message) {
    this.placing = false;
    this.cloud.show(message);
    if (this.placeAgain) this.askPlace();
  }

  paintInput() {
    if (!this.seen) return;
    const { image } = this.seen.arrays;
    const [height, width] = image.shape;
    const canvas = this.$("#input");
    const scale = Math.max(1, Math.round(560 / width));
    Object.assign(canvas, { height: height * scale, width: width * scale });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap(image), 0, 0, canvas.width, canvas.height);
    if (!this.window) return;
    const [top, left, bottom, right] = this.window.map((edge) => edge * scale);
    for (const [color, line] of [["#000", 9], ["#ffb640", 5]]) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.strokeRect(left + 2, top + 2, right - left - 4, bottom - top - 4);
    }
  }

  guess() {
    const { probabilities, logits } = this.seen;
    const order = probabilities.map((p, i) => [p, i]).sort((a, b) => b[0] - a[0]).slice(0, 6);
    const what = this.network.task === "label" ? "probability of each" : "softmax";
    this.$("#guess").innerHTML = `<p class="big"></p><table><thead><tr><th scope="col">Class</th><th scope="col">Score</th><th scope="col" colspan="2">${what}</th></tr></thead><tbody></tbody></table>`;
    this.$("#guess .big").textContent = this.network.classes[order[0][1]];
    for (const [p, i] of order) {
      const row = this.$("#guess tbody").insertRow();
      row.innerHTML = `<th scope="row"></th><td class="number">${logits[i].toFixed(2).replace("-", "−")}</td><td class="number">${(p * 100).toFixed(1)} %</td><td class="size"><span class="bar"></span></td>`;
      row.cells[0].textContent = this.network.classes[i];
      row.querySelector(".bar").style.cssText = `width:${p * 100}%;background:var(--accent)`;
    }
  }

  showCam(cam) {
    if (!this.seen) return;
    const text = drawCam(this.$("#cam"), cam, this.seen.arrays.image);
    this.$("#cam-text").textContent = text;
    this.$("#cam").setAttribute("aria-label", `Class activation map of ${this.network.classes[cam.label]}: ${text}`);
  }

  paintTemplates() {
    const { templates } = this.network?.arrays ?? {};
    if (templates) drawTemplates(this.$("#templates"), templates, this.network.classes, this.seen?.logits);
  }

  /** The theme has changed. */
  recolor() {
    if (this.seen) this.show(this.seen);
    this.filters.recolor();
    this.cloud.draw();
  }
}

const KINDS = { conv: "convolution", pool: "pooling", dense: "dense", norm: "normalization", act: "activation", other: "" };
