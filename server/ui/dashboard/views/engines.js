// The Docker engines whose events the host follows.

import { html } from "../../lib/view.js";
import { count } from "../format.js";
import { Heading, Region, Section, Table, Time } from "../parts.js";
import { useResource } from "../resource.js";
import { EventList } from "./events.js";

/** The events that are shown: all but the measurements of containers, which the host makes while they are followed. */
const TOPICS = "container.create, container.start, container.die, container.destroy, container.health_status, image.*, network.*, volume.*, daemon.*";

const COLUMNS = [
  { name: "Engine" },
  { name: "State" },
  { name: "Since" },
  { name: "URL" },
  { name: "Version" },
  { name: "Containers", isNumber: true },
  { name: "Events", isNumber: true },
  { name: "Connections", isNumber: true },
  { name: "Last error" },
];

export function EnginesView() {
  const engines = useResource("/api/v1/docker", { every: 5_000 });
  const row = (engine) => html`
    <tr key=${engine.name}>
      <th scope="row">${engine.name}</th>
      <td><${EngineState} engine=${engine} /></td>
      <td><${Time} at=${engine.since} /></td>
      <td><code>${engine.url}</code></td>
      <td>${engine.engine ?? "–"}${engine.api_version && `, API ${engine.api_version}`}</td>
      <td class="numeric is-right">${count(engine.containers)}</td>
      <td class="numeric is-right" title=${seen(engine)}>${count(engine.events)}</td>
      <td class="numeric is-right">${count(engine.connections)}</td>
      <td>${engine.error ?? "–"}</td>
    </tr>
  `;
  return html`
    <${Heading} title="Engines" />
    <p class="muted">Docker engines whose events plugins receive. One that does not answer is connected to again and again.</p>
    <${Region} of=${engines} isEmpty=${(value) => value.engines.length === 0} empty="The host's file names no Docker engines.">
      ${(value) => html`
        <${Table} label="Docker engines" columns=${COLUMNS}>${value.engines.map(row)}<//>
        <${Section} title="Events of the engines"><${EventList} topics=${TOPICS} /><//>
      `}
    <//>
  `;
}

const EngineState = ({ engine: { connected } }) => html`
  <span class=${`badge badge--${connected ? "success" : "error"}`}>${connected ? "followed" : "not connected"}</span>
`;

/** Which of the events the engine did not send, and which were not sent on. */
const seen = ({ synthetic, duplicates, malformed }) =>
  `${count(synthetic)} found by comparing lists, ${count(duplicates)} duplicates dropped, ${count(malformed)} unreadable`;
