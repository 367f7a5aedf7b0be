// Forms in dialogs: what is typed stays until the server has said yes, and nothing is done twice.
import { once } from "./api.js";
import { button, dialog, field, h } from "./dom.js";
import { t } from "./words.js";

// `act` sends what is in the fields, and is given what posts once; `then` gets what it gave back, when the dialog is
// closed. A refusal stands below the fields.
export function form(title, fields, act, { label = t("save"), then = () => {} } = {}) {
  const fault = h("p", { class: "fault", role: "alert" });
  const go = h("button", { type: "submit", class: "first" }, label);
  const post = once();
  let busy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    go.setAttribute("aria-busy", "true");
    fault.textContent = "";
    try {
      const done = await act(post);
      box.close();
      then(done);
    } catch (error) {
      fault.textContent = error.message;
      fault.scrollIntoView({ block: "nearest" });
    } finally {
      busy = false;
      go.removeAttribute("aria-busy");
    }
  };
  const box = dialog(title, h("form", { onsubmit: submit }, fields, fault, h("div", { class: "row end" }, button(t("cancel"), () => box.close()), go)));
  return box;
}

// Of what a form holds, what is other than when it was opened: the rest may be somebody else's work by now.
export const altered = (before, now) => Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));

// Asks before something is done that is more than a click.
export function confirm(title, text, act, ...fields) {
  return form(title, [text && h("p", null, text), ...fields], act, { label: title });
}

// Something secret, which is on the page only while this is open.
export function reveal(title, note, label, text) {
  const input = h("input", { readonly: true, value: text, class: "secret", onfocus: (event) => event.target.select() });
  const copy = button(t("copy"), async () => {
    input.select();
    // Where the page did not come over TLS there is no clipboard but the old one.
    const done = navigator.clipboard ? await navigator.clipboard.writeText(text).then(() => true, () => false) : document.execCommand("copy");
    if (done) copy.textContent = t("copied");
  });
  const box = dialog(title, note, field(label, input), h("div", { class: "row end" }, copy, button(t("close"), () => box.close(), { class: "first" })));
  return box;
}
