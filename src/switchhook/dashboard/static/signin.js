// Signing in with a key. A link of the command line needs no form.
import { post } from "./api.js";
import { dialog, h } from "./dom.js";
import { t } from "./words.js";

const FAULT = "signin-fault";

// Over what is shown, when a session ended while something was being typed: it is still there afterwards.
export function again(done) {
  const box = dialog(t("session over"), h("p", { class: "hint" }, t("session over hint")), form(async () => {
    await done();
    box.close();
  }, "again-fault"));
  return box;
}

export function view(done) {
  return h("main", { class: "signin" }, form(done, FAULT, h("img", { src: "dashboard/mark.svg", alt: "", width: 40, height: 40 }), h("h1", null, "Switchhook")));
}

function form(done, place, ...above) {
  const key = h("input", { type: "password", name: "key", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": place });
  const submit = async (event) => {
    event.preventDefault();
    complain("", place);
    try {
      await post("dashboard/session", { key: key.value.trim() });
      await done();
    } catch (error) {
      complain(error.message, place);
      key.focus();
    }
  };
  return h("form", { onsubmit: submit }, above,
    h("label", { class: "field" }, h("span", null, t("api key")), key),
    h("p", { id: place, class: "fault", role: "alert" }),
    h("button", { type: "submit", class: "first" }, t("sign in")),
    h("p", { class: "hint" }, t("signin hint"), " ", h("code", null, "switchhook dashboard-link")));
}

export function complain(text, place = FAULT) {
  const found = document.getElementById(place);
  if (found) found.textContent = text;
}
