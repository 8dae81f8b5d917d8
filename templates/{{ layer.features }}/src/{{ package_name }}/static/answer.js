// How the demo page shows a decision with its probability; demo.js calls these.

const SHOWN_VALUES = 3;
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

// One reason for each group of features, with those of its values that weigh most by themselves.
function reasonsOf({ prediction, drivers }) {
  return prediction.reasons.map(({ group, effect }) => {
    const members = drivers.filter(({ feature }) => (model.groups[group] ?? []).includes(feature));
    const short = (feature) => label(feature.replace(`${group}_`, "")).toLowerCase();
    const values = members.slice(0, SHOWN_VALUES).map(({ feature, value }) => `${short(feature)} ${shown(value)}`);
    const alone = members.length === 1 && members[0].feature === group;
    return {
      text: alone
        ? `${label(group)}: ${shown(members[0].value)}`
        : `${label(group)} (${values.join(", ")})`,
      effect,
    };
  });
}

function formatEffect(size) {
  return `${(100 * size).toFixed(1)} points`;
}

function quality({ metrics }) {
  const area = metrics?.model?.roc_auc?.value;
  return area ? `ROC AUC ${format(area)} on test data` : "";
}
