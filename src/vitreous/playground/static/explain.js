// What made one number of a map: patch × kernel, channel by channel; a pooling window; a sum.

import { colorOf, inkOn } from "./palette.js";
import { short } from "./network.js";

const SHOWN = 12; // channels of a convolution that are drawn, the heaviest first

/** The panel's content for a `value` message; layer is the description of its layer. */
export function explanation(value, layer) {
  const root = document.createDocumentFragment();
  const where = layer.height * layer.width > 1
    ? `${layer.name}, map ${value.channel + 1}, row ${value.row + 1}, column ${value.column + 1}` : `${layer.name}, unit ${value.channel + 1}`;
  root.append(paragraph(where, "hint"), paragraph(short(value.value), "big"));
  const [top, left, bottom, right] = value.window ?? [];
  const see = paragraph(value.window ? `It depends on ${bottom - top} × ${right - left} pixels of the image.` : "Which pixels of the image it depends on is not known.", "hint");
  // Of a stage, all that is known is what its layers did.
  if (value.how === "unknown" && value.trail?.length) root.append(paragraph("A stage of several operations, the last one first:"), see);
  else root.append(...told(value), see);
  (value.trail ?? []).forEach((step, i) => {
    const arrays = { patch: value.arrays[`patch${i}`], kernel: value.arrays[`kernel${i}`] };
    const line = paragraph("", "trail");
    line.append(sign("↑"), sign(short(step.value)), sign(step.name ? `of ${step.name}` : ""));
    root.append(line, ...told({ ...step, arrays }));
  });
  return root;
}

/** How a number was made, as elements. */
const told = (value) => HOW[value.how]?.(value) ?? [];

const HOW = {
  convolution(value) {
    const { patch, kernel } = value.arrays;
    const [channels, rows, columns] = patch.shape;
    const size = rows * columns;
    const order = value.sums.map((sum, i) => [Math.abs(sum), i]).sort((a, b) => b[0] - a[0]).map(([, i]) => i).filter((i) => i < channels).slice(0, SHOWN);
    const list = document.createElement("div");
    list.className = "products";
    const scales = [patch, kernel].map((array) => array.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-9));
    for (const channel of order) {
      const part = (array) => array.subarray(channel * size, (channel + 1) * size);
      const [a, b] = [part(patch), part(kernel)];
      const line = document.createElement("div");
      line.append(numbers(a, rows, columns, scales[0]), sign("×"), numbers(b, rows, columns, scales[1]), sign("→"), sign(short(value.sums[channel])));
      if (value.sums.length > 1) line.title = `input map ${value.first + channel + 1}`;
      list.append(line);
    }
    const more = value.sums.length > order.length ? ` The ${order.length} heaviest of ${value.sums.length} input maps are shown.` : "";
    return [paragraph("Patch × kernel, multiplied number by number and added:"), list,
      paragraph(`${short(value.sum)} + bias ${short(value.bias)} = ${short(value.value)}.${more}`)];
  },
  largest: (value) => [paragraph("The largest of this window:"), window_(value)],
  mean: (value) => [paragraph("The mean of these values:"), window_(value)],
  divided: (value) => [paragraph(`The sum of these values, divided by ${value.divisor}:`), window_(value)],
  subdued: (value) => [paragraph(`${short(value.before)} ÷ ${short(value.divisor)}, which grows with the squares of its neighbors:`), window_(value)],
  unknown: () => [paragraph("This kind of layer is not taken apart here.")],
  unchanged: () => [paragraph("It passes on what it is given; it acts in training alone.")],
  stage: () => [paragraph("A stage of several layers: point at its map to go on from there.")],
  sum: ({ parts: [[a, x], [b, y]], value }) => [paragraph(`The sum of two paths: ${short(x)} (${a}) + ${short(y)} (${b}) = ${short(value)}.`)],
  product: ({ parts: [[a, x], [b, y]], value }) => [paragraph(`${short(x)} (${a}) × the gate of its map ${short(y)} (${b}) = ${short(value)}.`)],
  joined: ({ parts: [[a]], first, count }) => [paragraph(`Maps of several layers stand side by side; ${first + 1} to ${first + count} are those of ${a}.`)],
  pointwise: (value) => [paragraph(`The activation of ${short(value.before)}.`)],
  normalized: (value) => [paragraph(`(${short(value.before)} − mean ${short(value.mean)}) ÷ deviation ${short(value.deviation)} × scale ${short(value.scale)} + shift ${short(value.shift)}.`)],
  weighed(value) {
    const table = document.createElement("table");
    table.innerHTML = "<thead><tr><th scope=\"col\">Input</th><th scope=\"col\">Value</th><th scope=\"col\">Weight</th><th scope=\"col\">Product</th></tr></thead><tbody></tbody>";
    for (const [index, source, weight] of value.strongest)
      table.tBodies[0].insertAdjacentHTML("beforeend", `<tr><th scope="row">${index + 1}</th><td>${short(source)}</td><td>${short(weight)}</td><td>${short(source * weight)}</td></tr>`);
    return [paragraph(`A sum of ${value.inputs} inputs × weights; the heaviest are:`), table, paragraph(`${short(value.sum)} + bias ${short(value.bias)} = ${short(value.value)}.`)];
  },
};

const window_ = (value) => {
  const { patch } = value.arrays;
  return numbers(patch, patch.shape[0], patch.shape[1], patch.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-9));
};

/** Numbers as colored cells; the numbers themselves where there is room. */
function numbers(values, rows, columns, scale) {
  const cell = Math.max(5, Math.min(30, Math.floor(125 / columns)));
  const canvas = document.createElement("canvas");
  const ratio = Math.max(devicePixelRatio, 1);
  Object.assign(canvas, { width: columns * cell * ratio, height: rows * cell * ratio });
  canvas.style.width = `${columns * cell}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", values.length <= 25 ? [...values].map(short).join(", ") : `${rows} × ${columns} numbers`);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = "9px sans-serif";
  values.forEach((value, i) => {
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    context.fillStyle = colorOf(value / scale);
    context.fillRect(x, y, cell - 0.5, cell - 0.5);
    if (cell < 22) return;
    context.fillStyle = inkOn(value / scale);
    context.fillText(tight(value), x + cell / 2, y + cell / 2);
  });
  return canvas;
}

/** A number in a cell: two digits, no leading zero. */
const tight = (value) => (Math.abs(value) < 0.005 ? "0" : value.toFixed(Math.abs(value) < 10 ? (Math.abs(value) < 1 ? 2 : 1) : 0).replace(/^(-?)0\./, "$1.").replace("-", "−"));

function paragraph(text, className = "") {
  const p = document.createElement("p");
  p.textContent = text;
  p.className = className;
  return p;
}

function sign(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span;
}
