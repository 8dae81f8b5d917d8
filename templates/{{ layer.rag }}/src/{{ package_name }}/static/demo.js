// The demo page of a knowledge base: POST /ask as a stream, citations that open their passage, POST /documents.

const REMEMBERED = 6; // turns of the conversation that go with a question

function create(tag, className, textContent = "") {
  return Object.assign(document.createElement(tag), { className, textContent });
}

let model;
let examples = 0;
let running = null; // ends the answer that is being written
let history = []; // of the conversation

// ---- passages

function showPassages(question, passages) {
  element("searched").textContent = `Found for: ${question}`;
  element("passages").replaceChildren(
    ...passages.map((passage) => {
      const details = create("details", "passage");
      const summary = create("summary", "", `[${passage.number}] ${passage.section.at(-1) || passage.title} `);
      summary.append(create("span", "where", `${passage.document} · ${passage.score.toFixed(2)}`));
      details.append(summary, create("p", "text", passage.text));
      details.id = `passage-${passage.number}`;
      return details;
    }),
  );
}

function openPassage(passages, question, citation) {
  showPassages(question, passages);
  const passage = passages.find(({ number }) => number === citation.number);
  const details = element(`passage-${citation.number}`);
  const begin = citation.start - passage.start;
  const end = citation.end - passage.start;
  const text = details.querySelector(".text");
  // Text of documents is only ever inserted as text, never as HTML.
  text.replaceChildren(passage.text.slice(0, begin), create("mark", "", passage.text.slice(begin, end)), passage.text.slice(end));
  details.open = true;
  details.dataset.cited = "true";
  details.scrollIntoView({ block: "nearest" });
}

// ---- the conversation

function newTurn(question) {
  const turn = create("article", "turn");
  const answer = create("p", "answer");
  const detail = create("p", "detail", "Searching…");
  turn.append(create("p", "asked", question), answer, detail);
  element("prediction").append(turn);
  turn.scrollIntoView({ block: "end" });
  return { article: turn, answer, detail };
}

function addSentence(place, citation, found) {
  const button = create("button", "quiet citation", String(citation.number));
  button.type = "button";
  button.setAttribute("aria-label", `Source ${citation.number}`);
  button.title = [citation.document, ...citation.section].join(" › ");
  button.addEventListener("click", () => openPassage(found.passages, found.question, citation));
  place.append(`${citation.text} `, button, " ");
}

function describe(done) {
  const { timings, usage } = done;
  const parts = [
    done.generator === "extractive" ? "quoted from the documents" : done.generator,
    `passages after ${timings.retrieval_ms.toFixed(0)} ms`,
    `first sentence after ${(timings.first_text_ms / 1000).toFixed(1)} s`,
  ];
  if (usage.completion_tokens) parts.push(`${usage.prompt_tokens + usage.completion_tokens} tokens`);
  if (usage.cost_usd) parts.push(`$${usage.cost_usd.toFixed(5)}`);
  return [parts.join(" · "), done.note].filter(Boolean).join(" — ");
}

async function ask(question) {
  running?.abort();
  const stopping = new AbortController();
  running = stopping;
  element("stop").disabled = false;
  say("");
  const turn = newTurn(question);
  let found = { question, passages: [] };
  try {
    const body = { question, history: history.slice(-REMEMBERED), stream: true };
    const answer = await call("ask", { ...json(body), signal: stopping.signal });
    for await (const [name, data] of eventsOf(answer)) {
      if (name === "passages") {
        found = data;
        showPassages(data.question, data.passages);
        turn.detail.textContent = "Writing…";
      } else if (name === "message") {
        addSentence(turn.answer, data, found);
      } else if (name === "error") {
        throw new Error(data.detail);
      } else {
        if (data.refused) turn.answer.textContent = data.answer;
        turn.detail.textContent = describe(data);
        history.push({ question, answer: data.answer });
      }
    }
  } catch (error) {
    turn.detail.textContent = "Stopped.";
    if (!stopping.signal.aborted) {
      turn.article.remove();
      sayError(error);
    }
  } finally {
    if (running === stopping) {
      running = null;
      if (document.activeElement === element("stop")) element("question").focus();
      element("stop").disabled = true;
    }
  }
}

async function addDocument() {
  const form = new FormData();
  form.append("file", element("file").files[0]);
  element("added").textContent = "Reading…";
  try {
    const answer = await call("documents", { method: "POST", body: form });
    const { document: name, passages, replaced } = await answer.json();
    element("added").textContent = `${name}: ${passages} passages${replaced ? ", in place of the old ones" : ""}.`;
    say("");
  } catch (error) {
    element("added").textContent = "";
    sayError(error);
  }
}

function example() {
  element("question").value = model.questions[examples % model.questions.length];
  examples += 1;
}

// ---- start

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = element("question").value.trim();
  if (!question) return say("Write a question first.", ["question"]);
  ask(question);
});
element("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element("form").requestSubmit();
  }
});
element("adding").addEventListener("submit", (event) => {
  event.preventDefault();
  addDocument();
});
element("stop").addEventListener("click", () => running?.abort());
element("another").addEventListener("click", example);
element("clear").addEventListener("click", () => {
  running?.abort();
  history = [];
  element("prediction").replaceChildren();
  element("passages").replaceChildren();
});

function first() {
  // A model behind an API costs money: it is asked only when somebody asks.
  if (history.length === 0 && /^(local|extractive)/.test(model.generator)) ask(element("question").value);
}

async function start() {
  try {
    model = await loadModel();
  } catch (error) {
    return sayError(error);
  }
  element("about").textContent = `Answers questions from ${model.documents} documents, and names its sources.`;
  const recall = model.metrics.model.recall_at_5.value;
  element("quality").textContent = `recall@5 ${recall.toFixed(2)} on ${model.metrics.rows} test questions`;
  element("adding").hidden = !model.takes_documents;
  element("key").hidden = !model.takes_documents;
  element("api-key").addEventListener("change", first);
  example();
  first();
}

start();
