// What a plugin asks for, what the operator's policy grants of it, and what was denied.

import { confirm } from "../../lib/dialog.js";
import { put } from "../../lib/http.js";
import { html } from "../../lib/view.js";
import { count } from "../format.js";
import { Code, Facts, Region, Section, Table, Time } from "../parts.js";
import { useChange, useResource } from "../resource.js";
import { may } from "../session.js";

export function PermissionsTab({ plugin, path }) {
  const permissions = useResource(`${path}/permissions`, { every: 5_000 });
  const [isBusy, run] = useChange();

  async function change(rule, isGrant) {
    const isSure = await confirm({
      title: isGrant ? `Grant ${rule.permission}?` : `Revoke ${rule.permission}?`,
      message: html`<${Question} rule=${rule} isGrant=${isGrant} />`,
      confirmText: isGrant ? "Grant" : "Revoke",
      danger: !isGrant,
    });
    if (!isSure) return;
    const body = isGrant ? { allow: [rule.permission] } : { deny: [rule.permission] };
    await run(() => put("/api/v1/policy", body), ({ until }) => `The policy holds until ${until}.`);
    permissions.reload();
  }

  return html`
    <${Region} of=${permissions}>
      ${(value) => html`
        <${Facts}
          facts=${[
            ["Mode", value.execution_mode],
            ["Access granted", count(value.allows)],
            ["Access denied", count(value.denials)],
          ]}
        />
        <${Section} title="Requested permissions">
          ${value.asked.length === 0
            ? html`<p class="muted">The plugin requests no permissions. Every plugin may use its own log, configuration and events.</p>`
            : html`<${Asked} rules=${value.asked} change=${may("manage") ? change : null} isBusy=${isBusy} />`}
        <//>
        <${Section} title="Recent denials">
          ${value.denied.length === 0
            ? html`<p class="muted">No access of ${plugin.name} was denied recently.</p>`
            : html`<${Denied} entries=${value.denied} />`}
        <//>
      `}
    <//>
  `;
}

function Question({ rule, isGrant }) {
  return html`
    ${isGrant
      ? "This rule is added at the top of the policy. It applies to every plugin that asks for the permission:"
      : "This rule is added at the top of the policy. It denies the permission to every plugin:"}
    <${Code} text=${isGrant ? rule.allow_line : rule.deny_line} label="Rule of the policy" />
    It holds until the host restarts or reads its file again. Add it to <code>policy</code> of the host's file to make it last.
  `;
}

function Asked({ rules, change, isBusy }) {
  const columns = [{ name: "Permission" }, { name: "State" }, ...(change ? [{ name: "Actions" }] : [])];
  return html`
    <${Table} label="Permissions that the plugin asks for" columns=${columns}>
      ${rules.map(
        (rule) => html`
          <tr key=${`${rule.effect} ${rule.permission}`}>
            <th scope="row"><code>${rule.permission}</code></th>
            <td>${status(rule)}</td>
            ${change && html`<td>${rule.effect === "allow" && buttons(rule, change, isBusy)}</td>`}
          </tr>
        `,
      )}
    <//>
  `;
}

function status(rule) {
  const badge = (kind, text) => html`<span class=${`badge badge--${kind}`}>${text}</span>`;
  if (rule.effect === "deny") return badge("neutral", "denied by the manifest itself");
  if (rule.missing.length === 0) return badge("success", "granted");
  const text = rule.is_granted_partly ? `granted but for ${rule.missing.join(", ")}` : "not granted";
  return badge("warning", text);
}

function buttons(rule, change, isBusy) {
  const button = (text, isGrant) => html`
    <button type="button" class=${`button button--${isGrant ? "primary" : "danger-quiet"} button--sm`} disabled=${isBusy}
      aria-label=${`${text} ${rule.permission}`} onClick=${() => change(rule, isGrant)}>${text}</button>
  `;
  return html`<div class="buttons">
    ${rule.missing.length > 0 && button("Grant", true)}
    ${(rule.missing.length === 0 || rule.is_granted_partly) && button("Revoke", false)}
  </div>`;
}

/** Denials of the audit trail, the newest first. */
export function Denied({ entries, withPlugin = false }) {
  const names = [...(withPlugin ? ["Plugin"] : []), "Time", "Resource", "Action", "Refused", "Caller"];
  return html`
    <${Table} label="Denials" columns=${names.map((name) => ({ name }))}>
      ${[...entries].reverse().map(
        (entry, index) => html`
          <tr key=${`${entry.time_ms} ${entries.length - index}`}>
            ${withPlugin && html`<th scope="row"><a href=${`/-/plugins/${encodeURIComponent(entry.plugin)}/permissions`}>${entry.plugin}</a></th>`}
            <td><${Time} at=${entry.time_ms} /></td>
            <td><code>${entry.resource}</code></td>
            <td>${entry.action}</td>
            <td>${refused(entry.refused)}${entry.left_out > 0 && ` (${count(entry.left_out)} before it are not shown)`}</td>
            <td>${entry.caller ?? "–"}</td>
          </tr>
        `,
      )}
    <//>
  `;
}

const REFUSED = {
  by_manifest: "by the plugin's manifest",
  by_operator: "by the policy",
  by_mode: "for trusted plugins only",
  by_callee: "by the called plugin",
};

const refused = (name) => REFUSED[name] ?? name;
