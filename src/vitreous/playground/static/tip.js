// What is under the pointer, told beside it; and a number there that can be changed.

export class Tip {
  constructor(root) {
    this.root = root;
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
    // Whatever is done elsewhere ends an edit that was not sent.
    document.addEventListener("pointerdown", (event) => { if (this.edits && !root.contains(event.target)) this.close(); });
  }

  /** title: what it is; value: its number in words; hint: what could be done. */
  show({ title, value = "", hint = "" }, x, y) {
    if (this.edits) return;
    this.root.innerHTML = "<span></span><b></b><small></small>";
    for (const [element, text] of [["span", title], ["b", value], ["small", hint]]) {
      this.root.querySelector(element).textContent = text;
      this.root.querySelector(element).hidden = !text;
    }
    this.place(x, y);
  }

  /** A number to type: value, and set(number) for what was typed. focus: go there at once. */
  edit({ title, value, set, focus = true }, x, y) {
    this.before = document.activeElement;
    this.edits = true;
    this.root.innerHTML = '<form><label><span></span><input type="number" step="any" min="-1000" max="1000" required></label><button>Set</button></form>';
    this.root.querySelector("span").textContent = title;
    const input = this.root.querySelector("input");
    input.value = +value.toFixed(4);
    this.root.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      set(+input.value);
      this.close();
    };
    this.root.classList.add("editor");
    this.place(x, y);
    if (focus) input.select();
  }

  /** An entry of the glossary; it stays until something else is done. */
  tell({ title, text }, x, y) {
    this.close();
    this.edits = true;
    this.root.innerHTML = "<b></b><p></p>";
    this.root.firstChild.textContent = title;
    this.root.lastChild.textContent = text;
    this.root.classList.add("editor");
    this.place(x, y);
  }

  place(x, y) {
    this.root.hidden = false;
    const { width, height } = this.root.getBoundingClientRect();
    const left = Math.max(8, Math.min(x + 14, innerWidth - width - 8));
    const above = y + 18 + height > innerHeight - 8;
    // It stays where it is on the page, whatever is scrolled.
    this.root.style.cssText = `left:${left + scrollX}px;top:${Math.max(8, above ? y - height - 12 : y + 18) + scrollY}px`;
  }

  hide() { if (!this.edits) this.root.hidden = true; }

  close() {
    if (this.edits && this.root.contains(document.activeElement)) this.before?.focus?.({ preventScroll: true });
    this.edits = false;
    this.root.classList.remove("editor");
    this.root.hidden = true;
  }
}
