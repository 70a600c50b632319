// Parts of the page that a teacher hides by the address: ?hide=noise,optimizer or #hide=noise.

/** Hide what is named; returns what the page has to say about it, or an empty text. */
export function hideParts(named) {
  const asked = [new URLSearchParams(location.search).get("hide") ?? "", named].join(",").split(",").map((name) => name.trim()).filter(Boolean);
  const places = [...document.querySelectorAll("[data-part]")];
  for (const place of places) place.classList.toggle("left-out", asked.includes(place.dataset.part));
  const known = [...new Set(places.map((place) => place.dataset.part))];
  const unknown = asked.filter((name) => !known.includes(name));
  return unknown.length ? `hide: there is no part '${unknown[0].slice(0, 40)}'.\nThere are: ${known.join(", ")}.` : "";
}
