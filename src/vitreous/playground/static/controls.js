// The settings as sliders and lists, built from the server's vocabulary.

const LISTS = {
  lr: [0.0001, 0.001, 0.003, 0.01, 0.02, 0.03, 0.1, 0.3, 1, 1.5, 3, 10],
  l1: [0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
  l2: [0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
  dropout: [0, 0.1, 0.2, 0.3, 0.5, 0.7],
};
const LABELS = {
  count: "Number of points", noise: "Noise", ratio: "Train : test", batch_size: "Batch size",
  activation: "Activation", loss: "Loss", optimizer: "Optimizer", lr: "Learning rate",
  l1: "L1 regularization", l2: "L2 regularization", dropout: "Dropout", kind: "Task", init: "Initialization",
};
const WORDS = { batch_size: "batch" }; // of the glossary, where they have another name
const SLIDERS = {
  ratio: { min: 0.1, max: 0.9, step: 0.05, show: (v) => `${Math.round(v * 100)} : ${100 - Math.round(v * 100)}` },
  noise: { min: 0, max: 1, step: 0.05, show: (v) => `${Math.round(v * 100)} %` },
  batch_size: { min: 1, max: 60, step: 1, show: String },
  count: { min: 20, max: 2000, step: 20, show: String },
};

export class Controls {
  /** change(settings): what the user chose. */
  constructor(vocabulary, change) {
    this.vocabulary = vocabulary;
    this.change = change;
    this.inputs = {};
    this.lists = {};
    for (const name of ["ratio", "noise", "batch_size", "count"]) this.slider(document.querySelector("#data-settings"), name);
    const network = document.querySelector("#network-settings");
    for (const name of ["activation", "init", "optimizer", "lr", "loss", "l1", "l2", "dropout"]) this.list(network, name);
    this.fill(document.querySelector("#own-kind"), "kind");
  }

  /** A label with its "?", what is chosen with it, and for a slider its value. */
  place(root, name, control) {
    const word = name === "count" ? "" : ` data-word="${WORDS[name] ?? name}"`;
    root.insertAdjacentHTML("beforeend", `<div class="setting" data-part="${name}"><span class="name"><label for="set-${name}"${word}>${LABELS[name]}</label></span>${control}</div>`);
    return root.lastElementChild;
  }

  slider(root, name) {
    const { min, max, step, show } = SLIDERS[name];
    const place = this.place(root, name, `<output for="set-${name}"></output><input id="set-${name}" type="range" min="${min}" max="${max}" step="${step}">`);
    const [output, input] = [place.querySelector("output"), place.querySelector("input")];
    input.oninput = () => { output.textContent = show(+input.value); };
    input.onchange = () => this.change({ [name]: +input.value });
    this.inputs[name] = (value, state) => {
      input.disabled = state.data === "own" && (name === "noise" || name === "count");
      if (document.activeElement !== input || +input.value !== value) input.value = value;
      output.textContent = show(value);
    };
  }

  list(root, name) {
    this.lists[name] = this.place(root, name, `<select id="set-${name}"></select>`).querySelector("select");
    this.fill(this.lists[name], name);
  }

  fill(select, name) {
    const numeric = name in LISTS;
    const words = { ...this.vocabulary.losses, ...this.vocabulary.beginnings, classify: "classification", regress: "regression" };
    const option = (value) => new Option(numeric ? `${value}` : words[value] ?? String(value).replaceAll("_", " "), value);
    select.replaceChildren(...(LISTS[name] ?? this.vocabulary.choices[name]).map(option));
    select.onchange = () => this.change({ [name]: numeric ? +select.value : select.value });
    this.inputs[name] = (value) => {
      if (![...select.options].some((o) => o.value === String(value))) select.add(option(value));
      select.value = String(value);
    };
  }

  /** Show what the server holds. */
  show(state, task) {
    for (const [name, set] of Object.entries(this.inputs)) set(state[name], state);
    this.lists.loss.disabled = task === "regress";
  }
}
