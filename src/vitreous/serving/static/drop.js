// A picture is sent to /predict as it is; the answer is shown beside it.

const $ = (id) => document.getElementById(id);
const TOKEN = "vitreous-token";
const SHOWN = 24; // answers that stay on the page

function headers() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { authorization: `Bearer ${token}` } : {};
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers() });
  const body = await response.json();
  if (response.ok) return body;
  if (response.status === 401) $("token-form").hidden = false;
  const { message, where, remedy } = body.error;
  throw new Error(`${where ? `${where}: ` : ""}${message}${remedy ? `\n${remedy}` : ""}`);
}

function complain(error) {
  $("error").textContent = error ? error.message : "";
  $("error").hidden = !error;
}

async function begin() {
  try {
    const { models } = await ask("models");
    const select = $("model");
    select.replaceChildren(...models.map(({ name }) => new Option(name, name)));
    $("model-label").hidden = models.length < 2;
    const tell = () => {
      const model = models.find(({ name }) => name === select.value);
      const classes = model.classes.length ? `${model.classes.length} classes` : "";
      const { height, width } = model.contract;
      $("facts").textContent = [model.name, model.architecture, model.task, classes, `${height} × ${width} pixels`]
        .filter(Boolean)
        .join(" · ");
    };
    select.addEventListener("change", tell);
    tell();
    $("token-form").hidden = true;
    complain(null);
  } catch (error) {
    $("facts").textContent = "";
    complain(error);
  }
}

function element(name, text = "", kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = kind;
  return made;
}

function picture(source, text) {
  const image = new Image();
  image.alt = text;
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < 100));
  image.addEventListener("error", () => image.remove()); // a format that this browser does not show
  image.src = source;
  return image;
}

function bars(prediction) {
  const rows = prediction.top ?? [];
  const box = element("div", "", "bars");
  for (const { label, score } of rows) {
    const bar = element("span", "", "bar");
    const fill = element("i");
    fill.style.width = `${100 * score}%`;
    bar.append(fill);
    box.append(element("span", label), bar, element("span", `${(100 * score).toFixed(1)} %`));
  }
  return rows.length ? box : null;
}

function named(prediction) {
  const { label } = prediction;
  if (Array.isArray(label)) return label.join(", ") || "none";
  return label ?? "answered";
}

async function show(file) {
  const card = element("article", "", "waiting");
  const pictures = element("div", "", "pictures");
  const words = element("div");
  const own = picture(URL.createObjectURL(file), file.name);
  pictures.append(own);
  words.append(element("h2", "…"), element("p", file.name, "quiet"));
  card.append(pictures, words);
  $("answers").prepend(card);
  while ($("answers").children.length > SHOWN) $("answers").lastChild.remove();
  const model = encodeURIComponent($("model").value);
  const form = () => {
    const data = new FormData();
    data.append("image", file);
    return { method: "POST", body: data };
  };
  try {
    const start = performance.now();
    const found = await ask(`predict?model=${model}&top=5&draw=true`, form());
    const { path, drawn, ...prediction } = found.predictions[0];
    const took = `${path}, ${Math.round(performance.now() - start)} ms`;
    words.replaceChildren(element("h2", named(prediction)), element("p", took, "quiet"));
    const shown = bars(prediction);
    words.append(shown ?? element("pre", JSON.stringify(prediction, null, 1)));
    for (const note of found.notes ?? []) words.append(element("p", note, "quiet"));
    if (!shown && drawn) {
      pictures.append(picture(drawn, "the answer, drawn on the picture"));
      own.remove();
    }
    if ($("why").checked) {
      const { explanations } = await ask(`explain?model=${model}`, form());
      const { overlay, target, method } = explanations[0];
      const figure = element("figure");
      const caption = `evidence for ${target}, by ${method}`;
      figure.append(picture(overlay, caption), element("figcaption", caption));
      pictures.append(figure);
    }
    complain(null);
  } catch (error) {
    words.firstChild.textContent = words.firstChild.textContent === "…" ? "No answer" : words.firstChild.textContent;
    complain(error);
  }
  card.classList.remove("waiting");
}

async function showAll(files) {
  for (const file of files) await show(file);
}

const drop = $("drop");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => showAll([...event.dataTransfer.files]));
document.addEventListener("paste", (event) => showAll([...event.clipboardData.files]));
$("file").addEventListener("change", async ({ target }) => {
  const files = [...target.files];
  target.value = "";
  await showAll(files);
});
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, $("token").value);
  begin();
});
$("curl").textContent = `curl -F image=@cat.jpg ${location.origin}/predict`;
begin();
