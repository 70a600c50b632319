// One image step by step: forward from layer to layer, the loss, and the gradient on its way back.

const PACE = 600; // milliseconds of a step that goes by itself

export class Steps {
  /** layers: the tiles; ask(): for the loss and its gradient. */
  constructor(root, layers, ask) {
    this.root = root;
    this.layers = layers;
    this.ask = ask;
    [this.back, this.next, this.play, this.close] = root.querySelectorAll("button");
    this.text = root.querySelector("p");
    this.back.onclick = () => this.go(this.at - 1);
    this.next.onclick = () => (this.at === null ? this.ask() : this.go(this.at + 1));
    this.play.onclick = () => (this.timer ? this.pause() : this.start());
    this.close.onclick = () => this.end();
    this.end();
  }

  /** The loss and its gradient have come, or why there are none is told elsewhere. */
  show(found) {
    this.found = found;
    this.go(0);
    if (this.starts) this.start();
  }

  start() {
    this.starts = this.at === null;
    if (this.starts) return this.ask();
    this.timer = setInterval(() => (this.at < this.last ? this.go(this.at + 1) : this.pause()), PACE);
    this.paint();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.starts = false;
    if (this.at !== null) this.paint();
  }

  /** Forward over n layers, the loss, and back over them: 2 n + 1 steps. */
  get last() { return 2 * this.layers.layers.length; }

  go(step) {
    this.at = Math.max(0, Math.min(this.last, step));
    this.paint();
  }

  paint() {
    const n = this.layers.layers.length;
    const backward = this.at - n; // 0 is the loss
    [...this.layers.root.children].forEach((section, i) => {
      const slope = backward > 0 && i >= n - backward;
      section.classList.toggle("ahead", this.at < n ? i > this.at : false);
      section.classList.toggle("now", i === (this.at < n ? this.at : n - backward));
      section.classList.toggle("slope", slope);
      this.layers.paintOne(i, slope ? this.found.arrays : this.layers.arrays);
    });
    const name = (i) => this.layers.layers[i].name;
    if (this.at < n) this.say(`Forward: what ${name(this.at)} makes of it.`);
    else if (!backward) this.say(`The loss of the answer is ${number(this.found.loss)}. Now its gradient goes back.`);
    else this.say(`Backward: how the loss would grow with each number of ${name(n - backward)}; at most by ${number(this.found.largest[n - backward])} for one.`);
    this.back.disabled = this.at === 0;
    this.next.disabled = this.at === this.last;
    this.play.textContent = this.timer ? "Pause" : "Play";
    for (const button of [this.back, this.close]) button.hidden = false;
    this.layers.root.querySelector(".now")?.scrollIntoView({ block: "nearest" });
  }

  say(text) { this.text.textContent = text; }

  /** All layers as they are; after another image, or when it is closed. */
  end() {
    clearInterval(this.timer);
    this.timer = this.at = null;
    this.starts = false;
    for (const button of [this.back, this.close]) button.hidden = true;
    this.next.disabled = false;
    this.play.textContent = "Play";
    this.say("Follow an image whose truth is known: forward, the loss, and the gradient on its way back.");
    for (const section of this.layers.root.children) section.classList.remove("ahead", "now", "slope");
    if (this.layers.arrays) this.layers.paint(this.layers.arrays);
  }
}

const number = (value) => (value === 0 ? "0" : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4 ? value.toExponential(2).replace("-", "−") : `${+value.toPrecision(3)}`);
