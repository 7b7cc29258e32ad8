// The networks being grown: a tab each, its slots as a strip, its accuracy and last decisions.

import { drawFigure } from "./curves.js";
import { make, reveal, say, show } from "./dom.js";
import { count, fixed, isNumber, percent, signed, some, UNKNOWN, word } from "./numbers.js";

let chosen = null;

/** Show the environments of a state; stages holds the label and color of each stage by its name. */
export function showNetworks(state, stages) {
  const { environments, kind } = state;
  reveal("environments", environments.length > 0);
  if (environments.length === 0) return;
  if (!environments.some((one) => one.environment === chosen)) chosen = environments[0].environment;
  say("environments-title", environments.length === 1 ? "The network being grown" : "Networks being grown");
  showTabs(environments, () => showNetworks(state, stages));
  showPanel(environments.find((one) => one.environment === chosen), stages, kind === "training");
}

/** Write an accuracy, which is kept in points of its metric: a share in percent, else as it is. */
export function writeAccuracy(points, { best, worst }) {
  if (!isNumber(points)) return UNKNOWN;
  if (best === 1 && worst === 0) return `${fixed(points, 1)} %`;
  return fixed(worst + (points / 100) * (best - worst), 3);
}

function writeMark(points, { best, worst }) {
  if (best === 1 && worst === 0) return `${fixed(points, points % 1 ? 1 : 0)} %`;
  return fixed(worst + (points / 100) * (best - worst), 2);
}

/** Write how much larger than its host a network is. */
export function writeGrowth({ parameters, host_parameters: host }) {
  return host > 0 ? `${signed(100 * (parameters / host - 1), 1)} %` : UNKNOWN;
}

function showTabs(environments, showAgain) {
  const list = document.getElementById("tabs");
  list.hidden = environments.length < 2;
  const names = environments.map((one) => `tab-${one.environment}`);
  const isSame = names.join() === [...list.children].map((tab) => tab.id).join();
  if (!isSame) {
    list.replaceChildren(...environments.map((one) => make(
      "button",
      { id: `tab-${one.environment}`, role: "tab", type: "button", "aria-controls": "panel" },
      `environment ${one.environment}`,
    )));
  }
  // The keys and clicks act on what is newest, so the handlers are set anew with every state.
  list.onclick = ({ target }) => {
    const tab = target.closest("[role=tab]");
    if (tab) choose(tab);
  };
  list.onkeydown = (event) => {
    const tabs = [...list.children];
    const at = tabs.findIndex((tab) => tab.id === `tab-${chosen}`);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(tabs.at(next % tabs.length));
  };
  function choose(tab) {
    chosen = environments.find((one) => `tab-${one.environment}` === tab.id).environment;
    showAgain();
    tab.focus();
  }
  for (const tab of list.children) {
    const isChosen = tab.id === `tab-${chosen}`;
    tab.setAttribute("aria-selected", isChosen);
    tab.tabIndex = isChosen ? 0 : -1;
  }
  document.getElementById("panel").setAttribute("aria-labelledby", `tab-${chosen}`);
}

function showPanel(one, stages, hasEpisodes) {
  const episode = hasEpisodes ? `, episode ${count(one.episode + 1)}` : "";
  const over = one.is_over ? ", over" : "";
  say("environment-title", `${one.task}${episode}: epoch ${count(one.epoch)} of ${count(one.epochs)}${over}`);
  say("environment-line", listFacts(one).join(" · "));
  show("slots", makeEnd("input"), ...one.slots.map((slot) => makeSlot(slot, stages)), makeEnd("output"));
  show("legend", ...makeLegend(stages));
  show("accuracy", drawFigure({
    title: one.metric.name,
    hint: "on the control split; committed: with every seed off that is not yet kept",
    xName: "epoch",
    curves: one.curves.map((curve) => ({
      name: curve.name === "accuracy" ? "as it is" : curve.name,
      points: curve.places.map((place, index) => [place, curve.values[index]]),
    })),
    write: (points) => writeAccuracy(points, one.metric),
    mark: (points) => writeMark(points, one.metric),
  }));
  show("decisions", makeDecisions(one.decisions));
}

