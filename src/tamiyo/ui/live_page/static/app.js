// The page: takes each state of the run as it comes and shows it.

import { make, reveal, say, show } from "./dom.js";
import { showAlarms, showLearning, showTime } from "./learning.js";
import { showNetworks, writeAccuracy, writeGrowth } from "./networks.js";
import { count, fixed, signed, some, UNKNOWN } from "./numbers.js";
import { noteProgress, writePace } from "./pace.js";
import { follow } from "./stream.js";

const WHAT = {
  run: "While a network trains, small modules (seeds) are planted in its slots, blended in, and kept or pruned.",
  training: "A controller learns when to plant small modules (seeds) in the slots of networks that train, to blend them in, and to keep or prune them.",
};
const STATUS = {
  connected: "connected",
  lost: "not connected: trying again",
  refused: "not connected: the server was started anew, open the address it printed",
};
let newest = null;

follow(
  (content) => {
    newest = content;
    try {
      noteProgress(content.state);
      showRun(content);
    } catch (error) {
      // Better no news than old ones that look new.
      reveal("missing", true);
      say("missing", `What is new could not be shown: ${error.message}`);
      throw error;
    }
  },
  (status) => {
    say("connection", STATUS[status]);
    document.getElementById("connection").classList.toggle("lost", status !== "connected");
  },
);
setInterval(() => newest && say("pace", writePace(newest.state)), 5000);

function showRun({ run, log, stages, state }) {
  document.title = `${writeShare(state)}${run} · Tamiyo`;
  say("run", run);
  say("headline", writeHeadline(state, log));
  say("subline", writeSubline(state, run));
  say("what", WHAT[state.kind] ?? "");
  say("pace", writePace(state));
  showProgress(state);
  const missing = listMissing(log);
  reveal("missing", missing.length > 0);
  say("missing", missing.join(" "));
  show("figures", ...listFigures(state).map(([name, value, remark]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, remark)))));
  showAlarms(state.alarms, state.alarm_count, state.unit);
  showNetworks(state, stages);
  showLearning(state.learning);
  showTime(state.rates);
}

function writeHeadline({ kind, title, is_finished: isFinished, is_interrupted: isStopped }, log) {
  if (kind === "nothing") return log.is_there ? "The run has written nothing yet" : "Waiting for the run";
  const what = kind === "training" ? `Training a controller on ${title}` : `Growing a network on ${title}`;
  return isFinished ? `${what}: finished` : isStopped ? `${what}: stopped early` : what;
}

function writeSubline({ kind, controller, seed, learning, environments }, run) {
  if (kind === "nothing") return `${run} is shown here as soon as its event log says something.`;
  const facts = [`seed ${count(seed)}`];
  if (controller !== null) facts.unshift(`decided by the controller “${controller}”`);
  if (learning !== null) {
    facts.push(`${some(learning.num_envs, "environment")}, ${count(environments.length)} of them recorded`);
    facts.push(some(learning.updates, "update"));
    const saved = learning.checkpoint_steps;
    facts.push(saved === null ? "no checkpoint yet" : `last checkpoint at step ${count(saved)}`);
  }
  return facts.join(" · ");
}

function showProgress({ done, total }) {
  reveal("progress", total !== null);
  const bar = document.getElementById("progress");
  bar.max = Math.max(1, total ?? 1);
  bar.value = done;
}

function writeShare({ done, total }) {
  return total ? `${Math.floor((100 * done) / total)} % · ` : "";
}

function listMissing(log) {
  const missing = [];
  if (!log.is_read) missing.push("The log is long and still being read.");
  if (log.is_torn) missing.push("The log's last line is not whole: it is being written, or its writer was stopped.");
  if (log.damaged_count > 0) {
    const places = log.damaged_lines.map(count).join(", ");
    const more = log.damaged_count > log.damaged_lines.length ? ", …" : "";
    missing.push(`${some(log.damaged_count, "line")} of the log could not be read and ${log.damaged_count === 1 ? "is" : "are"} left out (line ${places}${more}).`);
  }
  return missing;
}

function listFigures(state) {
  if (state.kind === "training") return listTrainingFigures(state);
  return state.environments.length > 0 ? listRunFigures(state.environments[0]) : [];
}

function listTrainingFigures({ learning, rates, alarm_count: alarms }) {
  const last = (name) => learning.curves.find((curve) => curve.name === name)?.values.at(-1);
  const gain = last("gain over waiting");
  const first = gain === undefined
    ? ["return per episode", signed(last("return per episode")), "points, mean of the last episodes"]
    : ["gain over the host alone", signed(gain), "points, mean of the last episodes"];
  return [
    first,
    ["speed", rates === null ? UNKNOWN : `${fixed(rates.steps_per_second, 1)}/s`, "environment steps"],
    ["explained variance", fixed(last("explained variance")), "1: returns are foreseen perfectly"],
    ["alarms", count(alarms), alarms === 0 ? "nothing to worry about" : "see below"],
  ];
}

function listRunFigures(one) {
  const accuracy = one.curves.find((curve) => curve.name === "accuracy")?.values.at(-1);
  const held = (...stages) => one.slots.filter((slot) => stages.includes(slot.stage)).length;
  const kept = held("FOSSILIZED");
  const growing = held("GERMINATED", "TRAINING", "BLENDING", "HOLDING");
  const score = one.end?.score ?? null;
  const host = one.end?.host_score ?? null;
  return [
    [one.metric.name, writeAccuracy(accuracy, one.metric), "on the control split"],
    ["parameters", count(one.parameters), `${writeGrowth(one)} on the host's ${count(one.host_parameters)}`],
    ["seeds", `${kept} kept`, `${growing} growing, ${one.slots.length} ${one.slots.length === 1 ? "slot" : "slots"}`],
    score === null
      ? ["score", "not yet", "known at the end: accuracy less rent for size"]
      : ["score", fixed(score, 1), host === null ? "points, after rent for size" : `host alone ${fixed(host, 1)} (${signed(score - host, 1)})`],
  ];
}
