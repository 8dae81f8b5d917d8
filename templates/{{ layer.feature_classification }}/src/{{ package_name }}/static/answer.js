// How the demo page shows a decision with its probability; demo.js calls these.

const percent = (share) => `${(100 * share).toFixed(1)}%`;

function showAnswer({ prediction, target, positive, threshold }) {
  const { decision, probability, probabilities } = prediction;
  const about = positive === null ? decision : positive;
  element("target").textContent = `${label(target)}: probability of “${about}”`;
  element("prediction").textContent = percent(probability);
  const others = Object.entries(probabilities).map(([name, share]) => `${name} ${percent(share)}`);
  element("detail").textContent =
    positive === null
      ? `Decision: ${decision} (${others.join(", ")})`
      : `Decision: ${decision} (“${positive}” from ${percent(threshold)} on)`;
  mark(0, positive === null ? 0 : threshold, probability);
}

function formatEffect(size) {
  return `${format(100 * size)} points`;
}

function quality({ metrics }) {
  const area = metrics?.model?.roc_auc?.value;
  return area ? `ROC AUC ${format(area)} on test data` : "";
}
