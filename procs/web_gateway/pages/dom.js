// Small tools for building the page. Text is always set as text, never as HTML.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; `text` is its content. */
export function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Set a text only if it differs, so that a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const CODE = /`([^`]+)`/;

/** A text as nodes: what stands between backticks, a command for instance, is set as code. */
export function marked(text) {
  return text.split(CODE).map((part, index) => (index % 2 ? make("code", { text: part }) : part));
}

/** As `say`, with code. */
export function tell(element, text) {
  if (element.textContent !== text.replaceAll("`", "")) element.replaceChildren(...marked(text));
}

/** A name as nodes; a narrow screen breaks it behind its dots and underscores. */
export const breakable = (name) => name.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]);

/** "12 s", "3 min", "2 h" since a wall time. */
export function ago(sinceMs) {
  const seconds = Math.max(0, Math.round((Date.now() - sinceMs) / 1000));
  for (const [size, unit] of [[86_400, "d"], [3_600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${seconds} s`;
}
