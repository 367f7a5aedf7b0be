// What somebody sees who has just begun: the three steps to the first webhook, those that are done marked.
import { get, post } from "./api.js";
import { button, h, show, toast } from "./dom.js";
import { icon } from "./icons.js";
import { edit } from "./webhook_form.js";
import { t } from "./words.js";

export function firstSteps(me) {
  const may = (scope) => me.scopes.includes("ALL") || me.scopes.includes(scope);
  const list = h("ol", { class: "steps" });
  const element = h("div", { hidden: true }, h("p", null, t("steps")), list);

  async function draw() {
    const [hooks, numbers] = await Promise.all([
      get("v2/api/webhooks").then(({ data }) => data, () => []),
      may("PHONE_NUMBERS_READ") ? get("v2/api/numbers").then(({ data }) => data.filter((one) => one.number && one.capabilities.includes("VOICE")), () => []) : [],
    ]);
    const [hook] = hooks;
    const add = () => edit(null, (made) => (location.hash = `#/webhooks/${made.id}`));
    const test = async () => {
      try {
        const { data } = await post(`v2/api/webhooks/${hook.id}/test`, { topic: "call.received" });
        toast(t("test sent"));
        if (data) location.hash = `#/webhooks/${hook.id}`;
      } catch (error) {
        toast(error.message, "bad");
      }
    };
    show(list,
      step("step webhook", t("step webhook hint"), hook ? h("a", { href: "#/webhooks" }, t("webhooks")) : button([icon("add"), t("new webhook")], add, { class: "first" }), Boolean(hook)),
      step("step test", t("step test hint"), button([icon("send"), t("send test")], test, { class: hook ? "first" : null, disabled: !hook })),
      step("step call", t(numbers.length ? "step call hint" : "step line hint"), numbers.length
        ? h("span", { class: "chips" }, numbers.slice(0, 3).map((one) => h("span", { class: "topic" }, one.number)))
        : h("a", { href: "#/lines", class: "button" }, icon("lines"), t("lines"))));
  }

  return {
    element,
    offer() {
      element.hidden = false;
      draw();
    },
  };
}

function step(title, text, action, done) {
  return h("li", { class: done ? "done" : null }, h("strong", null, t(title)), h("p", null, text), action);
}
