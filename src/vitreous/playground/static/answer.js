// The answer in words and numbers: the likeliest classes of an image, or what the task says of it.

/** Fill the panel; `seen` is what the server made of an image, `network` its description. */
export function showAnswer(root, seen, network) {
  if (!seen.probabilities) {
    root.innerHTML = '<p class="line"></p>';
    root.firstChild.textContent = seen.answer.split("   ").join("\n");
    return;
  }
  const { probabilities, logits } = seen;
  const order = probabilities.map((p, i) => [p, i]).sort((a, b) => b[0] - a[0]).slice(0, 6);
  const what = network.exclusive ? "softmax" : "probability of each";
  root.innerHTML = `<p class="big"></p><table><thead><tr><th scope="col">Class</th><th scope="col">Score</th><th scope="col" colspan="2">${what}</th></tr></thead><tbody></tbody></table>`;
  root.querySelector(".big").textContent = network.classes[order[0][1]];
  for (const [p, i] of order) {
    const row = root.querySelector("tbody").insertRow();
    row.innerHTML = `<th scope="row"></th><td class="number">${logits[i].toFixed(2).replace("-", "−")}</td><td class="number">${(p * 100).toFixed(1)} %</td><td class="size"><span class="bar"></span></td>`;
    row.cells[0].textContent = network.classes[i];
    row.querySelector(".bar").style.cssText = `width:${p * 100}%;background:var(--accent)`;
  }
}
