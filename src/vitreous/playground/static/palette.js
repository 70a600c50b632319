// Colors for values from -1 to 1: violet, paper, amber. Violet against amber stays apart for every
// common kind of color blindness, and lightness falls (or rises) to both ends.

const STOPS = {
  light: ["#43298f", "#9483cf", "#f6f4f0", "#efb650", "#b85f00"],
  dark: ["#8a73e6", "#4d3f8c", "#151c21", "#79551c", "#d08a1c"],
};

const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** 256 colors as RGBA bytes packed for a Uint32Array over ImageData. */
function table(stops) {
  const colors = stops.map(parts);
  const packed = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const place = (byte / 255) * (colors.length - 1);
    const low = Math.min(Math.floor(place), colors.length - 2);
    const [r, g, b] = colors[low].map((c, i) => Math.round(c + (colors[low + 1][i] - c) * (place - low)));
    packed[byte] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return packed;
}

const TABLES = { light: table(STOPS.light), dark: table(STOPS.dark) };

export const theme = () => document.documentElement.dataset.theme;
export const colors = () => TABLES[theme()];

function rgb(value) {
  const packed = colors()[Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5)];
  return [packed & 255, (packed >> 8) & 255, (packed >> 16) & 255];
}

/** The color of a value in [-1, 1], for CSS and canvases. */
export const colorOf = (value) => `rgb(${rgb(value).join(" ")})`;

/** Black or white, whichever can be read on the color of a value. */
export function inkOn(value) {
  const [r, g, b] = rgb(value);
  return 0.3 * r + 0.59 * g + 0.11 * b > 125 ? "#000" : "#fff";
}

/** A color of the style sheet by its name there. */
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Bytes (side × side) into a canvas of that many pixels; `levels` leaves two colors. */
export function paint(canvas, bytes, side, levels = false) {
  if (canvas.width !== side || canvas.height !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  const palette = colors();
  for (let i = 0; i < pixels.length; i++) pixels[i] = palette[levels ? (bytes[i] > 127 ? 212 : 43) : bytes[i]];
  context.putImageData(image, 0, 0);
}
