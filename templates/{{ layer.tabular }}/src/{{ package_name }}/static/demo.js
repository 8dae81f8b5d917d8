// The demo page of a table model: it builds its form from GET /model and asks POST /explain after each change.
// How an answer is shown is the stage's own matter: `showAnswer`, `reasonsOf`, `formatEffect` and `quality` in answer.js.

const SHOWN_FIELDS = 12;
const SHOWN_REASONS = 8;
const LONGEST_LIST = 200; // more categories than this are typed, with suggestions
const PAUSE_MS = 300; // wait until the person stops typing: each answer is read aloud by a screen reader

const format = (value) =>
  Number(value).toLocaleString("en", { maximumFractionDigits: Math.abs(value) >= 1000 ? 0 : 3 });

let model;
let timer;
let latest = 0;

function choice(column, value) {
  const field = document.createElement("select");
  if (column.nullable) field.add(new Option("(missing)", ""));
  for (const category of column.categories) field.add(new Option(category, category));
  if (value !== null && !column.categories.includes(value)) field.add(new Option(value, value));
  return field;
}

function suggestions(column) {
  const list = document.createElement("datalist");
  list.id = `${column.name}-values`;
  list.append(...column.categories.map((category) => new Option(category)));
  document.body.append(list);
  const field = document.createElement("input");
  field.setAttribute("list", list.id);
  field.required = !column.nullable;
  return field;
}

function number(column) {
  const field = document.createElement("input");
  field.type = "number";
  field.step = "any";
  field.required = !column.nullable;
  if (column.minimum !== null) field.min = column.minimum;
  field.placeholder = column.low === null ? "" : `${format(column.low)} to ${format(column.high)}`;
  return field;
}

function moment() {
  const field = document.createElement("input");
  field.type = "datetime-local";
  field.step = "any";
  field.required = true;
  return field;
}

function input(column) {
  const value = model.example[column.name];
  let field;
  if (column.kind === "number") field = number(column);
  else if (column.kind === "time") field = moment();
  else field = column.categories.length > LONGEST_LIST ? suggestions(column) : choice(column, value);
  field.name = column.name;
  field.value = value ?? "";
  const caption = document.createElement("label");
  caption.append(label(column.name), field);
  if (column.description) {
    const about = document.createElement("span");
    about.className = "about";
    about.textContent = column.description;
    caption.append(about);
  }
  return caption;
}

function row() {
  const values = {};
  for (const column of model.columns) {
    const text = element("form").elements[column.name].value;
    values[column.name] = text === "" ? null : column.kind === "number" ? Number(text) : text;
  }
  return values;
}

function show(result) {
  showAnswer(result);
  element("warnings").replaceChildren(
    ...result.prediction.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
  const top = reasonsOf(result).slice(0, SHOWN_REASONS).filter((reason) => reason.effect !== 0);
  const largest = Math.max(...top.map((reason) => Math.abs(reason.effect)));
  element("drivers").replaceChildren(...top.map((reason) => showReason(reason, largest)));
}

// Marks a range and a point on the scale below the figure; positions go from 0 to 1.
function mark(from, to, point) {
  element("range").style.left = `${100 * from}%`;
  element("range").style.width = `${100 * (to - from)}%`;
  element("point").style.left = `${100 * point}%`;
}

// A value as in the form: a year is no thousands.
function shown(value) {
  return value === null ? "missing" : String(value);
}

function showReason({ text, effect }, largest) {
  const item = document.createElement("li");
  const what = document.createElement("span");
  what.textContent = text;
  const how = document.createElement("span");
  how.className = `effect ${effect > 0 ? "up" : "down"}`;
  how.textContent = `${effect > 0 ? "+" : "−"}${formatEffect(Math.abs(effect))}`;
  const bar = document.createElement("div");
  bar.className = `bar ${effect > 0 ? "up" : "down"}`;
  bar.style.width = `${(100 * Math.abs(effect)) / largest}%`;
  item.append(what, how, bar);
  return item;
}

async function update() {
  const mine = ++latest;
  try {
    const answer = await call("explain", json(row()));
    const result = await answer.json();
    if (mine !== latest) return; // a newer answer is on its way
    show(result);
    say("");
  } catch (error) {
    if (mine === latest) sayError(error);
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(update, PAUSE_MS);
}

async function start() {
  try {
    model = await loadModel();
  } catch (error) {
    return sayError(error);
  }
  element("about").textContent = `Predicts ${label(model.target).toLowerCase()} from ${model.columns.length} values.`;
  element("quality").textContent = quality(model);
  // The most important values come first; the others are behind "All other values".
  const weight = (column) => model.importance[column.name] ?? 0;
  const order = [...model.columns].sort((a, b) => weight(b) - weight(a));
  element("fields").replaceChildren(...order.slice(0, SHOWN_FIELDS).map(input));
  element("more").replaceChildren(...order.slice(SHOWN_FIELDS).map(input));
  element("form").addEventListener("input", later);
  element("api-key").addEventListener("change", update);
  element("form").addEventListener("submit", (event) => event.preventDefault());
  element("form").addEventListener("reset", (event) => {
    event.preventDefault();
    for (const column of model.columns) element("form").elements[column.name].value = model.example[column.name] ?? "";
    update();
  });
  await update();
}

start();
