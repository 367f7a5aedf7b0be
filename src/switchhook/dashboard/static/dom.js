// Elements out of names, attributes and children. Text is always text: nothing here reads HTML.

export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(2).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

const FOCUSABLE = "a[href], button:not(:disabled), input, select, textarea, summary, [tabindex]";

// What had the focus gives it to what stands in its place: who works by keyboard goes on where they were.
export function show(place, ...children) {
  const had = place.contains(document.activeElement) ? [...place.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement) : -1;
  place.replaceChildren(...children.flat(2).filter((one) => one !== null && one !== undefined && one !== false));
  if (had < 0) return;
  const now = [...place.querySelectorAll(FOCUSABLE)];
  (now[Math.min(had, now.length - 1)] ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

export function button(label, onclick, attributes) {
  return h("button", { type: "button", onclick, ...attributes }, label);
}

export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", null, label), input, hint && h("small", null, hint));
}

// A button that asks the server for something. It is pressed again only after the answer, and a refusal is said.
export function doing(label, todo, attributes) {
  let busy = false;
  const one = button(label, async () => {
    if (busy) return;
    busy = true;
    one.setAttribute("aria-busy", "true");
    try {
      await todo();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      busy = false;
      one.removeAttribute("aria-busy");
    }
  }, attributes);
  return one;
}

let dialogs = 0;

// A dialog over the page: Escape closes it, and the focus goes back to where it was. A click beside it closes it as
// long as nothing was typed into it.
export function dialog(title, ...children) {
  const opener = document.activeElement;
  const id = `dialog-${++dialogs}`;
  const box = h("dialog", { "aria-labelledby": id }, h("h2", { id }, title), ...children);
  let typed = false;
  document.body.append(box);
  box.addEventListener("input", () => (typed = true));
  box.addEventListener("close", () => {
    box.remove();
    if (!document.querySelector("dialog[open]")) (opener?.isConnected ? opener : document.getElementById("main"))?.focus();
  });
  box.addEventListener("click", (event) => event.target === box && !typed && box.close());
  box.showModal();
  return box;
}

export function toast(text, kind = "good") {
  const place = document.getElementById("toasts");
  const one = h("p", { class: `toast ${kind}` }, text);
  place?.append(one);
  setTimeout(() => one.remove(), 6000);
}
