// A connection that comes back by itself. Text is JSON; binary is a frame of named arrays.

const ARRAYS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

/** A frame (see wire.py) to its facts, with the arrays under `arrays`. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const { name, dtype, shape, offset } of facts.arrays) {
    const count = shape.reduce((a, b) => a * b, 1);
    arrays[name] = new ARRAYS[dtype](buffer, 4 + length + offset, count);
    arrays[name].shape = shape;
  }
  facts.arrays = arrays;
  return facts;
}

/** An error of the server as the page says it: where, what, remedy. */
export const inWords = ({ where, message, remedy }) =>
  [where ? `${where}: ${message}` : message, remedy].filter(Boolean).join("\n");

export class Socket {
  /** on: {open, close, message}; messages have a `type`. */
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.delay = 300;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/${this.path}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => { this.delay = 300; this.on.open(); };
    this.socket.onmessage = ({ data }) =>
      this.on.message(typeof data === "string" ? JSON.parse(data) : unpack(data));
    this.socket.onclose = () => {
      this.on.close();
      setTimeout(() => this.connect(), this.delay);
      this.delay = Math.min(this.delay * 2, 5000);
    };
  }

  get ready() { return this.socket.readyState === WebSocket.OPEN; }

  send(type, fields = {}) {
    if (this.ready) this.socket.send(JSON.stringify({ type, ...fields }));
  }

  sendBytes(bytes) {
    if (this.ready) this.socket.send(bytes);
  }
}
