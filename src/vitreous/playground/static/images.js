// The view of images: draw or upload, and see the image pass through a trained network.

import { Drawing } from "./drawing.js";
import { showAnswer } from "./answer.js";
import { bitmap, drawCam, drawTemplates } from "./evidence.js";
import { Cloud } from "./cloud.js";
import { explanation } from "./explain.js";
import { Filters } from "./filters.js";
import { Layers } from "./layers.js";
import { Photo } from "./photo.js";
import { Socket, inWords } from "./socket.js";
import { setView, view } from "./state.js";
import { Steps } from "./steps.js";
import { Strip } from "./strip.js";
import { Threads } from "./threads.js";
import { Turns } from "./turns.js";
import { Why } from "./why.js";

const [FILE, DRAWING, FRAMED] = [0, 1, 2];
const SLIDE = "Slide over the map";
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
  <section class="glass" id="strip-panel" aria-labelledby="strip-title" hidden><h2 id="strip-title">Validation images</h2><p class="hint"></p><div class="strip"></div></section>
  <section class="glass" id="photo-panel" aria-labelledby="photo-title" hidden><h2 id="photo-title">The answer over the image</h2><div class="photo"><div><div class="stack"><canvas role="img"></canvas><canvas></canvas><canvas hidden></canvas><canvas tabindex="0" role="application" aria-label="Pixels of the image. Arrows choose one, Shift and arrows by ten."></canvas></div><label class="blend">Image <input type="range" min="0" max="100" value="100" aria-label="From the image to the answer"> Answer</label><label class="check" hidden><input type="checkbox"> Show what is true instead</label></div><div class="pixel" aria-live="polite"></div></div></section>
  <section class="glass" id="filter-panel" aria-labelledby="filter-title" hidden><h2 id="filter-title">First filters</h2><p class="hint">What the first convolution looks for in the image: the weights of its kernels, all on one scale. Point at one to see it large.</p><div class="filters"><div id="filters" class="maps" role="group" aria-label="Filters of the first convolution"></div><figure><canvas role="img"></canvas><figcaption class="hint"></figcaption></figure></div></section>
  <section class="glass layers-panel" aria-labelledby="layers-title">
    <h2 id="layers-title">Layers</h2>
    <p class="hint">Violet is negative, amber positive. Point at a map to see what made a number; with the keyboard, Tab to a layer, arrows choose the map, Shift and arrows the number.</p>
    <div id="walk" role="group" aria-label="One image step by step"><div class="row"><button>Back</button><button>Step</button><button>Play</button><button class="quiet">Close</button></div><p class="hint" aria-live="polite"></p></div>
    <div id="layer-list"></div>
  </section>
  <section class="glass" id="template-panel" aria-labelledby="template-title" hidden><h2 id="template-title">Templates</h2><p class="hint">A linear classifier compares the image with one template a class: the score is the sum of pixel × weight.</p><div id="templates"></div></section>
  </div>
  <div class="look-side">
    <section class="glass" aria-labelledby="guess-title"><h2 id="guess-title"><span data-word="softmax">Prediction</span></h2><div id="guess"></div></section>
    <section class="glass" aria-labelledby="why-title"><h2 id="why-title">Where a number comes from</h2><div id="why"><p class="hint">Point at a map.</p></div><div class="row" id="sliding" hidden><button id="slide-back" aria-label="The number before">◀</button><button id="slide">${SLIDE}</button><button id="slide-on" aria-label="The next number">▶</button></div></section>
    <section class="glass" id="heat-panel" aria-labelledby="heat-title"><h2 id="heat-title">Why this answer</h2><form><label>Method<select></select></label><label>Target<input list="targets" placeholder="what was answered" autocomplete="off"><datalist id="targets"></datalist></label><label>Layer<select></select></label><label>Unit<input inputmode="numeric" placeholder="none; the first is 0" autocomplete="off"></label><button class="primary">Explain</button></form><canvas role="img" hidden></canvas><p class="hint said" aria-live="polite"></p></section>
    <section class="glass" id="cam-panel" aria-labelledby="cam-title" hidden><h2 id="cam-title">Class activation map</h2><p class="hint">Amber is evidence for the class, violet against it. The mean of the map and the bias add up to the score.</p><label for="cam-class">Class</label><select id="cam-class"></select><canvas id="cam" role="img"></canvas><p class="hint" id="cam-text"></p></section>
    <section class="glass" id="cloud-panel" aria-labelledby="cloud-title" hidden><h2 id="cloud-title">Where it lies among the digits</h2><canvas id="cloud" tabindex="0" role="application" aria-label="The digits as the last layer sees them. Left and right arrows open the digits one by one."></canvas><p class="hint" id="cloud-text"></p></section>
  </div>`;

export class Images {
  constructor(root, say) {
    root.innerHTML = PAGE;
    this.$ = (selector) => root.querySelector(selector);
    this.say = say;
    this.turns = new Turns();
    this.drawing = new Drawing(this.$("#drawing"), {
      number: () => this.turns.next(),
      ready: (number, blob) => this.send(this.$("#framed").checked ? FRAMED : DRAWING, number, blob),
    });
    this.$("#network-name").onchange = (event) => {
      setView("net", event.target.value);
      this.open();
    };
    this.$("#draw-clear").onclick = () => this.drawing.wipe();
    this.$("#draw-example").onclick = () => this.openExample(Math.floor(Math.random() * this.network.examples));
    this.$("#framed").onchange = () => this.drawing.tell();
    this.$("#upload").onchange = ({ target }) => {
      this.upload(target.files[0]);
      target.value = ""; // so that the same file can be chosen again
    };
    this.$("#cam-class").onchange = (event) => this.socket.send("cam", { label: +event.target.value });
    this.layers = new Layers(this.$("#layer-list"), (place) => this.socket.send("value", place));
    this.threads = new Threads(this.$("#layer-list"));
    this.photo = new Photo(this.$("#photo-panel"), (place) => this.socket.send("pixel", place));
    this.strip = new Strip(this.$("#strip-panel"), (image) => this.openStored("validation", image));
    this.steps = new Steps(this.$("#walk"), this.layers, () => this.socket.send("backward"));
    this.$("#slide").onclick = ({ target }) => { target.textContent = this.layers.slide() ? "Stop" : SLIDE; };
    this.$("#slide-back").onclick = () => this.nudge(-1);
    this.$("#slide-on").onclick = () => this.nudge(1);
    this.why = new Why(this.$("#heat-panel"), (question) => this.socket.send("explain", question));
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

  openExample(image) { this.openStored("example", image); }

  /** An image that the server has: a held-out digit, or a validation image of the run. */
  openStored(type, image) {
    const number = this.turns.next();
    this.stored = { number, type, image };
    this.turns.offer(number, () => this.socket.send(type, { image, number }));
  }

  upload(file) {
    if (!file) return;
    if (file.size > LARGEST) this.say("The image is larger than 8 MiB.");
    else this.send(FILE, this.turns.next(), file);
  }

  async send(kind, number, blob) {
    const file = new Uint8Array(await blob.arrayBuffer());
    const message = new Uint8Array(file.length + 5);
    message[0] = kind;
    new DataView(message.buffer).setUint32(1, number, true);
    message.set(file, 5);
    this.turns.offer(number, () => this.socket.sendBytes(message));
  }

  receive(message) {
    if (message.type === "network") this.build(message);
    else if (message.type === "seen") this.arrived(message);
    else if (message.type === "strip") this.openFirst(this.strip.show(message));
    else if (message.type === "value") this.explain(message);
    else if (message.type === "pixel") this.tellPixel(message);
    else if (message.type === "backward") this.steps.show(message);
    else if (message.type === "explained") this.why.show(message);
    else if (message.type === "cam") this.showCam(message);
    else if (message.type === "embedding") this.showCloud(message);
    else if (message.type === "error") this.fail(message);
  }

  fail(error) {
    this.say(inWords(error));
    this.why.fail(inWords(error));
    this.settle();
    if (this.network || !view.net) return;
    setView("net", ""); // the address names a network that is not here
    this.open();
  }

  /** No answer is awaited any more: none will come. */
  settle() {
    this.placing = this.placeAgain = false;
    this.turns.settle();
    this.layers.settle();
    this.why.settle();
    this.photo.settle();
  }

  build(network) {
    this.network = network;
    this.seen = null;
    this.settle();
    this.steps.end();
    this.layers.build(network.layers);
    this.why.build(network.choices, network.classes);
    const names = this.$("#network-name");
    names.replaceChildren(...Object.entries(network.names).map(([name, label]) => new Option(label, name)));
    names.value = network.name;
    this.$("#origin").textContent = `${network.origin} ${network.parameters.toLocaleString("en")} parameters.`;
    this.$("#draw-example").hidden = !network.digits;
    this.$("#framed").checked = network.digits; // of other data, nobody knows how they are framed
    const drawable = network.channels === 1 && network.classes.length > 0;
    for (const name of ["#drawing", "#draw-clear", "#framed-row"]) this.$(name).hidden = !drawable;
    this.$("#input-size").textContent = `${network.height} × ${network.width} pixels, ${network.channels === 1 ? "gray" : `${network.channels} channels`}`;
    this.$("#cam-panel").hidden = !network.cam;
    this.$("#cam-class").replaceChildren(...network.classes.map((name, i) => new Option(name, i)));
    this.$("#template-panel").hidden = !network.arrays.templates;
    this.$("#why").innerHTML = '<p class="hint">Point at a map.</p>';
    this.$("#sliding").hidden = true;
    this.threads.clear();
    this.paintTemplates();
    this.filters.show(network);
    this.$("#cloud-panel").hidden = !network.digits;
    this.$("#strip-panel").hidden = true;
    this.stored = null;
    if (network.own) this.socket.send("strip");
    else this.openFirst(false);
  }

  /** What a network is shown first: a mistake of its own, a digit, or what is drawn. */
  openFirst(strip) {
    if (strip) this.strip.list.querySelector("button").click();
    else if (this.network.digits) this.$("#draw-example").click();
    else this.drawing.tell();
  }

  /** An image has been looked at: show it, unless a newer one is shown already. */
  arrived(seen) {
    if (!this.turns.arrived(seen.number)) return;
    const stored = this.stored?.number === seen.number ? this.stored : null;
    if (stored) this.drawing.show(seen.arrays.image);
    this.strip.mark(stored?.type === "validation" ? stored.image : null);
    this.show(seen);
  }

  explain(value) {
    this.layers.answered();
    this.window = value.window;
    this.paintInput();
    const layer = this.network.layers[value.layer];
    this.$("#why").replaceChildren(explanation(value, layer));
    this.threads.show(value, this.network.layers);
    this.$("#sliding").hidden = layer.height * layer.width === 1;
    this.$("#slide").hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.$("#slide").textContent = this.layers.sliding ? "Stop" : SLIDE;
  }

  /** The number before or after the one that is asked about, line by line. */
  nudge(step) {
    this.layers.slide(false);
    this.$("#slide").textContent = SLIDE;
    this.layers.nudge(step);
  }

  show(seen) {
    this.seen = seen;
    this.threads.clear();
    this.window = null;
    this.steps.end();
    this.layers.paint(seen.arrays);
    this.photo.show(seen);
    this.paintInput();
    showAnswer(this.$("#guess"), seen, this.network);
    if (this.network.cam) {
      const best = seen.probabilities.indexOf(Math.max(...seen.probabilities));
      this.$("#cam-class").value = best;
      this.socket.send("cam", { label: best });
    }
    this.paintTemplates();
    this.askPlace();
    this.layers.again();
    this.why.again();
  }

  /** What the network says at a pixel; what that depends on is framed in its input as well. */
  tellPixel(told) {
    this.photo.tell(told);
    this.window = told.window;
    this.paintInput();
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
