// The settings in the page's address. What the server trains is its own part of the address, which
// this file only carries; what the page shows is kept here.

const VIEW = { tab: "plane", test: "0", discretize: "0", log: "0", pace: "7", net: "", draw: "1", layer: "", all: "0", hide: "" };

export const view = { ...VIEW };
let query = "";

/** What an encoded value says, or null: an address can be cut off in the middle of a character. */
function decoded(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

/** Take the address apart: sets `view`, returns the server's part. */
export function readAddress() {
  const parts = location.hash.slice(1).split("&").filter(Boolean);
  Object.assign(view, VIEW);
  const rest = [];
  for (const part of parts) {
    const [name, value = ""] = part.split("=");
    if (name in VIEW) view[name] = decoded(value) ?? VIEW[name];
    else rest.push(part);
  }
  query = rest.join("&");
  return query;
}

/** Write the address; without an argument the server's part stays as it is. */
export function writeAddress(newQuery = query) {
  query = newQuery;
  const own = Object.keys(VIEW)
    .filter((name) => view[name] !== VIEW[name])
    .map((name) => `${name}=${encodeURIComponent(view[name])}`);
  const hash = [query, ...own].filter(Boolean).join("&");
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

export function setView(name, value) {
  view[name] = value;
  writeAddress();
}
