// How far training is and how good: epoch, step, losses, accuracies, and the curves of the losses.

import { LossChart } from "./chart.js";

const $ = (selector) => document.querySelector(selector);
const number = (value) => value.toLocaleString("en");

export class Scores {
  constructor() { this.chart = new LossChart($("#chart")); }

  add({ steps, train_loss: train, test_loss: test }) { this.chart.add(steps, train, test); }

  show(frame) {
    $("#epoch").textContent = number(frame.epoch);
    $("#steps").textContent = number(frame.steps);
    $("#rate").textContent = frame.rate ? number(frame.rate) : "–";
    for (const part of ["test", "train"]) {
      $(`#${part}-loss`).textContent = frame[`${part}_loss`]?.toFixed(4) ?? "∞";
      const accuracy = frame[`${part}_accuracy`];
      $(`#${part}-accuracy`).textContent = accuracy === null ? "" : `accuracy ${(accuracy * 100).toFixed(1)} %`;
    }
    this.chart.draw();
  }

  /** There is no network to measure. */
  clear() {
    for (const name of ["epoch", "steps", "rate", "test-loss", "train-loss"]) $(`#${name}`).textContent = "–";
    for (const part of ["test", "train"]) $(`#${part}-accuracy`).textContent = "";
    this.chart.clear();
    this.chart.draw();
  }
}
