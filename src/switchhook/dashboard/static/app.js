// Where the page begins: who is signed in, which view is shown, theme, language and keys.
import { ask, get, post, whenSignedOut } from "./api.js";
import { button, dialog, doing, h, show, toast } from "./dom.js";
import { find } from "./find.js";
import { tick } from "./format.js";
import { icon } from "./icons.js";
import { language, speak, t } from "./words.js";
import * as calls from "./calls.js";
import * as contacts from "./contacts.js";
import * as keys from "./keys.js";
import * as lines from "./lines.js";
import * as live from "./live.js";
import * as settings from "./settings.js";
import * as signin from "./signin.js";
import * as system from "./system.js";
import * as webhook from "./webhook.js";
import * as webhooks from "./webhooks.js";

// A view is `open(place, id, me)`, which may give back what is to be called when it is left.
const VIEWS = [
  { name: "live", key: "1", scope: "WEBHOOKS_READ_WRITE", open: live.open },
  { name: "calls", key: "2", scope: "CONVERSATIONS_READ", open: calls.open },
  { name: "webhooks", key: "3", scope: "WEBHOOKS_READ_WRITE", open: (place, id, me) => (id ? webhook.open(place, id, me) : webhooks.open(place, me)) },
  { name: "contacts", key: "4", scope: "CRM_READ", open: contacts.open },
  { name: "lines", key: "5", scope: "PHONE_NUMBERS_READ", open: lines.open },
  { name: "keys", key: "6", scope: "KEYS_READ_WRITE", open: keys.open },
  { name: "settings", key: "7", scope: "SYSTEM_READ", open: settings.open },
  { name: "system", key: "8", scope: "SYSTEM_READ", open: system.open },
];

const TABS = 4; // views that a phone shows beside the button for all of them

let me = null;
let leave = null;

const stored = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};

function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Not kept then; it holds until the page is left.
  }
}

function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function switchTheme() {
  const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  paint(next);
  store("theme", next);
}

function switchLanguage() {
  const next = language() === "fr" ? "en" : "fr";
  speak(next);
  store("language", next);
  frame();
}

const allowed = (view) => me.scopes.includes("ALL") || me.scopes.includes(view.scope);

function here() {
  const [name, id] = location.hash.replace(/^#\/?/, "").split("/");
  return { name, id: id ? decoded(id) : null };
}

// Somebody may have written the address by hand.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function route() {
  const main = document.getElementById("main");
  if (!main || !me) return;
  leave?.();
  leave = null;
  document.querySelectorAll("dialog").forEach((one) => one.close());
  const views = VIEWS.filter(allowed);
  const { name, id } = here();
  const view = views.find((one) => one.name === name) ?? views[0];
  unfold(false);
  document.querySelectorAll("nav a").forEach((one) => {
    if (one.dataset.view === view?.name) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  });
  if (!view) {
    show(main, h("p", { class: "empty" }, t("nothing allowed")));
    return;
  }
  document.title = `${t(view.name)} · Switchhook`;
  show(main);
  leave = view.open(main, view.name === name ? id : null, me) ?? null;
}

