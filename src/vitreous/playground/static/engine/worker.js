// The entry of the engine where it is a web worker: the vocabulary first, then messages.

import { Live } from "./live.js";

let live = null;

function send(facts, arrays) {
  const shapes = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.shape ?? [array.length]]));
  postMessage({ facts, arrays, shapes });
}

onmessage = ({ data }) => {
  if (live) live.handle(data);
  else live = new Live(data.vocabulary, send);
};
