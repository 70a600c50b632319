// The settings of an experiment: checked, and to and from the address, as plane/page_state.py does.
// What is known comes from the vocabulary that the page was written with.

const PLANE = [-6, 6, -6, 6];

/** An error as the server would send it. */
export class UsageError extends Error {
  constructor(message, where = null, remedy = null) {
    super(message);
    this.facts = { type: "error", kind: "usage", message, where, remedy };
  }
}

const near = (name, value, known) => new UsageError(`unknown ${name} '${String(value).slice(0, 40)}'`, name, `Known are: ${known.join(", ")}.`);

export class Settings {
  constructor(vocabulary) { Object.assign(this, vocabulary); }

  /** task and window of a state. */
  kind({ data, kind }) {
    const set = this.miniatures[data];
    return set ? { task: set.kind, window: set.window } : { task: kind, window: PLANE };
  }

  /** A copy with other settings; throws a UsageError that names the setting. */
  change(state, changes) {
    const next = { ...state };
    for (const [name, value] of Object.entries(changes)) {
      if (!(name in this.defaults)) throw near("setting", name, Object.keys(this.defaults));
      next[name] = this.checked(name, value);
    }
    next.features = Object.keys(this.features).filter((name) => next.features.includes(name));
    if (!next.features.length) throw new UsageError("a network needs one feature at least, and none twice", "features");
    if (next.data === "own" && next.points.length < 2)
      throw new UsageError(`${next.points.length} own points`, "points", "Draw or paste two points at least.");
    return next;
  }

  checked(name, value) {
    if (name === "hidden") {
      if (value.length > this.max_layers) throw new UsageError(`${value.length} are too many`, name, `Give at most ${this.max_layers}.`);
      return value.map((units) => this.between(name, units, 1, this.max_units, true));
    }
    if (name === "features") {
      const known = Object.keys(this.features);
      for (const feature of value) if (!known.includes(feature)) throw near("feature", feature, known);
      return value;
    }
    if (name === "points") {
      if (value.length > this.max_points) throw new UsageError(`${value.length} are too many`, name, `Give at most ${this.max_points}.`);
      for (const point of value) if (point.length !== 3) throw new UsageError("a point is x1, x2 and a target", name);
      return value.map(([x, y, t]) => [this.between(name, x, -6, 6), this.between(name, y, -6, 6), this.between(name, t, -1, 1)]);
    }
    if (name in this.ranges) return this.between(name, value, ...this.ranges[name], this.whole.includes(name));
    if (!this.choices[name].includes(value)) throw near(name, value, this.choices[name]);
    return value;
  }

  between(name, value, low, high, whole = false) {
    if (typeof value !== "number" || Number.isNaN(value) || (whole && !Number.isInteger(value)))
      throw new UsageError(`'${String(value).slice(0, 40)}' cannot be read`, name, `Give a ${whole ? "whole " : ""}number.`);
    if (value < low || value > high) throw new UsageError(`${value} is out of range`, name, `Give a number from ${low} to ${high}.`);
    return value;
  }

  /** The settings that are not the defaults, as they stand in an address. */
  toQuery(state) {
    const text = (value) => (Array.isArray(value) ? value.map(text).join(Array.isArray(value[0]) ? ";" : ",") : String(value));
    return Object.entries(this.defaults)
      .filter(([name, value]) => text(value) !== text(state[name]))
      .map(([name]) => `${name}=${text(state[name])}`)
      .join("&");
  }

  /** The inverse; settings that are left out have their defaults. */
  fromQuery(query) {
    const changes = {};
    for (const part of query.split("&").filter(Boolean)) {
      const [name, text = ""] = part.split("=").map((word) => decodeURIComponent(word));
      const words = (sign) => text.split(sign).filter(Boolean);
      if (name === "points") changes[name] = words(";").map((point) => point.split(",").map(Number));
      else if (name === "hidden") changes[name] = words(",").map(Number);
      else if (name === "features") changes[name] = words(",");
      else changes[name] = name in this.ranges ? (text === "" ? NaN : Number(text)) : text;
    }
    return this.change(this.defaults, changes);
  }
}
