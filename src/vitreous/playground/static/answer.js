// The answer in words and numbers: the likeliest classes of an image, or what the task says of it.

/** Fill the panel; `seen` is what the server made of an image, `network` its description. */
export function showAnswer(root, seen, network) {
  if (!seen.probabilities) {
    root.innerHTML = '<p class="line"></p>';
    root.firstChild.textContent = seen.answer.split(/ {3}|, /).join("\n");
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
    row.onpointerenter = () => tell(i);
  }
  const formula = document.createElement("p");
  formula.className = "hint formula";
  root.append(formula);
  const tell = (i) => { formula.textContent = inFormula(i, logits, probabilities, network); };
  tell(order[0][1]);
}

/** How a score becomes a probability: softmax over all classes, or the sigmoid of its own. */
function inFormula(i, logits, probabilities, { classes, exclusive }) {
  const number = (value) => (value >= 1e6 || (value < 1e-3 && value > 0) ? value.toExponential(1) : `${+value.toPrecision(4)}`).replace("-", "−");
  const score = logits[i].toFixed(2).replace("-", "−");
  const share = `${(probabilities[i] * 100).toFixed(1)} %`;
  if (!exclusive) return `${classes[i]}: 1 ÷ (1 + e^−(${score})) = ${share}, whatever the other scores are.`;
  if (Math.max(...logits) > 700) return ""; // e^score is more than a number holds
  const sum = logits.reduce((all, logit) => all + Math.exp(logit), 0);
  return `${classes[i]}: e^(${score}) ÷ the sum of e^score over all ${logits.length} classes = ${number(Math.exp(logits[i]))} ÷ ${number(sum)} = ${share}. Point at a row for another class.`;
}
