// The view of the plane: it joins the socket, the controls and the drawings.

import { Controls } from "./controls.js";
import { Embedding } from "./embedding.js";
import { Flow } from "./flow.js";
import { Inside } from "./inside.js";
import { Landscape } from "./landscape.js";
import { OutputMap } from "./map.js";
import { NetworkView } from "./network.js";
import { colors } from "./palette.js";
import { Pointer } from "./pointer.js";
import { PointSets } from "./points.js";
import { Scores } from "./scores.js";
import { inWords } from "./socket.js";
import { readAddress, setView, view, writeAddress } from "./state.js";
import { UnitPanel } from "./unit.js";

const PACES = [1, 3, 10, 30, 100, 300, 1000, null]; // steps a second; null is as many as there are
const FREE = { question: "An experiment of your own.", do: "The address holds all of it: copy the link to share it." };
const $ = (selector) => document.querySelector(selector);

export class Plane {
  /** connect(on): to whatever trains, see engine.js; say(text, quiet) */
  constructor(vocabulary, connect, say) {
    this.vocabulary = vocabulary;
    this.say = say;
    this.playing = false;
    this.frames = 0; // for whoever measures frames a second
    this.map = new OutputMap($("#map"));
    this.scores = new Scores();
    this.inside = new Inside($("#inside"));
    this.embedding = new Embedding($("#embedding"), $("#embedding-text"));
    this.landscape = new Landscape($("#landscape"), $("#landscape-text"));
    this.unit = new UnitPanel($("#unit"), (...weight) => this.weigh(...weight));
    this.points = new PointSets(vocabulary, this.map, { change: (changes) => this.change(changes), blank: () => this.blank(), say });
    this.controls = new Controls(vocabulary, (changes) => this.change(changes));
    this.network = new NetworkView($("#stage"), {
      feature: (name) => this.toggleFeature(name),
      units: (layer, change) => this.resize(layer, change),
      select: (layer, unit, tile) => this.select(layer, unit, tile),
      hover: (target) => this.hover(target),
      weight: (line, event) => this.pointer.weight(line, event),
      edit: (line, event) => this.pointer.editWeight(line, event),
      tile: (tile) => this.pointer.tile(tile),
      nothing: () => this.pointer.hide(),
    });
    this.pointer = new Pointer(this, (...weight) => this.weigh(...weight));
    this.flow = new Flow($("#flow"), {
      overlay: (overlay) => this.network.scene && this.network.showOverlay(overlay),
      mark: (rows) => { this.map.marked = new Set(rows); this.map.draw(); },
    });
    this.listen();
    this.socket = connect({
      open: () => this.opened(),
      close: () => { this.setPlaying(false); say("The connection is lost; trying again."); },
      message: (message) => this.receive(message),
    });
  }

  opened() {
    this.socket.send("load", { query: readAddress() });
    this.showView();
  }

