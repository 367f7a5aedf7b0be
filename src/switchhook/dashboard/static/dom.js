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

export function show(place, ...children) {
  place.replaceChildren(...children.flat(2).filter((one) => one !== null && one !== undefined && one !== false));
}

export function button(label, onclick, attributes) {
  return h("button", { type: "button", onclick, ...attributes }, label);
}

export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", null, label), input, hint && h("small", null, hint));
}

let opener = null;

// A dialog over the page: Escape closes it, and the focus goes back to where it was.
export function dialog(title, ...children) {
  opener = document.activeElement;
  const heading = h("h2", { id: "dialog-title" }, title);
  const box = h("dialog", { "aria-labelledby": "dialog-title" }, heading, ...children);
  document.body.append(box);
  box.addEventListener("close", () => {
    box.remove();
    opener?.focus?.();
  });
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.showModal();
  return box;
}

export function toast(text, kind = "good") {
  const place = document.getElementById("toasts");
  const one = h("p", { class: `toast ${kind}` }, text);
  place?.append(one);
  setTimeout(() => one.remove(), 6000);
}
