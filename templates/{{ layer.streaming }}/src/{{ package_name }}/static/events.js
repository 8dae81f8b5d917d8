// Reads an answer that comes as server-sent events: pairs of a name and its data, as they arrive.

async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Error("The service stopped before the answer was complete.");
    });
    if (done) return;
    const parts = (held + value).split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part)?.[1] ?? "message";
      yield [name, JSON.parse(/^data: (.*)$/m.exec(part)[1])];
    }
  }
}
