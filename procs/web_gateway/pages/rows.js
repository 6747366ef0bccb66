// Lists that change in place: what has the focus, is being clicked, or was opened stays what it is.

const LEFT_ALONE = new Set(["open", "style"]); // whether it is open is the person's matter; CSSOM sets the style

/** Let an element look like a fresh one; where they are of the same kind, it stays the same element. */
export function become(old, fresh) {
  if (old.nodeName !== fresh.nodeName) old.replaceWith(fresh);
  else if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
  } else {
    attributes(old, fresh);
    fill(old, [...fresh.childNodes]);
  }
}

function attributes(old, fresh) {
  const names = new Set([...old.getAttributeNames(), ...fresh.getAttributeNames()]);
  for (const name of names) {
    const value = fresh.getAttribute(name);
    if (LEFT_ALONE.has(name) || value === old.getAttribute(name)) continue;
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
  }
  if (old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
}

function fill(element, fresh) {
  const old = [...element.childNodes];
  fresh.forEach((node, at) => { if (old[at]) become(old[at], node); else element.append(node); });
  old.slice(fresh.length).forEach((node) => node.remove());
}

/**
 * Let an element have these children.
 * @param {string} key name of the data attribute by which a child is known again; without one its place counts
 */
export function show(element, fresh, key = "") {
  if (!key) {
    fill(element, fresh);
    return;
  }
  const known = new Map([...element.children].map((child) => [child.dataset[key], child]));
  const rows = fresh.map((child) => {
    const old = known.get(child.dataset[key]);
    known.delete(child.dataset[key]);
    if (old) become(old, child);
    return old ?? child;
  });
  const stay = new Set(rows);
  for (const child of [...element.childNodes]) if (!stay.has(child)) child.remove();
  rows.forEach((row, at) => { if (element.childNodes[at] !== row) element.insertBefore(row, element.childNodes[at] ?? null); });
}