function frame() {
  leave?.();
  leave = null;
  document.documentElement.lang = language();
  document.body.className = me ? "inside" : "";
  const other = language() === "fr" ? "EN" : "FR";
  const speakOther = { title: t("switch language"), "aria-label": `${other}: ${t("switch language")}` };
  const shade = { title: t("switch theme"), "aria-label": t("switch theme") };
  const toasts = h("div", { id: "toasts", role: "status", "aria-live": "polite" });
  if (!me) {
    const corner = h("div", { class: "corner" }, button([icon("language"), other], switchLanguage, { class: "quiet", ...speakOther }), button(icon("theme"), switchTheme, { class: "quiet", ...shade }));
    show(document.body, corner, signin.view(begin), toasts);
    document.title = "Switchhook";
    return;
  }
  const links = VIEWS.filter(allowed).map((one) =>
    h("a", { href: `#/${one.name}`, "data-view": one.name, class: one.name === "lines" ? "group" : null, title: `${t(one.name)} (${one.key})` }, icon(one.name), t(one.name)),
  );
  const more = links.length > TABS && button([icon("menu"), h("span", null, t("menu"))], () => unfold(), { class: "more", "aria-expanded": "false" });
  show(
    document.body,
    h("a", { href: "#main", class: "skip", onclick: skip }, t("skip")),
    h(
      "header",
      { class: "side" },
      h("a", { href: "#/", class: "brand", "aria-label": "Switchhook" }, h("img", { src: "dashboard/mark.svg", alt: "", width: 26, height: 26 }), h("span", null, "Switchhook", h("small", null, me.team?.name ?? ""))),
      button([icon("find"), h("span", null, t("find")), h("kbd", { "aria-hidden": "true" }, "/")], look, { class: "find", title: `${t("find")} (/)` }),
      h("div", { class: "menu" },
        h("nav", { "aria-label": t("views") }, links, more),
        h("div", { class: "tools" },
          h("a", { href: "docs", target: "_blank", rel: "noreferrer" }, icon("book"), t("api reference")),
          button([icon("help"), t("shortcuts")], help, { class: "wide", title: `${t("shortcuts")} (?)` }),
          button([icon("theme"), t("switch theme")], switchTheme, { title: `${t("switch theme")} (t)` }),
          button([icon("language"), t("switch language")], switchLanguage, speakOther),
          doing([icon("leave"), t("sign out")], signOut))),
    ),
    h("main", { id: "main", tabindex: "-1" }),
    toasts,
  );
  route();
}

// On a phone the first views are always at hand, and all the rest behind one button.
function unfold(open) {
  const menu = document.querySelector(".menu");
  const now = menu?.classList.toggle("open", open);
  const more = menu?.querySelector(".more");
  if (!more) return;
  more.setAttribute("aria-expanded", String(now));
  more.lastChild.textContent = t(now ? "close" : "menu");
}

function look() {
  find(VIEWS.filter(allowed), me, { "switch theme": switchTheme, "switch language": switchLanguage, shortcuts: help });
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function help() {
  const rows = [...VIEWS.filter(allowed).map((one) => [one.key, t(one.name)]), ["/", t("find")], ["t", t("switch theme")], ["Esc", t("close")], ["?", t("shortcuts")]];
  const close = h("div", { class: "row end" }, button(t("close"), () => box.close()));
  const box = dialog(t("shortcuts"), h("dl", { class: "keys" }, rows.map(([key, text]) => [h("dt", null, h("kbd", null, key)), h("dd", null, text)])), close);
}

async function signOut() {
  await ask("DELETE", "dashboard/session");
  me = null;
  frame();
}

async function begin() {
  me = (await get("v2/api/me")).data;
  frame();
}

document.addEventListener("keydown", (event) => {
  if (!me || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return event.preventDefault(), look();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return unfold(false);
  if (event.target.closest?.("input, textarea, select, dialog")) return;
  const view = VIEWS.filter(allowed).find((one) => one.key === event.key);
  if (view) location.hash = `#/${view.name}`;
  else if (event.key === "/") event.preventDefault(), look();
  else if (event.key === "t") switchTheme();
  else if (event.key === "?") help();
});

document.addEventListener("click", (event) => event.target.closest(".menu") || unfold(false));
setInterval(tick, 20000);
window.addEventListener("hashchange", route);
let asked = null; // the dialog that asks for a key again

// Goes on where it was for the same key; another one may not see what is there.
async function goOn() {
  const now = (await get("v2/api/me")).data;
  const same = now.api_key_id === me.api_key_id;
  me = now;
  if (!same) setTimeout(frame);
}

whenSignedOut(() => {
  if (!me || asked?.open) return;
  if (document.querySelector("dialog[open] form")) {
    asked = signin.again(goOn);
    return;
  }
  me = null;
  frame();
  toast(t("session over"), "bad");
});

paint(stored("theme"));
speak(stored("language") ?? (navigator.language.startsWith("fr") ? "fr" : "en"));

const link = /^#link=(.+)$/.exec(location.hash)?.[1];
if (link) {
  history.replaceState(null, "", location.pathname);
  try {
    await post("dashboard/session", { link });
  } catch (error) {
    frame();
    signin.complain(error.message);
  }
}
await begin().catch(() => me ?? (document.querySelector("form") || frame()));
