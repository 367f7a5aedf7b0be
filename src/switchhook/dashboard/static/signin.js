// Signing in with a key. A link of the command line needs no form.
import { post } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";

export function view(done) {
  const key = h("input", { type: "password", name: "key", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "signin-fault" });
  const submit = async (event) => {
    event.preventDefault();
    complain("");
    try {
      await post("dashboard/session", { key: key.value.trim() });
      await done();
    } catch (error) {
      complain(error.message);
      key.focus();
    }
  };
  return h(
    "main",
    { class: "signin" },
    h("form", { onsubmit: submit },
      h("img", { src: "dashboard/mark.svg", alt: "", width: 40, height: 40 }),
      h("h1", null, "Switchhook"),
      h("label", { class: "field" }, h("span", null, t("api key")), key),
      h("p", { id: "signin-fault", class: "fault", role: "alert" }),
      h("button", { type: "submit", class: "first" }, t("sign in")),
      h("p", { class: "hint" }, t("signin hint"), " ", h("code", null, "switchhook dashboard-link")),
    ),
  );
}

export function complain(text) {
  const place = document.getElementById("signin-fault");
  if (place) place.textContent = text;
}
