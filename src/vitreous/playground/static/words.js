// A "?" beside each word that has an entry in the glossary, and the entry where it was asked for.

/** Put a button after every element below `root` with a `data-word`. tip: where it is told;
 *  say(text, quiet): tells it to screen readers as well. */
export function addWords(root, glossary, tip, say) {
  for (const place of root.querySelectorAll("[data-word]")) {
    const word = glossary[place.dataset.word];
    if (!word) throw new Error(`the glossary has no '${place.dataset.word}'`);
    const button = document.createElement("button");
    button.className = "ask";
    button.type = "button";
    button.textContent = "?";
    button.setAttribute("aria-label", `What is this: ${word.title}`);
    button.onclick = () => {
      const { left, bottom } = button.getBoundingClientRect();
      tip.tell(word, left, bottom - 12);
      say(`${word.title}. ${word.text}`, true);
    };
    place.after(button);
    delete place.dataset.word;
  }
}
