// What the network is told about a point. The rows are those of plane/plane_features.py.

export const FEATURES = {
  x1: (x) => x,
  x2: (x, y) => y,
  x1_squared: (x) => x * x,
  x2_squared: (x, y) => y * y,
  product: (x, y) => x * y,
  sin_x1: (x) => Math.sin(x),
  sin_x2: (x, y) => Math.sin(y),
  cos_x1: (x) => Math.cos(x),
  cos_x2: (x, y) => Math.cos(y),
  radius: (x, y) => Math.sqrt(x * x + y * y),
  abs_x1: (x) => Math.abs(x),
  abs_x2: (x, y) => Math.abs(y),
};

/** Places (x1, x2, x1, x2, …) to a table of features, a row for each place. */
export function featuresOf(names, places) {
  const rules = names.map((name) => FEATURES[name]);
  const table = new Float64Array((places.length / 2) * rules.length);
  for (let i = 0, at = 0; i < places.length; i += 2) for (const rule of rules) table[at++] = rule(places[i], places[i + 1]);
  return table;
}

/** The centers of side × side pixels of a window, row by row from the top left. */
export function grid([left, right, bottom, top], side) {
  const places = new Float64Array(2 * side * side);
  for (let row = 0, at = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      places[at++] = left + ((right - left) * (column + 0.5)) / side;
      places[at++] = top - ((top - bottom) * (row + 0.5)) / side;
    }
  return places;
}
