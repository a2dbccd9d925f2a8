// The latest access that was denied to plugins, and the policy that decides.

import { html, useId, useState } from "../../lib/view.js";
import { json } from "../format.js";
import { Code, Heading, Region, Section } from "../parts.js";
import { useResource } from "../resource.js";
import { Denied } from "../tabs/permissions.js";

export function AuditView() {
  const id = useId();
  const [plugin, setPlugin] = useState("");
  const trail = useResource("/api/v1/audit", { every: 5_000 });
  const policy = useResource("/api/v1/policy");
  const shown = (value) => value.denials.filter((entry) => plugin === "" || entry.plugin.includes(plugin));
  return html`
    <${Heading} title="Audit" />
    <${Section} title="Access denied">
      <div class="field field--short">
        <label class="field__label" for=${id}>Plugin</label>
        <input id=${id} class="input" type="search" value=${plugin} onInput=${(event) => setPlugin(event.target.value)} />
      </div>
      <${Region} of=${trail} isEmpty=${(value) => shown(value).length === 0} empty="No access was denied recently.">
        ${(value) => html`<${Denied} entries=${shown(value)} withPlugin=${true} />`}
      <//>
    <//>
    <${Section} title="Policy">
      <p class="muted">The first rule that matches decides. Rules that were set here hold until the host restarts or reads its file again.</p>
      <${Region} of=${policy} isEmpty=${(value) => value.rules.length === 0} empty="The policy has no rules: plugins get only the basic permissions.">
        ${({ rules }) => html`<${Code} text=${rules.map((rule) => json(rule).replaceAll(/\s+/g, " ")).join("\n")} label="Rules of the policy" />`}
      <//>
    <//>
  `;
}
