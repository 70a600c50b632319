// Pictures of numbers: a map, the input, where the evidence for a class lies, templates.

import { colors } from "./palette.js";

/** A map of bytes (height × width) in the colors of the theme. */
export function paintMap(canvas, bytes, height, width) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const palette = colors();
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = palette[bytes[i]];
  context.putImageData(image, 0, 0);
}

/** The network's input as a picture: gray, or the first three channels as red, green, blue. */
export function bitmap(image) {
  const [height, width, channels] = image.shape;
  const pixels = new ImageData(width, height);
  const [green, blue] = channels > 2 ? [1, 2] : [0, 0];
  for (let i = 0, at = 0; i < height * width; i++, at += channels)
    pixels.data.set([image[at], image[at + green], image[at + blue], 255], 4 * i);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** A class activation map over the image that it explains; returns its sum in words. */
export function drawCam(canvas, cam, image) {
  const [height, width] = cam.arrays.heat.shape;
  const [rows, columns] = image.shape;
  Object.assign(canvas, { width: 256, height: (256 * rows) / columns });
  const heat = new OffscreenCanvas(width, height);
  paintMap(heat, cam.arrays.heat, height, width);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 0.4;
  context.globalCompositeOperation = "luminosity";
  context.drawImage(bitmap(image), 0, 0, canvas.width, canvas.height);
  return `mean ${cam.mean.toFixed(2)} + bias ${cam.bias.toFixed(2)} = score ${cam.logit.toFixed(2)}`;
}

/** One template a class, with its score for the present image. */
export function drawTemplates(list, templates, classes, logits) {
  const [count, height, width] = templates.shape;
  if (list.childElementCount !== count)
    list.innerHTML = '<figure><canvas role="img"></canvas><figcaption></figcaption></figure>'.repeat(count);
  [...list.children].forEach((figure, i) => {
    const [canvas, caption] = figure.children;
    paintMap(canvas, templates.subarray(i * height * width, (i + 1) * height * width), height, width);
    canvas.setAttribute("aria-label", `Template of ${classes[i]}`);
    caption.textContent = logits ? `${classes[i]}: ${logits[i].toFixed(1)}` : classes[i];
  });
}
