// The playground's plane without a server: this file is a web worker that answers the messages that
// plane/plane_socket.py answers, with the same frames.

import { Inside } from "./inside.js";
import { Session } from "./session.js";
import { Settings, UsageError } from "./settings.js";
import { flow, scene, snapshot } from "./snapshot.js";

const SLICE = 8; // milliseconds of training between two looks at the messages

export class Live {
  /** send(facts, arrays): to the page. */
  constructor(vocabulary, send) {
    this.settings = new Settings(vocabulary);
    this.page = send;
    this.live = new Set(vocabulary.live);
    this.session = new Session(this.settings.defaults, (state) => this.settings.kind(state));
    Object.assign(this, { playing: false, wanted: false, pace: null, selected: null, inside: new Inside(), due: 0, rate: 0 });
    this.clock = performance.now();
    this.mark = [this.clock, 0];
    this.channel = new MessageChannel(); // a turn of the loop without the delay of a timer
    this.channel.port1.onmessage = () => { this.waiting = false; this.work(); };
  }

  /** Carry out one message. */
  handle({ type, ...content }) {
    try {
      if (!MESSAGES.has(type)) throw new UsageError(`unknown message '${type}'`, "message");
      this[type](content);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.page(error.facts, {});
    }
    this.again();
  }

  again() {
    if (this.waiting || !(this.playing || this.wanted || this.inside.pending(this.session))) return;
    this.waiting = true;
    this.channel.port2.postMessage(null);
  }

  work() {
    if (this.playing) this.train();
    if (this.wanted) {
      this.wanted = false;
      const [facts, arrays] = snapshot(this.session, this.selected);
      const [more, places] = this.inside.embedding(this.session);
      this.tell("frame", [{ ...facts, ...more }, { ...arrays, ...places }]);
    }
    if (this.inside.pending(this.session) && (this.inside.due() || !this.playing)) {
      const picture = this.inside.advance(this.session);
      if (picture) this.page({ type: "landscape", ...picture[0] }, picture[1]);
    }
    this.again();
  }

  train() {
    const now = performance.now();
    this.due += (Math.min(now - this.clock, 250) * (this.pace ?? 0)) / 1000;
    this.clock = now;
    let steps = this.pace === null ? Infinity : Math.floor(this.due);
    if (this.pace !== null) this.due -= steps;
    while (steps-- > 0 && performance.now() - now < (this.pace === null ? 1 : 4) * SLICE && this.session.step());
    const spent = performance.now() - this.mark[0];
    if (spent >= 500) {
      this.rate = (Math.max(this.session.steps - this.mark[1], 0) * 1000) / spent;
      this.mark = [performance.now(), this.session.steps];
    }
    if (this.session.failure) {
      this.playing = false;
      this.wanted = true;
      this.page({ type: "stopped", reason: this.session.failure }, {});
    }
  }

  tell(type, [facts, arrays]) { this.page({ type, ...facts, playing: this.playing, rate: Math.round(this.rate) }, arrays); }

  scene() {
    this.rate = 0;
    this.mark = [performance.now(), this.session.steps];
    this.tell("scene", scene(this.session, this.settings));
    this.wanted = true;
  }

  set({ changes }) {
    const { session, settings } = this;
    const state = settings.change(session.state, changes);
    const differing = Object.keys(changes).filter((name) => JSON.stringify(state[name]) !== JSON.stringify(session.state[name]));
    const begun = session.steps || session.edits;
    const restarts = differing.length && (!begun || session.failure || differing.some((name) => !this.live.has(name)));
    if (restarts) {
      session.restart(state);
      return this.scene();
    }
    session.state = state;
    this.page({ type: "state", state, query: settings.toQuery(state) }, {});
  }

  load({ query }) {
    this.session.restart(this.settings.fromQuery(query));
    this.scene();
  }

  restart() {
    this.session.restart();
    this.scene();
  }

  play() {
    Object.assign(this, { playing: !this.session.failure, wanted: true, due: 0, clock: performance.now() });
    this.mark = [this.clock, this.session.steps];
  }

  pause() { Object.assign(this, { playing: false, wanted: true }); }

  speed({ pace }) { Object.assign(this, { pace, due: 0, clock: performance.now() }); }

  step() {
    this.playing = false;
    this.tell("flow", flow(this.session));
    this.wanted = true;
  }

  weigh({ layer, unit, source, value }) {
    if (this.session.failure) throw new UsageError("the loss is no number any more", "weight", "Restart the training.");
    this.session.assign(layer, unit, source, this.settings.between("value", value, -1000, 1000));
    this.wanted = true;
  }

  /** The page waits for a frame. */
  frame() { this.wanted = true; }

  select({ layer, unit }) { Object.assign(this, { selected: layer === null ? null : [layer, unit], wanted: true }); }

  look({ layer, landscape }) {
    Object.assign(this.inside, { layer, landscape });
    this.wanted = true;
  }
}

// The types of messages, each a method.
const MESSAGES = new Set(["scene", "set", "load", "restart", "play", "pause", "speed", "step", "weigh", "frame", "select", "look"]);
