// All widgets by their type in a template. Most pages need few of them, so they are loaded in groups when a page has one.

import { Button } from "./button.js";
import { Card, CardBody, CardFooter, CardHeader, Container } from "./layout.js";
import { Badge, Divider, Heading, Link, Text } from "./text.js";

/** The widgets that are loaded. */
const loaded = Object.assign(Object.create(null), {
  badge: Badge,
  button: Button,
  card: Card,
  cardBody: CardBody,
  cardFooter: CardFooter,
  cardHeader: CardHeader,
  container: Container,
  divider: Divider,
  heading: Heading,
  link: Link,
  text: Text,
});

const dialogs = () => import("./modal.js");
const figures = () => import("./figures.js");
const forms = () => import("./form.js");
const inputs = () => import("./inputs.js");
const tables = () => import("./table.js");

/** The modules of the others, and their names there. */
const GROUPS = Object.assign(Object.create(null), {
  chart: [figures, "Chart"],
  checkbox: [inputs, "Checkbox"],
  checkboxGroup: [inputs, "CheckboxGroup"],
  dataTable: [tables, "Table"],
  form: [forms, "Form"],
  hoverBubble: [dialogs, "HoverBubble"],
  input: [inputs, "Input"],
  modal: [dialogs, "Modal"],
  slider: [inputs, "Slider"],
  slides: [dialogs, "Slides"],
  stat: [figures, "Stat"],
  table: [tables, "Table"],
  toggle: [inputs, "Toggle"],
});

/** The widget of a type; undefined if there is none, or it was not loaded. */
export const widgetOf = (type) => loaded[type];

/** Loads the widgets that nodes have, at any depth: in children, fallbacks, columns and footers. */
export async function loadWidgets(nodes) {
  const types = new Set();
  collect(nodes, types, 0);
  await Promise.all(
    [...types].map(async (type) => {
      const [load, name] = GROUPS[type];
      loaded[type] ??= (await load())[name];
    }),
  );
}

function collect(value, types, depth) {
  if (typeof value !== "object" || value === null || depth > 200) return;
  if (typeof value.type === "string" && value.type in GROUPS) types.add(value.type);
  for (const member of Object.values(value)) collect(member, types, depth + 1);
}
