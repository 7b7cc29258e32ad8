// How the controller learns: curves, entropies, shares of time, alarms.

import { drawFigure, drawSparkline } from "./curves.js";
import { make, reveal, show } from "./dom.js";
import { count, digits, isNumber, percent, signed, some, UNKNOWN, word } from "./numbers.js";

const PHASE_COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c"];
const MOST_ALARMS = 5;
const [GAIN, RETURN] = ["gain over waiting", "return per episode"];
const HINTS = {
  [RETURN]: "sum of rewards in an episode; rises as the controller learns",
  [GAIN]: "score of the grown networks less that of hosts that never grew",
  "score": "how good the grown networks are, less the rent for their size",
  "explained variance": "how well returns are foreseen: 1 is perfectly, 0 not at all",
  "divergence of the policy": "how far an update moved the controller",
};

/** Show curves, entropies and the last update's numbers; nothing where no controller learns. */
export function showLearning(learning) {
  reveal("learning", learning !== null && learning.curves.length > 0);
  const heads = Object.entries(learning?.entropies ?? {});
  reveal("heads", heads.length > 0);
  if (learning === null) return;
  // Where episodes are compared with hosts that never grew, nothing is left of their mean return.
  const hasGain = learning.curves.some((curve) => curve.name === GAIN);
  const curves = learning.curves.filter((curve) => !(hasGain && curve.name === RETURN));
  show("curves", ...curves.map((curve) => drawFigure({
    title: curve.unit ? `${curve.name}, ${curve.unit}` : curve.name,
    hint: HINTS[curve.name],
    xName: "step",
    write: curve.unit ? signed : digits,
    curves: [{ name: curve.name, points: pair(curve) }],
  })));
  show("losses", ...Object.entries(learning.losses).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, digits(value)))));
  show("head-list", ...heads.map(([name, entropy]) => makeHead(name, entropy, learning.entropy_curves[name])));
}

/** Show where the time goes; nothing where nobody timed it. */
export function showTime(rates) {
  const phases = Object.entries(rates?.phases ?? {});
  reveal("time", phases.length > 0);
  const color = (at) => PHASE_COLORS[Math.min(at, PHASE_COLORS.length - 1)];
  show("phase-bar", ...phases.map(([, share], at) =>
    make("i", { color: color(at), share: `${(100 * share).toFixed(1)}%` })));
  show("phases", ...phases.map(([name, share], at) => make("li", {},
    make("i", { class: "swatch", color: color(at), "aria-hidden": "true" }),
    `${word(name)} ${percent(share)}`)));
}

/** Show the last alarms, newest first; the same one again and again is told once. */
export function showAlarms(alarms, total, unit) {
  reveal("alarms", total > 0);
  const place = unit === "steps" ? "step" : "epoch";
  const groups = [];
  for (const alarm of alarms.toReversed()) {
    const same = groups.find(([first]) => first.kind === alarm.kind && first.message === alarm.message);
    if (same) same.push(alarm);
    else groups.push([alarm]);
  }
  const shown = groups.slice(0, MOST_ALARMS);
  const rows = shown.map(([last, ...before]) => make("li", {},
    make("strong", {}, last.kind), `: ${last.message} `,
    make("span", { class: "steps" }, `(${last.kind === "rollback" ? "epoch" : place} ${count(last.place)}` +
      `${before.length > 0 ? `, and ${some(before.length, "time")} before` : ""})`)));
  const rest = total - shown.flat().length;
  if (rest > 0) rows.push(make("li", { class: "steps" }, `and ${some(rest, "earlier alarm")}`));
  show("alarm-list", make("ul", {}, ...rows));
}

function makeHead(name, entropy, curve) {
  const text = entropy === null ? "no choice" : isNumber(entropy) ? percent(entropy) : UNKNOWN;
  return make("div", { class: "head" },
    make("dt", {}, word(name)),
    make("dd", {}, curve?.places.length > 1 ? drawSparkline(pair(curve)) : makeBar(entropy), text));
}

function makeBar(entropy) {
  const share = isNumber(entropy) ? `${Math.round(100 * entropy)}%` : "0%";
  return make("span", { class: "alpha", "aria-hidden": "true" }, make("i", { color: "var(--bar)", share }));
}

function pair({ places, values }) {
  return places.map((place, at) => [place, values[at]]);
}
