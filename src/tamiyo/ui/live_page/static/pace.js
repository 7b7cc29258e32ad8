// How far a run is, how fast it goes, and whether it still does.

import { count, duration, fixed, isNumber, UNKNOWN } from "./numbers.js";

const QUIET_SECONDS = 120;
const MOST_NOTES = 20;
const notes = [];

/** Remember how far the run was at the time of its newest event: nobody else times its epochs. */
export function noteProgress({ done, last_time: written }) {
  const note = { done, seconds: Date.parse(written) / 1000 };
  const last = notes.at(-1);
  if (last && (done < last.done || note.seconds < last.seconds)) notes.length = 0; // another log
  if (isNumber(note.seconds) && done !== notes.at(-1)?.done) notes.push(note);
  if (notes.length > MOST_NOTES) notes.shift();
}

/** Say how far the run is, how fast it goes and how long the rest will take. */
export function writePace(state) {
  if (state.kind === "nothing") return "";
  const isOver = state.is_finished || state.is_interrupted;
  const facts = [`${count(state.done)} of ${state.total === null ? UNKNOWN : count(state.total)} ${state.unit}`];
  const rate = isNumber(state.rates?.steps_per_second) ? state.rates.steps_per_second : measureRate();
  if (isNumber(rate)) facts.push(`${fixed(rate, rate < 1 ? 2 : 1)} ${state.unit} per second`);
  if (isNumber(rate) && !isOver && state.total > state.done) {
    facts.push(`about ${duration((state.total - state.done) / rate)} left`);
  }
  const age = (Date.now() - Date.parse(state.last_time)) / 1000;
  if (!isOver && age > QUIET_SECONDS) {
    facts.push(`nothing was written for ${duration(age)}: it may have been stopped`);
  }
  return facts.join(" · ");
}

function measureRate() {
  const [first, last] = [notes[0], notes.at(-1)];
  const seconds = first ? last.seconds - first.seconds : 0;
  return seconds > 0 ? (last.done - first.done) / seconds : null;
}