function listFacts(one) {
  const budget = one.max_parameters === null ? "" : `, at most ${count(one.max_parameters)}`;
  const facts = [
    `${count(one.parameters)} parameters (host ${count(one.host_parameters)}, ${writeGrowth(one)}${budget})`,
  ];
  if (one.reward !== null) facts.push(`rewards so far ${signed(one.reward)} points`);
  if (one.rollbacks) facts.push(`went back ${some(one.rollbacks, "time")} after diverging`);
  if (one.end) {
    const host = one.end.host_score === null ? "" : `, host alone ${fixed(one.end.host_score, 1)}`;
    const which = one.is_over ? "score" : "score of the episode before";
    facts.push(`${which} ${fixed(one.end.score, 1)} points${host}`);
  }
  return facts;
}

function makeEnd(name) {
  return make("li", { class: "end" }, name);
}

function makeSlot(slot, stages) {
  const stage = stages[slot.stage];
  const label = slot.stage === null ? "free" : (stage?.label ?? word(slot.stage));
  const head = make("div", { class: "slot" }, make("strong", {}, label), make("code", {}, slot.slot_id));
  const card = make("li", { color: stage?.color ?? null }, head);
  if (slot.blueprint === null) {
    card.append(make("p", { class: "free" }, slot.stage === null ? "no seed here" : "opens again later"));
    return card;
  }
  const share = isNumber(slot.alpha) ? `${Math.round(100 * Math.min(1, Math.max(0, slot.alpha)))}%` : "0%";
  const bar = make("i", { color: stage?.color ?? null, share });
  card.append(
    make("div", { class: "alpha", "aria-hidden": "true" }, bar),
    makeFacts([
      ["alpha", `${fixed(slot.alpha)} of ${fixed(slot.alpha_target)}`],
      ["blueprint", word(slot.blueprint)],
      ["contribution", writeContribution(slot)],
      ["parameters", count(slot.parameters)],
      ["age", isNumber(slot.age_epochs) ? some(slot.age_epochs, "epoch") : UNKNOWN],
    ]),
  );
  return card;
}

function writeContribution({ contribution, contribution_error: error }) {
  if (contribution === null) return "not measured";
  return `${signed(contribution, 1)} ± ${error === null ? "?" : fixed(error, 1)} points`;
}

function makeFacts(pairs) {
  return make("dl", {}, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function makeLegend(stages) {
  const colors = new Map(Object.values(stages).map(({ label, color }) => [label, color]));
  const title = make("li", {}, "life of a seed:");
  return [title, ...[...colors].map(([label, color]) =>
    make("li", {}, make("i", { class: "swatch", color: color, "aria-hidden": "true" }), label),
  )];
}

function makeDecisions(decisions) {
  if (decisions.length === 0) {
    return make("p", { class: "nothing" }, "nothing but waiting so far");
  }
  const hasChances = decisions.some((one) => one.probability !== null);
  const names = ["epoch", "what", "why", ...(hasChances ? ["chance"] : [])];
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  const rows = decisions.toReversed().map((one) => {
    const why = one.refusal === null
      ? make("td", { class: "why" }, one.reason || "no reason given")
      : make("td", { class: "why refused" }, `refused: ${one.refusal}`);
    const chance = hasChances ? make("td", {}, percent(one.probability)) : null;
    return make("tr", {}, make("td", {}, count(one.epoch)), make("td", {}, describe(one)), why, chance);
  });
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function describe({ op, blueprint, slot_id: slot }) {
  return [word(op), blueprint === null ? "" : word(blueprint), slot === null ? "" : `in ${slot}`]
    .filter(Boolean).join(" ");
}
