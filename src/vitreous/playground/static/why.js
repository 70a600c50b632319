// Why this answer: a method of explanation, what is asked about, and the heatmap over the image.

import { bitmap } from "./evidence.js";
import { short } from "./network.js";

export class Why {
  /** send(question): {method, target, layer, unit} */
  constructor(root, send) {
    this.root = root;
    this.send = send;
    [this.method, this.layer] = root.querySelectorAll("select");
    [this.target, this.unit] = root.querySelectorAll("input");
    this.picture = root.querySelector("canvas");
    this.text = root.querySelector(".said");
    root.querySelector("form").onsubmit = (event) => { event.preventDefault(); this.ask(); };
    this.method.onchange = this.layer.onchange = () => this.ask();
  }

  /** Another network: what can be chosen about it. */
  build({ methods, layers }, classes) {
    const automatic = new Option("automatic", "");
    this.method.replaceChildren(automatic, ...methods.map(({ name }) => new Option(name.replaceAll("_", " "), name)));
    this.layer.replaceChildren(automatic.cloneNode(true), ...layers.map(([name, units]) => new Option(`${name} (${units})`, name)));
    this.root.querySelector("datalist").replaceChildren(...classes.map((name) => new Option(name)));
    this.target.value = this.unit.value = "";
    this.asked = false;
    this.settle();
    this.clear("Choose a method, or let it be found, to see where in the image the evidence for the answer lies.");
  }

  clear(text) {
    this.picture.hidden = true;
    this.text.classList.remove("warn");
    this.text.textContent = text;
  }

  /** No answer is awaited any more. */
  settle() { this.waiting = this.later = false; }

  /** Ask; while one answer is awaited, only the last question is kept. */
  ask() {
    this.asked = true;
    this.later = this.waiting;
    if (this.waiting) return;
    this.waiting = true;
    const unit = this.unit.value.trim();
    this.send({
      method: this.method.value,
      layer: this.layer.value,
      target: this.target.value.trim(),
      unit: unit === "" ? null : /^\d+$/.test(unit) ? +unit : unit,
    });
  }

  /** Another image is shown: what was asked is asked about it. */
  again() { if (this.asked) this.ask(); }

  show(found) {
    this.waiting = false;
    const { overlay } = found.arrays;
    const [height, width] = overlay.shape;
    Object.assign(this.picture, { width, height, hidden: false });
    this.picture.classList.toggle("coarse", Math.max(height, width) < 200);
    this.picture.getContext("2d").drawImage(bitmap(overlay), 0, 0);
    const layer = found.layer ? ` in ${found.layer}` : "";
    const nothing = found.empty ? " Nothing speaks for it here." : "";
    this.text.classList.remove("warn");
    this.text.textContent = `${found.target} (${short(found.value)}), by ${found.method.replaceAll("_", " ")}${layer}: ${found.says}.${nothing}`;
    this.picture.setAttribute("aria-label", this.text.textContent);
    if (this.later) this.ask();
  }

  /** What was asked cannot be answered: why, and what would work. */
  fail(words) {
    if (!this.waiting) return;
    this.clear(words);
    this.text.classList.add("warn");
  }
}
