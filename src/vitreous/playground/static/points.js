// Sets of points to choose from, and points of one's own: drawn on the output map or pasted as CSV.

import { colorOf } from "./palette.js";

const REACH = 6; // the plane is [-6, 6]²

export class PointSets {
  /** on: {change(settings), blank(), say(text)}; `blank` when what was trained is shown no more. */
  constructor(vocabulary, map, { change, blank, say }) {
    Object.assign(this, { vocabulary, map, change, blank, say });
    this.own = [];
    this.drawing = this.held = false;
    this.root = document.querySelector("#sets");
    for (const name of vocabulary.choices.data) this.tile(name);
    document.querySelector("#csv-load").onclick = () => this.paste(document.querySelector("#csv").value);
    document.querySelector("#own-clear").onclick = () => { this.own = []; this.sketch(); say("Cleared. Draw two points at least."); };
    this.listen(map.canvas);
  }

  tile(name) {
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="set" value="${name}"><canvas width="120" height="120" aria-hidden="true"></canvas><span>${name === "own" ? "your own" : name}</span>`;
    label.firstChild.onchange = () => (name === "own" ? this.start() : this.change({ data: name, points: [] }));
    this.root.append(label);
  }

  /** Draw the little pictures, in the colors of the theme. */
  paint() {
    for (const input of this.root.querySelectorAll("input")) {
      const context = input.nextSibling.getContext("2d");
      context.clearRect(0, 0, 120, 120);
      const picture = this.vocabulary.miniatures[input.value];
      const rows = picture?.points ?? this.own;
      const [left, right, bottom, top] = picture?.window ?? [-REACH, REACH, -REACH, REACH];
      for (const [x, y, target] of rows) {
        context.fillStyle = colorOf(picture?.kind === "regress" ? target : target > 0 ? 0.9 : -0.9);
        context.fillRect(((x - left) / (right - left)) * 120 - 3, ((top - y) / (top - bottom)) * 120 - 3, 6, 6);
      }
      if (!rows.length) {
        context.strokeStyle = context.fillStyle = "#888";
        context.setLineDash([6, 5]);
        context.strokeRect(18, 18, 84, 84);
        context.font = "44px sans-serif";
        context.textAlign = "center";
        context.fillText("+", 60, 75);
      }
    }
  }

  /** Show what the server holds; a stroke that is being drawn is newer. */
  show(state) {
    const own = state.data === "own";
    if (own && !this.held) this.own = state.points.map((point) => [...point]);
    this.kind = state.kind;
    this.open(own);
    this.root.querySelector(`[value="${state.data}"]`).checked = true;
    this.paint();
  }

  open(own) {
    this.drawing = own;
    document.querySelector("#own").hidden = !own;
    this.map.canvas.parentElement.classList.toggle("drawing", own);
    if (!own) this.map.cursor = null;
    this.map.canvas.setAttribute("role", own ? "application" : "img");
  }

  start() {
    this.open(true);
    if (this.own.length >= 2) this.send();
    else { this.sketch(); this.say("Draw on the output map, or paste a table."); }
  }

  /** Show points that are too few to train on. */
  sketch() {
    this.blank();
    this.map.bytes = null;
    this.map.window = [-REACH, REACH, -REACH, REACH];
    this.map.train = Float32Array.from(this.own.flat());
    this.map.test = [];
    this.map.draw();
    this.paint();
  }

  send() {
    if (this.own.length < 2) this.sketch();
    else this.change({ data: "own", points: this.own, kind: this.kind });
  }

  listen(canvas) {
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.drawing || event.button) return;
      this.held = true;
      canvas.setPointerCapture(event.pointerId);
      this.dab(this.map.place(event), true);
    });
    canvas.addEventListener("pointermove", (event) => this.held && this.dab(this.map.place(event), false));
    const release = () => { if (this.held) { this.held = false; this.send(); } };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const step = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!this.drawing || !(step || event.key === "Enter")) return;
    event.preventDefault();
    const [x, y] = this.map.cursor ?? [0, 0];
    if (step) {
      this.map.cursor = [Math.max(-REACH, Math.min(REACH, x + step[0] / 4)), Math.max(-REACH, Math.min(REACH, y + step[1] / 4))];
      this.say(`${this.map.cursor[0]}, ${this.map.cursor[1]}`, true);
      this.map.draw();
    } else { this.dab([x, y], true); this.send(); }
  }

  /** One touch of the brush; dragging leaves a point every so often. */
  dab(place, first) {
    const target = +document.querySelector('[name="brush"]:checked').value;
    const [x, y] = place.map((c) => Math.round(Math.max(-REACH, Math.min(REACH, c)) * 100) / 100);
    if (!first && this.last && Math.hypot(x - this.last[0], y - this.last[1]) < 0.3) return;
    this.last = [x, y];
    if (target === 0) this.own = this.own.filter(([a, b]) => Math.hypot(a - x, b - y) > 0.45);
    else if (this.own.length >= this.vocabulary.max_points) return this.say(`At most ${this.vocabulary.max_points} points.`);
    else this.own.push([x, y, target]);
    this.map.window = [-REACH, REACH, -REACH, REACH];
    this.map.train = Float32Array.from(this.own.flat());
    this.map.test = [];
    this.map.draw();
  }

  paste(text) {
    try {
      const { points, kind, note } = readTable(text, this.vocabulary.max_points);
      this.own = points;
      this.kind = kind;
      this.send();
      this.say(note);
    } catch (error) { this.say(error.message); }
  }
}

/** Lines "x1, x2, label" to points in the plane. Labels: two words or numbers to classify, more numbers for regression. */
export function readTable(text, most) {
  const lines = text.split(/\r?\n/).map((line, i) => [i + 1, line.trim()]).filter(([, line]) => line);
  const rows = lines.map(([number, line]) => [number, line.split(/\s*[,;\t]\s*|\s+/)]);
  if (rows.length && rows[0][1].slice(0, 2).some((cell) => !isFinite(cell))) rows.shift(); // the header
  if (rows.length < 2) throw new Error("The table needs two rows at least: x1, x2, label.");
  if (rows.length > most) throw new Error(`The table has ${rows.length} rows; ${most} is the most.`);
  for (const [number, cells] of rows)
    if (cells.length !== 3 || cells[2] === "" || [0, 1].some((i) => cells[i] === "" || !isFinite(cells[i])))
      throw new Error(`Line ${number}: three values are needed, and the first two must be numbers.`);
  const labels = [...new Set(rows.map(([, cells]) => cells[2]))].sort((a, b) => (isFinite(a) && isFinite(b) ? a - b : a < b ? -1 : 1));
  const regress = labels.length > 2 && labels.every((label) => isFinite(label));
  if (labels.length > 2 && !regress) throw new Error(`${labels.length} different labels; two can be told apart here: ${labels.slice(0, 4).join(", ")}, …`);
  const scale = (values, reach, needed) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (!needed(low, high)) return [(v) => v, false];
    return [(v) => (high > low ? ((v - low) / (high - low)) * 2 * reach - reach : 0), true];
  };
  const far = (low, high) => Math.max(-low, high) > REACH || high - low < 0.5;
  const [x, moved1] = scale(rows.map(([, c]) => +c[0]), 5, far);
  const [y, moved2] = scale(rows.map(([, c]) => +c[1]), 5, far);
  const [t] = regress ? scale(rows.map(([, c]) => +c[2]), 1, () => true) : [(label) => (label === labels.at(-1) && labels.length > 1 ? 1 : -1)];
  const round = (v) => Math.round(v * 1e4) / 1e4;
  const points = rows.map(([, c]) => [round(x(+c[0])), round(y(+c[1])), round(t(regress ? +c[2] : c[2]))]);
  const note = [`${rows.length} points`, regress ? "regression, targets scaled to ±1" : `−1 is ${labels[0]}, +1 is ${labels[1] ?? "missing"}`, moved1 || moved2 ? "coordinates scaled to ±5" : ""];
  return { points, kind: regress ? "regress" : "classify", note: `${note.filter(Boolean).join("; ")}.` };
}
