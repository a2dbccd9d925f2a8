// What a plugin declares.

import { html } from "../../lib/view.js";
import { json } from "../format.js";
import { Code, Facts, Section } from "../parts.js";

export function ManifestTab({ plugin }) {
  const manifest = plugin.manifest ?? plugin.current?.manifest;
  if (!manifest) return html`<p class="state">The manifest is known once the plugin is loaded.</p>`;
  const author = typeof manifest.author === "object" ? manifest.author?.name : manifest.author;
  const list = (values) => (Array.isArray(values) && values.length > 0 ? values.join(", ") : undefined);
  const required = (manifest.requires ?? []).map((plugin) => plugin.name ?? plugin);
  const size = (values) => (values?.length ? `${values.length}` : undefined);
  return html`
    <${Facts}
      facts=${[
        ["Description", manifest.description],
        ["Author", author],
        ["License", manifest.license],
        ["Repository", manifest.repository],
        ["Tags", list(manifest.tags)],
        ["Requires", list(required)],
        ["Mode", manifest.execution_mode],
        ["Routes", size(manifest.routes)],
        ["Actions", size(manifest.actions)],
        ["Digest", plugin.digest],
        ["Signed by", plugin.current?.signed_by],
        ["Previous version", plugin.previous?.version],
      ]}
    />
    <${Section} title="Manifest"><${Code} text=${json(manifest)} label="Manifest as JSON" /><//>
  `;
}