  listen() {
    $("#play").onclick = () => this.setPlaying(!this.playing, true);
    $("#step").onclick = () => { this.setPlaying(false); this.socket.send("step"); };
    $("#restart").onclick = () => this.socket.send("restart");
    $("#seed").onchange = (event) => this.change({ seed: Math.round(+event.target.value) });
    $("#reseed").onclick = () => this.change({ seed: Math.floor(Math.random() * 1e6) });
    $("#all-features").onclick = () => { setView("all", view.all === "1" ? "0" : "1"); this.showView(); this.network.build(this.current, this.vocabulary.features); };
    $("#more-layers").onclick = () => this.change({ hidden: [...this.state.hidden, this.state.hidden.at(-1) ?? 4] });
    $("#less-layers").onclick = () => this.change({ hidden: this.state.hidden.slice(0, -1) });
    $("#pace").oninput = (event) => { setView("pace", event.target.value); this.showView(); };
    for (const [id, name] of [["show-test", "test"], ["discretize", "discretize"], ["log", "log"], ["live", "draw"]])
      $(`#${id}`).onchange = (event) => { setView(name, event.target.checked ? "1" : "0"); this.showView(); };
    const lesson = $("#lesson");
    lesson.replaceChildren(new Option("Choose a lesson…", ""), ...this.vocabulary.lessons.map(({ title }, i) => new Option(title, i)));
    lesson.onchange = () => {
      const row = this.vocabulary.lessons[lesson.value];
      if (row) { this.setPlaying(false, true); this.socket.send("load", { query: row.query }); }
    };
    for (const button of document.querySelectorAll("[data-file]"))
      button.onclick = () => this.socket.send(button.dataset.file);
    document.addEventListener("keydown", (event) => {
      if (event.key === " " && event.target === document.body && view.tab === "plane") { event.preventDefault(); this.setPlaying(!this.playing, true); }
    });
    addEventListener("resize", () => this.redraw());
    $("#embedding-layer").onchange = (event) => { setView("layer", event.target.value); this.look(); };
    // What nobody sees is not computed.
    this.visible = new Set();
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.visible[isIntersecting ? "add" : "delete"](target.id);
      this.look();
    });
    for (const id of ["embedding", "landscape"]) observer.observe($(`#${id}`));
  }

  /** Tell the server which views into the network are on the screen. */
  look() {
    if (!this.current) return;
    const deepest = this.current.state.hidden.length;
    const layer = view.layer === "" ? deepest : Math.min(+view.layer || 0, deepest);
    $("#embedding-layer").value = layer;
    this.socket.send("look", { layer: this.visible.has("embedding") ? layer : null, landscape: this.visible.has("landscape") });
  }

  /** What the page alone decides, as the address has it. */
  showView() {
    this.map.showTest = view.test === "1";
    this.map.discretize = view.discretize === "1";
    this.scores.chart.logarithmic = view.log === "1";
    $("#show-test").checked = this.map.showTest;
    $("#discretize").checked = this.map.discretize;
    $("#log").checked = this.scores.chart.logarithmic;
    $("#live").checked = view.draw === "1";
    this.network.all = view.all === "1";
    $("#all-features").textContent = this.network.all ? "− features" : "+ features";
    $("#all-features").setAttribute("aria-expanded", this.network.all);
    const pace = PACES[view.pace] ?? null;
    $("#pace").value = view.pace;
    $("#pace-word").textContent = pace === null ? "full" : `${pace}/s`;
    this.socket?.send("speed", { pace });
    this.redraw();
  }

  change(changes) { this.socket.send("set", { changes }); }

  toggleFeature(name) {
    const features = this.state.features.includes(name) ? this.state.features.filter((f) => f !== name) : [...this.state.features, name];
    if (features.length) this.change({ features });
    else this.say("A network needs one input at least.");
  }

  resize(layer, change) {
    const hidden = [...this.state.hidden];
    hidden[layer] += change;
    if (hidden[layer] >= 1 && hidden[layer] <= this.vocabulary.max_units) this.change({ hidden });
  }

  /** Show whether training goes on; `tell` the server, if the user decided it. */
  setPlaying(playing, tell = false) {
    if (playing) this.flow.clear();
    this.playing = playing;
    $("#play").setAttribute("aria-pressed", playing);
    $("#play-word").textContent = playing ? "Pause" : "Play";
    if (tell) this.socket.send(playing ? "play" : "pause");
  }

  select(layer, unit, tile) {
    const output = layer === this.state.hidden.length;
    this.pinned = output ? null : [layer, unit];
    this.network.select(...(this.pinned ?? [null]));
    this.unit.choose(layer, unit);
    this.ask(...(this.pinned ?? [null, null]));
    if (!this.latest) return;
    this.unit.update(this.current, this.latest, this.vocabulary.features);
    this.pointer.editBias(layer, unit, tile);
  }

  weigh(layer, unit, source, value) {
    this.byHand = true; // which the address does not hold
    this.socket.send("weigh", { layer, unit, source, value });
  }

  hover(target) {
    if (target && target[0] < 0) return;
    const [layer, unit] = target ?? this.pinned ?? [null, null];
    this.ask(layer, unit);
  }

  ask(layer, unit) { this.socket.send("select", { layer, unit }); }

  receive(message) {
    const handler = { scene: "scene", frame: "frame", flow: "showFlow", state: "settings", error: "error", stopped: "stopped", file: "download", landscape: "showLandscape" }[message.type];
    if (handler) this[handler](message);
  }

  scene(scene) {
    this.current = scene;
    this.waits = false;
    this.byHand = false;
    this.flow.clear();
    this.scores.chart.clear();
    Object.assign(this.map, { train: scene.arrays.train, test: scene.arrays.test, window: scene.window, side: scene.side, regress: scene.task === "regress" });
    this.settings(scene);
    this.points.show(scene.state);
    this.inside.build(scene);
    $("#embedding-layer").replaceChildren(...["inputs", ...scene.state.hidden.map((_, i) => `layer ${i + 1}`)].map((name, i) => new Option(name, i)));
    this.look();
    this.unit.choose(...(this.pinned ?? [null]));
    const units = scene.state.hidden.reduce((a, b) => a + b, 0);
    $("#net-size").textContent = `${units} hidden unit${units === 1 ? "" : "s"}, ${scene.parameters} parameters`;
    this.network.frame = null;
    this.network.build(scene, this.vocabulary.features);
    this.network.select(...(this.pinned ?? [null]));
    $("#less-layers").disabled = scene.state.hidden.length === 0;
    $("#more-layers").disabled = scene.state.hidden.length >= this.vocabulary.max_layers;
  }

  /** Points are being drawn, too few to train on: nothing of the network before is shown. */
  blank() {
    this.setPlaying(false, true);
    this.latest = null;
    this.waits = true; // for a scene
    if (this.pinned) this.unpin();
    this.scores.clear();
    $("#map-title").textContent = "Draw here: two points at least.";
    this.map.canvas.setAttribute("aria-label", $("#map-title").textContent);
  }

  unpin() {
    this.pinned = null;
    this.network.select(null);
    this.unit.choose(null);
    this.ask(null, null);
  }

  settings({ state, query }) {
    this.state = state;
    writeAddress(query);
    this.controls.show(state, this.current.task);
    // An answer to an earlier change must not overwrite what is being typed.
    if (document.activeElement !== $("#seed")) $("#seed").value = state.seed;
    const row = this.vocabulary.lessons.findIndex((lesson) => lesson.query === query);
    $("#lesson").value = row >= 0 ? row : "";
    const lesson = this.vocabulary.lessons[row] ?? FREE;
    $("#question").textContent = lesson.question;
    $("#task").textContent = [lesson.do, lesson.see].filter(Boolean).join(" ");
  }

  frame(frame) {
    if (this.waits) return;
    this.latest = frame;
    this.frames++;
    if (frame.playing !== this.playing) this.setPlaying(frame.playing);
    this.scores.add(frame);
    requestAnimationFrame(() => {
      // The server prepares the next one while this one is drawn; without drawing, one a second.
      if (frame.playing && view.draw === "1") this.socket.send("frame");
      else if (frame.playing) setTimeout(() => this.socket.send("frame"), 1000);
      this.redraw();
    });
  }

  redraw() {
    const frame = this.latest;
    if (!frame || !this.current || $("#plane").hidden) return;
    this.scores.show(frame);
    const chosen = frame.selected;
    this.map.bytes = chosen ? frame.arrays.selected : frame.arrays.decision;
    $("#map-title").textContent = chosen
      ? `Layer ${chosen.layer + 1}, unit ${chosen.unit + 1}: what it makes of the plane (±${chosen.scale.toPrecision(2)}).`
      : "The network's output everywhere in the plane.";
    this.map.canvas.setAttribute("aria-label", `${$("#map-title").textContent} Test loss ${$("#test-loss").textContent}.`);
    if (frame.arrays.weights.length === this.current.sizes.slice(1).reduce((sum, n, l) => sum + n * this.current.sizes[l], 0)) {
      this.network.update(frame);
      this.inside.update(frame);
      this.unit.update(this.current, frame, this.vocabulary.features);
      this.embedding.draw(frame, this.current);
    }
    this.map.draw();
    this.landscape.draw();
    const scale = $("#scale").getContext("2d");
    const image = scale.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(colors());
    scale.putImageData(image, 0, 0);
  }

  showFlow(flow) {
    if (flow.taken && this.current) this.flow.show(flow, this.current);
  }

  showLandscape(picture) { this.landscape.show(picture); }

  /** The theme has changed. */
  recolor() {
    this.points.paint();
    if (this.network.scene) this.network.paintInputs();
    this.redraw();
  }

  error(error) {
    this.say(inWords(error));
    if (this.state) this.controls.show(this.state, this.current.task);
  }

  stopped({ reason }) {
    this.setPlaying(false);
    this.say(`Training stopped: ${reason}\nLower the learning rate, then restart.`);
  }

  download({ name, arrays }) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([arrays.content]));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    this.say(`${name} is ready.`);
  }
}
