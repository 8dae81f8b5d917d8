// The demo page of a text generator: POST /generate as a stream, and the tokens that could come next.

const PAUSE_MS = 300; // wait until the typing goes on
const SHOWN = 10;

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

let model;
let timer;
let running = null; // ends the text that is being written
let prompts = 0;

function settings() {
  return {
    temperature: Number(element("temperature").value),
    top_k: Number(element("top-k").value),
    top_p: Number(element("top-p").value),
    seed: Number(element("seed").value),
    alternatives: SHOWN,
  };
}

// ---- what could come next

function later() {
  clearTimeout(timer);
  timer = setTimeout(lookAhead, PAUSE_MS);
}

async function lookAhead() {
  if (running) return;
  const prompt = element("prompt").value;
  element("prediction").replaceChildren(given(prompt));
  element("detail").textContent = "";
  try {
    const answer = await call("generate", json({ ...settings(), prompt, max_tokens: 1 }));
    const { tokens } = await answer.json();
    if (prompt !== element("prompt").value) return; // a newer answer is on its way
    showNext(tokens[0].alternatives, prompt, "After the prompt:");
    say("");
  } catch (error) {
    sayError(error);
  }
}

function given(prompt) {
  return Object.assign(document.createElement("span"), { className: "given", textContent: prompt });
}

function visible(text) {
  return text === "" ? "(the end)" : text.replace(/\n/g, "⏎").replace(/ /g, "␣");
}

function showNext(alternatives, before, title) {
  element("place").textContent = `${title} choose one to go on with it.`;
  element("next").replaceChildren(
    ...alternatives.map(({ text, probability }) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const bar = Object.assign(document.createElement("span"), { className: "bar" });
      bar.style.width = `${100 * probability}%`;
      button.append(
        Object.assign(document.createElement("code"), { textContent: visible(text) }),
        Object.assign(document.createElement("span"), { textContent: percent(probability) }),
        bar,
      );
      button.addEventListener("click", () => {
        halt();
        element("prompt").value = before + text;
        lookAhead().then(() => element("next").querySelector("button")?.focus());
      });
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

// ---- the text

function halt() {
  if (running) running.abort();
  running = null;
  exchange("stop", "start");
}

// Disables one button in favour of another, which takes the focus over.
function exchange(off, on) {
  const focused = document.activeElement === element(off);
  element(on).disabled = false;
  element(off).disabled = true;
  if (focused) element(on).focus();
}

async function generate(event) {
  event.preventDefault();
  clearTimeout(timer);
  halt();
  const mine = new AbortController();
  running = mine;
  exchange("start", "stop");
  say("");
  element("heard").textContent = "Writing…";
  const prompt = element("prompt").value;
  element("prediction").replaceChildren(given(prompt));
  const started = performance.now();
  let written = prompt;
  let count = 0;
  try {
    const wanted = Number(element("max-tokens").value);
    const body = { ...settings(), prompt, max_tokens: wanted, stream: true };
    const answer = await call("generate", { ...json(body), signal: mine.signal });
    for await (const [name, data] of eventsOf(answer)) {
      if (name === "error") throw new Error(data.detail);
      if (name === "done") continue;
      count += 1;
      addToken(data, written);
      written += data.text;
      const rate = count / ((performance.now() - started) / 1000);
      element("detail").textContent = `${count} tokens, ${rate.toFixed(0)} a second`;
    }
  } catch (error) {
    if (error.name !== "AbortError") sayError(error);
  }
  if (running && running !== mine) return; // a newer text is being written
  element("heard").textContent = written; // once, and not token by token
  halt();
}

function addToken({ text, probability, alternatives }, before) {
  // A span and no button: a button would be a box of its own, between lines and within words.
  const token = Object.assign(document.createElement("span"), { className: "token", textContent: text });
  // One stop of the Tab key for all tokens; the arrow keys go from one to the next.
  token.tabIndex = element("prediction").querySelector(".token") ? -1 : 0;
  token.title = percent(probability);
  token.setAttribute("role", "button");
  const choose = () => {
    for (const other of element("prediction").querySelectorAll(".token")) other.setAttribute("aria-pressed", false);
    token.setAttribute("aria-pressed", true);
    showNext(alternatives, before, `In the place of “${visible(text)}”:`);
  };
  token.addEventListener("click", choose);
  token.addEventListener("keydown", (event) => {
    const next = { ArrowRight: token.nextElementSibling, ArrowLeft: token.previousElementSibling }[event.key];
    if (next?.matches(".token")) {
      token.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose();
    }
  });
  element("prediction").append(token);
  showNext(alternatives, before, "At the last place:");
}

// ---- the start

function nextPrompt() {
  halt();
  element("prompt").value = model.prompts[prompts % model.prompts.length];
  prompts += 1;
  return lookAhead();
}

async function start() {
  try {
    model = await loadModel();
  } catch (error) {
    return sayError(error);
  }
  element("about").textContent = `Continues a text. It sees ${model.context} tokens at once.`;
  const bits = model.metrics.model.bits_per_character;
  element("quality").textContent = `${bits.value.toFixed(3)} bits per character on texts it has never seen`;
  element("form").addEventListener("submit", generate);
  element("form").addEventListener("input", later);
  element("stop").addEventListener("click", halt);
  element("another").addEventListener("click", nextPrompt);
  element("api-key").addEventListener("change", lookAhead);
  await nextPrompt();
}

start();
