// The changes of a plugin's state and version, as buttons.

import { confirm } from "../lib/dialog.js";
import { post, remove } from "../lib/http.js";
import { navigate } from "../lib/router.js";
import { html } from "../lib/view.js";
import { useChange } from "./resource.js";

/** The buttons for one plugin. `reload` reads it again after a change. */
export function PluginMenu({ plugin, reload, isWhole = false }) {
  const [isBusy, run] = useChange();
  const { name, state, installed_at: installedAt, previous } = plugin;
  const path = `/api/v1/plugins/${encodeURIComponent(name)}`;
  const isInstalled = installedAt !== undefined;
  const isOff = state === "disabled" || plugin.enabled === false;

  async function change(verb, done, question) {
    if (question && !(await confirm(question))) return;
    await run(() => post(`${path}/${verb}`), `${name} is ${done}.`);
    reload();
  }
  async function removed() {
    const isSure = await confirm({
      title: `Remove ${name}?`,
      message: "The plugin stops serving and is no longer installed. Its stored values, tables and jobs stay.",
      confirmText: "Remove",
      danger: true,
    });
    if (!isSure) return;
    const result = await run(() => remove(path), `${name} is removed.`);
    if (result !== undefined && isWhole) navigate("/");
    else reload();
  }
  const disabling = {
    title: `Disable ${name}?`,
    message: "It answers no calls until it is enabled again. Calls in flight are completed.",
    confirmText: "Disable",
    danger: true,
  };
  const rolling = {
    title: `Roll ${name} back?`,
    message: `Version ${previous?.version} replaces ${plugin.version}.`,
    confirmText: "Roll back",
  };
  const button = (text, action, kind = "secondary") => html`
    <button type="button" class=${`button button--${kind} button--sm`} disabled=${isBusy} aria-label=${`${text} ${name}`} onClick=${action}>
      ${text}
    </button>
  `;
  return html`
    <div class="buttons">
      ${isOff ? button("Enable", () => change("enable", "enabled")) : button("Disable", () => change("disable", "disabled", disabling))}
      ${!isOff && button("Reload", () => change("reload", "reloaded"))}
      ${!isOff && state === "failed" && button("Restart", () => change("restart", "restarted"))}
      ${isInstalled && html`<a class="button button--secondary button--sm" aria-label=${`Update ${name}`} href=${`/-/install?plugin=${encodeURIComponent(name)}`}>Update</a>`}
      ${previous && button("Roll back", () => change("rollback", "rolled back", rolling))}
      ${isInstalled && button("Remove", removed, "danger-quiet")}
    </div>
  `;
}
