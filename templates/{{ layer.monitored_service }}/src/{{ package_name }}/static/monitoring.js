// The monitoring page: asks GET /monitoring/data again and again, and draws what is there.

const PAUSE_MS = 2000;
const HEIGHT = 160;
const MARGIN = { left: 44, right: 10, top: 10, bottom: 24 };

const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)} %`);

function shape(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// Draws lines over the windows: each line is a class name and a function that takes a window's value.
function draw(svg, windows, lines) {
  const width = svg.getBoundingClientRect().width; // a unit is a pixel, so that the text is as large on a phone
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const values = windows.flatMap((each) => lines.map(([, value]) => value(each))).filter((each) => each !== null);
  svg.replaceChildren();
  if (values.length === 0) return;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = Math.max(high - low, 0.01) * 0.1;
  const across = (place) =>
    MARGIN.left + ((width - MARGIN.left - MARGIN.right) * place) / Math.max(1, windows.length - 1);
  const up = (value) =>
    HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * (value - low + room)) / (high - low + 2 * room);
  for (const value of [low, high]) {
    svg.append(shape("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: up(value), y2: up(value) }));
    svg.append(shape("text", { x: 0, y: up(value) + 4 }, value.toFixed(3)));
  }
  svg.append(shape("text", { x: MARGIN.left, y: HEIGHT - 6 }, windows[0].start));
  svg.append(shape("text", { x: width - MARGIN.right, y: HEIGHT - 6, "text-anchor": "end" }, windows.at(-1).end));
  for (const [name, value] of lines) {
    const points = windows.map((each, place) => [across(place), value(each)]).filter(([, each]) => each !== null);
    const path = points.map(([x, y]) => `${x},${up(y)}`).join(" ");
    svg.append(shape("polyline", { class: `line ${name}`, points: path }));
    if (points.length === 1) {
      const [[x, y]] = points; // a line of one point would not be seen
      svg.append(shape("circle", { class: `line ${name}`, cx: x, cy: up(y), r: 2 }));
    }
  }
  const [, first] = lines[0];
  windows.forEach((each, place) => {
    if (each.status === "alarm" && first(each) !== null)
      svg.append(shape("circle", { class: "alarm", cx: across(place), cy: up(first(each)), r: 3.5 }));
  });
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function show({ windows, events }) {
  const newest = windows.at(-1);
  if (newest) {
    element("status").textContent = newest.status === "alarm" ? "Alarm" : "Nothing unusual";
    element("window").textContent =
      `${newest.start} to ${newest.end}: ${newest.rows.toLocaleString("en")} predictions of model ` +
      `${newest.model_version}; predicted ${percent(newest.predicted)}, observed ${percent(newest.observed)}`;
    element("problems").replaceChildren(...newest.problems.map(item));
  } else {
    element("status").textContent = "No window yet";
    element("window").textContent = "Run the monitoring job: uv run poe monitor. Or play half a year: uv run poe replay.";
  }
  draw(element("auc"), windows, [["predicted", (each) => each.roc_auc]]);
  draw(element("shares"), windows, [
    ["predicted", (each) => each.predicted],
    ["observed", (each) => each.observed],
  ]);
  const lines = events.map((each) => {
    const { verdict, reason, version, problem, day } = each.detail;
    const more = [verdict, reason, version, problem].filter(Boolean).join(", ");
    return item(`${day ?? each.at.slice(0, 16).replace("T", " ")} – ${each.kind.replace("_", " ")}${more ? `: ${more}` : ""}`);
  });
  element("events").replaceChildren(...lines.reverse());
}

let shown = "";

async function refresh() {
  try {
    const answer = await (await call("monitoring/data")).text();
    if (answer !== shown) show(JSON.parse(answer)); // what did not change is not read aloud again
    shown = answer;
    say("");
  } catch (error) {
    const text = `The monitoring data cannot be shown: ${error.message}`;
    if (element("message").textContent !== text) say(text);
  }
  setTimeout(refresh, PAUSE_MS);
}

refresh();
