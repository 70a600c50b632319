// The page: theme, tabs, messages, and the two views.

import { findEngine } from "./engine.js";
import { hideParts } from "./parts.js";
import { Plane } from "./plane.js";
import { readAddress, setView, view } from "./state.js";
import { addWords } from "./words.js";

const $ = (selector) => document.querySelector(selector);
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** A short message; quiet ones are for screen readers alone. */
function say(text, quiet = false) {
  const line = document.createElement("p");
  line.textContent = text;
  if (quiet) line.className = "hidden";
  $("#status").replaceChildren(line);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => line.remove(), 4000 + text.length * 40);
}

function applyTheme() {
  root.dataset.theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
  playground.plane?.recolor();
  playground.images?.recolor();
}

async function openTab(name) {
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    $(`#${tab.getAttribute("aria-controls")}`).hidden = !chosen;
  }
  if (view.tab !== name) setView("tab", name);
  if (name === "images" && !playground.images) {
    const { Images } = await import("./images.js");
    playground.images = new Images($("#images"), say);
  }
  if (name === "plane") playground.plane?.redraw();
  else playground.plane?.setPlaying(false, true);
}

const playground = (globalThis.playground = {}); // for the curious, and for the tests
applyTheme();
dark.addEventListener("change", applyTheme);
$("#theme").onclick = () => {
  localStorage.setItem("theme", root.dataset.theme === "dark" ? "light" : "dark");
  applyTheme();
};
$("#share").onclick = async () => {
  await navigator.clipboard.writeText(location.href);
  say(`The link to this experiment is copied.${playground.plane.byHand ? " Weights set by hand are not in it." : ""}`);
};
const tabs = [...document.querySelectorAll('[role="tab"]')];
tabs.forEach((tab, i) => {
  tab.onclick = () => openTab(tab.id.slice(4));
  tab.onkeydown = ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const next = tabs[(i + 1) % tabs.length];
    next.focus();
    next.click();
  };
});
$("#skip").onclick = (event) => { event.preventDefault(); $("#main").focus(); };

readAddress();
const { vocabulary, connect, alone } = await findEngine();
const wanted = () => (view.tab === "images" && !alone ? "images" : "plane");
root.toggleAttribute("data-alone", alone);
playground.plane = new Plane(vocabulary, connect, say);
playground.plane.points.paint();
addWords(document.body, vocabulary.glossary, playground.plane.pointer.tip, say);
const hide = () => { const wrong = hideParts(view.hide); if (wrong) say(wrong); };
hide();
await openTab(wanted());
addEventListener("hashchange", () => {
  playground.plane.opened();
  hide();
  openTab(wanted());
});
