// Elements built node by node. A log is untrusted: its words become text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Build an HTML element; attributes that are null are left out.
 *
 * "color" and "share" make a bar or a swatch: its color, and its length in percent. They are set as
 * style from here, since the page's policy allows none in attributes of markup.
 */
export function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Build an SVG element. */
export function draw(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Show text in an element, touching it only if the text is another one. */
export function say(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) element.textContent = text;
}

/** Replace what an element holds, unless it already looks the same. */
export function show(id, ...children) {
  const element = document.getElementById(id);
  const fresh = element.cloneNode(false);
  fresh.append(...children);
  // A reader's selection and a screen reader's place survive what did not change.
  if (!fresh.isEqualNode(element)) element.replaceChildren(...fresh.childNodes);
  return element;
}

/** Show an element, or hide it. */
export function reveal(id, isShown) {
  document.getElementById(id).hidden = !isShown;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined) continue;
    if (name === "color") element.style.setProperty("--stage", value);
    else if (name === "share") element.style.width = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
