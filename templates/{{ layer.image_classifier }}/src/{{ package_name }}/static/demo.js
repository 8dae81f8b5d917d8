// The demo page of an image classifier: draw or drop an image, see what POST /explain answers.

const PAUSE_MS = 200; // wait until the stroke goes on
const BRUSH = 18; // of 280 pixels
const SHOWN_CLASSES = 10;
const OPACITY = 0.65;

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

const picture = element("picture");
const ink = picture.getContext("2d", { willReadFrequently: true });

let model;
let timer;
let latest = 0;
let chosen = null; // the class that the person wants explained; null: the most probable one
let dropped = null; // the image that was dropped, so that it can be inverted

// ---- the picture

function clear() {
  dropped = null;
  ink.filter = "none";
  ink.fillStyle = "black";
  ink.fillRect(0, 0, picture.width, picture.height);
}

function show(image) {
  clear();
  dropped = image;
  const scale = Math.min(picture.width / image.width, picture.height / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  ink.imageSmoothingQuality = "high";
  ink.imageSmoothingEnabled = scale < 1; // the pixels of a small image stay what they are
  ink.filter = element("invert").checked ? "invert(1)" : "none";
  ink.drawImage(image, (picture.width - width) / 2, (picture.height - height) / 2, width, height);
  ink.filter = "none";
  later();
}

async function load(file) {
  if (!file) return;
  try {
    show(await createImageBitmap(file));
  } catch {
    say("The browser cannot read this file as an image.");
  }
}

async function example() {
  element("invert").checked = false;
  const bytes = Uint8Array.from(atob(model.example), (sign) => sign.charCodeAt(0));
  await load(new Blob([bytes], { type: "image/png" }));
}

function place(event) {
  const box = picture.getBoundingClientRect();
  const scale = picture.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

function startStroke(event) {
  event.preventDefault();
  picture.setPointerCapture(event.pointerId);
  ink.strokeStyle = "white";
  ink.lineWidth = BRUSH;
  ink.lineCap = ink.lineJoin = "round";
  ink.beginPath();
  ink.moveTo(...place(event));
  stroke(event);
}

function stroke(event) {
  if (!picture.hasPointerCapture(event.pointerId)) return;
  ink.lineTo(...place(event));
  ink.stroke();
  later();
}

// ---- the answer

function later() {
  chosen = null;
  clearTimeout(timer);
  timer = setTimeout(update, PAUSE_MS);
}

async function update() {
  const mine = ++latest;
  const blob = await new Promise((done) => picture.toBlob(done, "image/png"));
  const form = new FormData();
  form.append("image", blob, "picture.png");
  form.append("top_k", SHOWN_CLASSES);
  if (chosen !== null) form.append("label", chosen);
  try {
    const answer = await (await call("explain", { method: "POST", body: form })).json();
    if (mine !== latest) return; // a newer answer is on its way
    showAnswer(answer);
    say("");
  } catch (error) {
    if (mine === latest) sayError(error);
  }
}

function showAnswer({ predictions, warnings, heatmap }) {
  const best = predictions[0];
  element("prediction").textContent = best.label;
  element("detail").textContent = `Probability ${percent(best.probability)}`;
  element("warnings").replaceChildren(
    ...warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
  const focused = element("classes").contains(document.activeElement);
  element("classes").replaceChildren(...predictions.map((each) => row(each, heatmap.label)));
  if (focused) element("classes").querySelector('[aria-pressed="true"]')?.focus();
  element("looks").textContent =
    `Bright places speak for “${heatmap.label}”; the image is what the network gets: ${model.size} × ${model.size} pixels.`;
  showHeatmap(heatmap.values);
}

function row({ label: name, probability }, shown) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", name === shown);
  const text = Object.assign(document.createElement("span"), { textContent: name });
  const share = Object.assign(document.createElement("span"), { className: "share", textContent: percent(probability) });
  const bar = Object.assign(document.createElement("span"), { className: "bar" });
  bar.style.width = `${100 * probability}%`;
  button.append(text, share, bar);
  button.addEventListener("click", () => {
    chosen = name;
    update();
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function showHeatmap(values) {
  const overlay = element("overlay");
  const paper = overlay.getContext("2d");
  const small = new OffscreenCanvas(model.size, model.size);
  const seen = small.getContext("2d");
  seen.imageSmoothingQuality = "high";
  seen.drawImage(picture, 0, 0, model.size, model.size);
  if (model.channels === 1) {
    const pixels = seen.getImageData(0, 0, model.size, model.size);
    for (let place = 0; place < pixels.data.length; place += 4) {
      const [red, green, blue] = pixels.data.slice(place, place + 3);
      pixels.data.fill(0.299 * red + 0.587 * green + 0.114 * blue, place, place + 3);
    }
    seen.putImageData(pixels, 0, 0);
  }
  paper.imageSmoothingEnabled = false;
  paper.drawImage(small, 0, 0, overlay.width, overlay.height);

  const heat = new OffscreenCanvas(values[0].length, values.length);
  const colours = heat.getContext("2d").createImageData(heat.width, heat.height);
  values.flat().forEach((value, index) => {
    // From nothing over red to yellow.
    colours.data.set([255, Math.max(0, 2 * value - 1) * 255, 0, value * OPACITY * 255], 4 * index);
  });
  heat.getContext("2d").putImageData(colours, 0, 0);
  paper.imageSmoothingEnabled = true;
  paper.drawImage(heat, 0, 0, overlay.width, overlay.height);
}

// ---- the start

async function start() {
  try {
    model = await loadModel();
  } catch (error) {
    return sayError(error);
  }
  element("about").textContent = `Tells apart: ${model.classes.slice(0, 20).join(", ")}.`;
  const accuracy = model.metrics.model.accuracy;
  element("quality").textContent =
    `accuracy ${(100 * accuracy.value).toFixed(1)}% on ${model.metrics.rows.toLocaleString("en")} test images`;
  picture.addEventListener("pointerdown", startStroke);
  picture.addEventListener("pointermove", stroke);
  element("clear").addEventListener("click", () => {
    clear();
    later();
  });
  element("file").addEventListener("change", (event) => load(event.target.files[0]));
  element("invert").addEventListener("change", () => dropped && show(dropped));
  const form = element("form");
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    example();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["dragenter", "dragover"]) {
    document.body.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) document.body.addEventListener(name, () => form.classList.remove("over"));
  document.body.addEventListener("drop", (event) => {
    event.preventDefault();
    load(event.dataTransfer.files[0]);
  });
  element("api-key").addEventListener("change", update);
  await example();
}

start();
