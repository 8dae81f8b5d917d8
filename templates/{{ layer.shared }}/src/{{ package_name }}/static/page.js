// What the pages of all stages have in common: names, messages, and calls that say what went wrong.

const element = (id) => document.getElementById(id);

// A name as a person reads it: "Sched dep" of "sched_dep".
function label(name) {
  const text = name.replace(/_/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Shows a message, or takes it away if the text is empty; marks the fields that it is about.
function say(text, names = []) {
  element("message").textContent = text;
  element("message").hidden = !text;
  for (const field of element("form")?.elements ?? []) {
    if (names.includes(field.name)) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", "message");
    } else {
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
  }
}

function sayError(error) {
  say(error.message, error.names);
}

function json(body) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

// Calls the service. What is no success becomes an error that a person understands.
async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (element("api-key")?.value) headers["X-API-Key"] = element("api-key").value;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer. Is it running?");
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer) {
  if (answer.status === 401) element("key")?.removeAttribute("hidden");
  const { detail } = await answer.json().catch(() => ({})); // a proxy in between answers with a page
  if (!Array.isArray(detail)) return new Error(detail ?? `The service answers with error ${answer.status}.`);
  const lines = detail.map(({ loc, msg }) => [loc.slice(1).join("."), msg].filter(Boolean).join(": "));
  const names = detail.map(({ loc }) => String(loc.at(-1)));
  return Object.assign(new Error(lines.join("; ")), { names });
}

// Asks for the model in service, and puts its name and version into the page.
async function loadModel() {
  const loaded = await (await call("model")).json();
  element("title").textContent = document.title = label(loaded.name);
  element("version").textContent = loaded.version;
  return loaded;
}
