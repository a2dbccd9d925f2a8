// The values that a plugin has stored, read only.

import { withQuery } from "../../lib/http.js";
import { html, useId, useState } from "../../lib/view.js";
import { bytes, json } from "../format.js";
import { Code, Region, Section, Table } from "../parts.js";
import { useResource } from "../resource.js";

const LIMIT = 50;

export function DataTab({ path }) {
  const id = useId();
  const [prefix, setPrefix] = useState("");
  // The last keys of the pages before, so that one can go back.
  const [before, setBefore] = useState([]);
  const [chosen, setChosen] = useState(null);
  const keys = useResource(withQuery(`${path}/data`, { prefix, after: before.at(-1), limit: LIMIT }));
  const searched = (event) => {
    setPrefix(event.target.value);
    setBefore([]);
  };
  return html`
    <div class="field field--short">
      <label class="field__label" for=${id}>Key prefix</label>
      <input id=${id} class="input" value=${prefix} onInput=${searched} />
    </div>
    <div class="columns">
      <div>
        <${Region} of=${keys} isEmpty=${(value) => value.keys.length === 0} empty="No stored value matches.">
          ${(page) => html`
            <${Table} label="Stored values" columns=${[{ name: "Key" }]}>
              ${page.keys.map(
                (key) => html`<tr key=${key}><td><button type="button" class="link-button" aria-pressed=${key === chosen ? "true" : "false"} onClick=${() => setChosen(key)}><code>${key}</code></button></td></tr>`,
              )}
            <//>
            <${Pages} hasBefore=${before.length > 0} hasAfter=${page.more} back=${() => setBefore(before.slice(0, -1))} on=${() => setBefore([...before, page.keys.at(-1)])} />
          `}
        <//>
      </div>
      ${chosen !== null && html`<${Value} key=${chosen} name=${chosen} path=${path} />`}
    </div>
  `;
}

function Value({ name, path }) {
  const value = useResource(`${path}/data/${encodeURIComponent(name)}`);
  return html`
    <${Section} title=${name}>
      <${Region} of=${value}>
        ${(stored) => html`<${Code} text=${stored.bytes === undefined ? json(stored.value) : `${bytes(stored.bytes)} that are not JSON`} label=${`Value of ${name}`} />`}
      <//>
    <//>
  `;
}

/** Buttons to the page before and the one after. */
export const Pages = ({ hasBefore, hasAfter, back, on }) =>
  (hasBefore || hasAfter) &&
  html`<div class="buttons">
    <button type="button" class="button button--secondary button--sm" disabled=${!hasBefore} onClick=${back}>Back</button>
    <button type="button" class="button button--secondary button--sm" disabled=${!hasAfter} onClick=${on}>Next</button>
  </div>`;
