// Lines from the maps that a number is made of to the map in which it stands, as thick as what each
// of them adds, and on these maps the patch that the kernel covers.

const MOST = 24; // lines; the heaviest are drawn
const NS = "http://www.w3.org/2000/svg";

export class Threads {
  /** root: the list of layers, as `Layers` builds it. */
  constructor(root) {
    this.root = root;
    addEventListener("resize", () => this.clear());
  }

  clear() { this.root.querySelector(".threads")?.remove(); }

  /** value: an answer about one number; `source` is the layer that it was made of. */
  show(value, layers) {
    this.clear();
    if (value.source === null) return;
    const source = layers[value.source];
    const parts = shares(value, source).filter(([channel, share]) => channel < source.shown && share).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, MOST);
    const target = this.tile(value.layer, value.channel);
    if (!parts.length || !target) return;
    this.svg = document.createElementNS(NS, "svg");
    this.svg.setAttribute("class", "threads");
    this.svg.setAttribute("aria-hidden", "true");
    const largest = Math.abs(parts[0][1]);
    const [tx, ty] = this.at(target, 0);
    for (const [channel, share] of parts) {
      const tile = this.tile(value.source, channel);
      const [x, y] = this.at(tile, 1);
      const size = Math.abs(share) / largest;
      const middle = (y + ty) / 2;
      this.add("path", { d: `M${x} ${y}C${x} ${middle} ${tx} ${middle} ${tx} ${ty}`, class: share > 0 ? "positive" : "negative", "stroke-width": 0.6 + 4 * size, opacity: 0.25 + 0.65 * size });
      if (value.rows) this.patch(tile, value, source);
    }
    this.root.append(this.svg);
  }

  add(name, attributes) {
    const element = document.createElementNS(NS, name);
    for (const [key, text] of Object.entries(attributes)) element.setAttribute(key, text);
    this.svg.append(element);
  }

  tile(layer, channel) { return this.root.children[layer]?.querySelectorAll(".map-tile")[channel]; }

  /** The middle of a tile's upper (0) or lower (1) edge, in pixels of the list. */
  at(tile, edge) {
    const [box, list] = [tile.getBoundingClientRect(), this.root.getBoundingClientRect()];
    return [box.left + box.width / 2 - list.left, (edge ? box.bottom : box.top) - list.top];
  }

  /** The patch, cut off where it reaches over the border of the map. */
  patch(tile, { top, left, rows, columns }, { height, width }) {
    const [box, list] = [tile.getBoundingClientRect(), this.root.getBoundingClientRect()];
    const [up, down] = [Math.max(0, top), Math.min(height, top + rows)];
    const [from, to] = [Math.max(0, left), Math.min(width, left + columns)];
    this.add("rect", {
      x: box.left - list.left + (from / width) * box.width, y: box.top - list.top + (up / height) * box.height,
      width: ((to - from) / width) * box.width, height: ((down - up) / height) * box.height,
    });
  }
}

/** [channel, what it adds] of the maps that a number is made of. */
function shares(value, source) {
  if (value.how === "convolution") return value.sums.map((sum, i) => [value.first + i, sum]);
  if (value.how === "weighed") return value.strongest.map(([index, x, weight]) => [Math.floor(index / (source.height * source.width)), x * weight]);
  return value.how === "unknown" ? [] : [[value.channel, value.value || 1e-9]];
}
