// Curves as inline SVG, each with its newest value in words for those who do not see it.

import { draw, make } from "./dom.js";
import { fixed, isNumber, UNKNOWN } from "./numbers.js";

const WIDTH = 320;
const HEIGHT = 132;
const EDGE = { left: 54, right: 8, top: 8, bottom: 20 };

/**
 * Draw a figure with one or several curves over a common axis.
 *
 * title, hint: what is drawn, and what it means.
 * xName: what the axis counts.
 * curves: [{name, points: [[x, y or null], ...]}], drawn as "line-0", "line-1", ... of the style.
 * write: turns a value into words. mark: the same for the
 * short numbers of the axis. range: [lowest, highest] the axis shows at least.
 */
export function drawFigure({ title, hint, xName, curves, write = fixed, mark = shorten, range = null }) {
  const known = curves.map((curve) => ({ ...curve, points: curve.points.filter(isDrawable) }));
  const all = known.flatMap((curve) => curve.points);
  const caption = make("figcaption", {}, make("strong", {}, title), ...listLast(known, write));
  if (hint) caption.append(make("span", { class: "hint" }, hint));
  if (all.length === 0) {
    return make("figure", {}, caption, make("p", { class: "nothing" }, "nothing measured yet"));
  }
  if (known.every((curve) => curve.points.length < 2)) {
    return make("figure", {}, caption, make("p", { class: "nothing" }, "a curve from the next value on"));
  }
  const scale = findScale(all, range);
  const label = known.map((curve) => describe(curve, title, xName, write)).join("; ");
  const picture = draw(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    ...drawAxes(scale, xName, mark),
    ...known.flatMap((curve, index) => drawCurve(curve, index, scale)),
  );
  return make("figure", {}, caption, picture);
}

/** Draw a curve of shares the size of a word; what it ends with must be said beside it. */
export function drawSparkline(points) {
  const known = points.filter(isDrawable);
  const [first, last] = [known[0], known.at(-1)];
  const place = ([x, y]) =>
    `${round(2 + (96 * (x - first[0])) / (last[0] - first[0]))},${round(18 - 16 * Math.min(1, Math.max(0, y)))}`;
  return draw(
    "svg",
    { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("line", { class: "grid", x1: 0, x2: 100, y1: 2, y2: 2 }),
    draw("line", { class: "grid", x1: 0, x2: 100, y1: 18, y2: 18 }),
    draw("polyline", { class: "line-0", points: known.map(place).join(" ") }),
  );
}

function isDrawable([x, y]) {
  return isNumber(x) && isNumber(y);
}

function listLast(curves, write) {
  return curves.map((curve, index) => {
    const last = curve.points.at(-1);
    const text = last ? write(last[1]) : UNKNOWN;
    const key = curves.length > 1 ? make("i", { class: `key key-${index}`, "aria-hidden": "true" }) : null;
    const name = curves.length > 1 ? `${curve.name} ` : "";
    return make("span", { class: "value" }, ...(key ? [key] : []), `${name}${text}`);
  });
}

function describe({ name, points }, title, xName, write) {
  const subject = name && name !== title ? `${title}, ${name}` : title;
  if (points.length === 0) return `${subject}: ${UNKNOWN}`;
  const [first, last] = [points[0], points.at(-1)];
  const values = points.map(([, y]) => y);
  return (
    `${subject}: ${write(first[1])} at ${xName} ${first[0]}, ${write(last[1])} at ${xName} ` +
    `${last[0]}, between ${write(Math.min(...values))} and ${write(Math.max(...values))}`
  );
}

function findScale(points, range) {
  const xs = points.map(([x]) => x);
  const ys = [...points.map(([, y]) => y), ...(range ?? [])];
  const [left, right] = widen(Math.min(...xs), Math.max(...xs));
  const marks = listMarks(...widen(Math.min(...ys), Math.max(...ys)));
  const [low, high] = [marks[0], marks.at(-1)];
  const inner = { x: WIDTH - EDGE.left - EDGE.right, y: HEIGHT - EDGE.top - EDGE.bottom };
  return {
    left: Math.min(...xs), right: Math.max(...xs), low, high, marks,
    x: (x) => round(EDGE.left + (inner.x * (x - left)) / (right - left)),
    y: (y) => round(EDGE.top + inner.y * (1 - (y - low) / (high - low))),
  };
}

function widen(low, high) {
  if (low < high) return [low, high];
  const half = Math.abs(low) / 10 || 0.5;
  return [low - half, high + half];
}

/** List three to six round numbers from below the lowest to above the highest. */
function listMarks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
}

function drawAxes(scale, xName, mark) {
  const [ending, base] = [WIDTH - EDGE.right, HEIGHT - EDGE.bottom];
  const lines = scale.marks.map((value) =>
    draw("line", { class: "grid", x1: EDGE.left, x2: ending, y1: scale.y(value), y2: scale.y(value) }),
  );
  if (scale.low < 0 && scale.high > 0) {
    lines.push(draw("line", { class: "zero", x1: EDGE.left, x2: ending, y1: scale.y(0), y2: scale.y(0) }));
  }
  const numbers = scale.marks.map((value) =>
    draw("text", { x: EDGE.left - 5, y: scale.y(value) + 3.5, "text-anchor": "end" }, mark(value)),
  );
  const ends = [
    draw("text", { x: EDGE.left, y: base + 14 }, `${xName} ${shorten(scale.left)}`),
    draw("text", { x: ending, y: base + 14, "text-anchor": "end" }, shorten(scale.right)),
  ];
  return [...lines, ...numbers, ...(scale.left === scale.right ? ends.slice(0, 1) : ends)];
}

function drawCurve({ points }, index, scale) {
  const [last] = points.slice(-1);
  if (!last) return [];
  const places = points.map(([x, y]) => `${scale.x(x)},${scale.y(y)}`).join(" ");
  return [
    draw("polyline", { class: `line-${index}`, points: places }),
    draw("circle", { class: `dot-${index}`, cx: scale.x(last[0]), cy: scale.y(last[1]), r: 2.5 }),
  ];
}

function shorten(value) {
  const isTiny = value !== 0 && Math.abs(value) < 1e-3;
  const text = isTiny ? value.toExponential(1) : value.toLocaleString("en-US", { maximumSignificantDigits: 6 });
  return text.replaceAll("-", "−");
}

function round(value) {
  return Math.round(10 * value) / 10;
}
