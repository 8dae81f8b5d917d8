// How the demo page shows a predicted number; demo.js calls these.

function showAnswer({ prediction, target, interval_level: level }) {
  const { prediction: value, lower, upper } = prediction;
  element("target").textContent = `Predicted ${label(target).toLowerCase()}`;
  element("prediction").textContent = format(value);
  element("detail").textContent = `${Math.round(level * 100)}% interval: ${format(lower)} to ${format(upper)}`;
  const margin = (upper - lower) / 2;
  const start = Math.min(lower, value) - margin;
  const position = (at) => (at - start) / (upper + margin - start || 1);
  mark(position(lower), position(upper), position(value));
}

function reasonsOf({ drivers }) {
  return drivers.map(({ feature, value, typical, effect }) => ({
    text: `${label(feature)}: ${shown(value)} (typical: ${shown(typical)})`,
    effect,
  }));
}

function formatEffect(size) {
  return format(size);
}

function quality({ metrics }) {
  const error = metrics?.model?.mae?.value;
  return error ? `mean absolute error ${format(error)} on test data` : "";
}
