// The validation images of a run, those first that the network gets most wrong; choose one to open it.

import { bitmap } from "./evidence.js";

export class Strip {
  /** open(number): the image that was chosen */
  constructor(root, open) {
    this.root = root;
    this.list = root.querySelector(".strip");
    this.open = open;
  }

  /** The images, or why there are none. Returns whether there are any. */
  show(message) {
    this.root.hidden = false;
    this.list.replaceChildren();
    this.root.querySelector(".hint").textContent = message.images.length
      ? "What the network answers, and what is true, for images that it was not trained on. Choose one to open it."
      : message.reason ?? "None of its images can be read.";
    if (!message.images.length) return false;
    const { pictures } = message.arrays;
    const [, height, width, channels] = pictures.shape;
    const size = height * width * channels;
    let group = null;
    message.images.forEach((image, i) => {
      if (image.group !== group?.title) group = this.group(image.group);
      const pixels = pictures.subarray(i * size, (i + 1) * size);
      pixels.shape = [height, width, channels];
      group.list.append(this.button(image, pixels));
    });
    return true;
  }

  group(title) {
    const section = document.createElement("section");
    section.innerHTML = "<h3></h3><div></div>";
    section.firstChild.textContent = title;
    this.list.append(section);
    return { title, list: section.lastChild };
  }

  button(image, pixels) {
    const button = document.createElement("button");
    const mark = { mistakes: "✗", right: "✓" }[image.kind];
    button.className = `case ${image.kind}`;
    button.innerHTML = '<span class="given"></span><span class="true"></span>';
    button.firstChild.textContent = [mark, image.answer || image.note].filter(Boolean).join(" ");
    button.lastChild.textContent = image.truth;
    button.title = image.name;
    button.dataset.number = image.number;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: pixels.shape[1], height: pixels.shape[0] });
    canvas.getContext("2d").drawImage(bitmap(pixels), 0, 0);
    button.prepend(canvas);
    button.onclick = () => this.open(image.number);
    return button;
  }

  /** Mark the image that is shown; null for another one. */
  mark(number) {
    for (const button of this.list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(number !== null && +button.dataset.number === number));
  }
}
