// What trains: the server behind this page, or, where a page stands alone, the engine that it
// carries. Both take the same messages and answer with the same frames.

import { Socket } from "./socket.js";

/** vocabulary; connect(on), see `Socket`; and whether there is no server. */
export async function findEngine() {
  const carried = document.querySelector("#engine");
  if (!carried) {
    const vocabulary = await (await fetch("vocabulary")).json();
    return { vocabulary, connect: (on) => new Socket("plane", on), alone: false };
  }
  const vocabulary = JSON.parse(document.querySelector("#vocabulary").textContent);
  return { vocabulary, connect: (on) => new Local(carried.textContent, vocabulary, on), alone: true };
}

/** The engine in a worker, so that the page stays free; it is used like a `Socket`. */
class Local {
  constructor(source, vocabulary, on) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(address);
    this.worker.onmessage = ({ data: { facts, arrays, shapes } }) => {
      for (const [name, shape] of Object.entries(shapes)) arrays[name].shape = shape;
      on.message({ ...facts, arrays });
    };
    this.worker.onerror = ({ message }) => on.message({ type: "error", message, where: "engine", remedy: "Reload the page." });
    this.worker.postMessage({ vocabulary });
    setTimeout(() => on.open()); // as with a socket, not before the constructor is done
  }

  send(type, fields = {}) { this.worker.postMessage({ type, ...fields }); }
}
