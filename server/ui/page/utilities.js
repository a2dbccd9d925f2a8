// Class names of a plugin as styles. Only the names here have an effect; nothing of `className` reaches the document, so
// a page can neither use the host's classes nor cover its frame: there is no position, no negative margin, no transform.
//
// The names are Tailwind's: spacing `p-4`, `mx-auto`, `gap-2`; `flex`, `grid`, `grid-cols-3`, `items-center`,
// `justify-between`; `w-full`, `max-w-md`; `text-sm`, `text-center`, `font-bold`; colours by their meaning: `text-red-600`
// is the colour of errors, whatever its shade. `sm:`, `md:`, `lg:` and `xl:` apply from 640, 768, 1,024 and 1,280 pixels.

const BREAKPOINTS = { sm: 640, md: 768, lg: 1024, xl: 1280 };

/** The widest spacing, in quarters of the font size. */
const SPACING_MAX = 32;

/** Names without those that every object has. */
const table = (names) => Object.assign(Object.create(null), names);

const SIDES = table({
  "": [""],
  x: ["Left", "Right"],
  y: ["Top", "Bottom"],
  t: ["Top"],
  r: ["Right"],
  b: ["Bottom"],
  l: ["Left"],
});

const COLOURS = table({
  red: "error",
  rose: "error",
  error: "error",
  danger: "error",
  green: "success",
  emerald: "success",
  success: "success",
  yellow: "warning",
  amber: "warning",
  orange: "warning",
  warning: "warning",
  blue: "accent",
  indigo: "accent",
  sky: "accent",
  primary: "accent",
  accent: "accent",
  gray: "muted",
  slate: "muted",
  zinc: "muted",
  neutral: "muted",
  muted: "muted",
  secondary: "muted",
});
const TEXT_COLOURS = table({ error: "--error", success: "--success", warning: "--warning", accent: "--link", muted: "--text-muted" });
const BACKGROUNDS = table({
  error: "--error-soft",
  success: "--success-soft",
  warning: "--warning-soft",
  accent: "--accent-soft",
  muted: "--surface-sunken",
});

const SIZES = table({ xs: "0.75rem", sm: "0.8125rem", base: "0.875rem", lg: "1rem", xl: "1.1875rem", "2xl": "1.4375rem", "3xl": "1.75rem", "4xl": "2.125rem" });
const WEIGHTS = table({ thin: 300, light: 300, normal: 400, medium: 500, semibold: 600, bold: 700, extrabold: 800 });
const WIDTHS = table({ xs: 20, sm: 24, md: 28, lg: 32, xl: 36, "2xl": 42, "3xl": 48, "4xl": 56, "5xl": 64, "6xl": 72, "7xl": 80 });
const RADII = table({ none: "0", sm: "4px", "": "6px", md: "6px", lg: "10px", xl: "12px", "2xl": "16px", full: "999px" });
const ALIGN = table({ start: "flex-start", end: "flex-end", center: "center", stretch: "stretch", baseline: "baseline" });
const JUSTIFY = table({ start: "flex-start", end: "flex-end", center: "center", between: "space-between", around: "space-around", evenly: "space-evenly" });

/** Whole names. */
const NAMES = {
  block: { display: "block" },
  "inline-block": { display: "inline-block" },
  inline: { display: "inline" },
  hidden: { display: "none" },
  flex: { display: "flex" },
  "inline-flex": { display: "inline-flex" },
  grid: { display: "grid" },
  "flex-row": { flexDirection: "row" },
  "flex-col": { flexDirection: "column" },
  "flex-row-reverse": { flexDirection: "row-reverse" },
  "flex-col-reverse": { flexDirection: "column-reverse" },
  "flex-wrap": { flexWrap: "wrap" },
  "flex-nowrap": { flexWrap: "nowrap" },
  "flex-1": { flex: "1 1 0%" },
  "flex-auto": { flex: "1 1 auto" },
  "flex-none": { flex: "none" },
  grow: { flexGrow: "1" },
  "flex-grow": { flexGrow: "1" },
  "shrink-0": { flexShrink: "0" },
  "flex-shrink-0": { flexShrink: "0" },
  "mx-auto": { marginLeft: "auto", marginRight: "auto" },
  "ml-auto": { marginLeft: "auto" },
  "mr-auto": { marginRight: "auto" },
  "mt-auto": { marginTop: "auto" },
  "w-full": { width: "100%" },
  "w-auto": { width: "auto" },
  "w-fit": { width: "fit-content" },
  "w-1/2": { width: "50%" },
  "w-1/3": { width: "33.333%" },
  "w-2/3": { width: "66.667%" },
  "w-1/4": { width: "25%" },
  "w-3/4": { width: "75%" },
  "h-full": { height: "100%" },
  "min-w-0": { minWidth: "0" },
  "max-w-full": { maxWidth: "100%" },
  "max-w-none": { maxWidth: "none" },
  "text-left": { textAlign: "start" },
  "text-center": { textAlign: "center" },
  "text-right": { textAlign: "end" },
  uppercase: { textTransform: "uppercase" },
  lowercase: { textTransform: "lowercase" },
  capitalize: { textTransform: "capitalize" },
  italic: { fontStyle: "italic" },
  underline: { textDecoration: "underline" },
  "line-through": { textDecoration: "line-through" },
  "font-mono": { fontFamily: "var(--font-mono)" },
  "tabular-nums": { fontVariantNumeric: "tabular-nums" },
  truncate: { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" },
  "whitespace-nowrap": { whiteSpace: "nowrap" },
  "whitespace-pre-wrap": { whiteSpace: "pre-wrap" },
  "break-words": { overflowWrap: "anywhere" },
  "break-all": { wordBreak: "break-all" },
  "overflow-auto": { overflow: "auto" },
  "overflow-x-auto": { overflowX: "auto" },
  "overflow-hidden": { overflow: "hidden" },
  border: { border: "1px solid var(--border)" },
  "border-t": { borderTop: "1px solid var(--border)" },
  "border-b": { borderBottom: "1px solid var(--border)" },
  "border-l": { borderLeft: "1px solid var(--border)" },
  "border-r": { borderRight: "1px solid var(--border)" },
  shadow: { boxShadow: "var(--shadow)" },
  "shadow-sm": { boxShadow: "var(--shadow)" },
  "shadow-md": { boxShadow: "var(--shadow)" },
  "shadow-lg": { boxShadow: "var(--shadow-raised)" },
  "shadow-none": { boxShadow: "none" },
  "col-span-full": { gridColumn: "1 / -1" },
};

const length = (steps) => `${Number(steps) * 0.25}rem`;
const columns = (count) => `repeat(${count}, minmax(0, 1fr))`;

/** Names with a part that varies. */
const PATTERNS = [
  [/^([pm])([xytrbl]?)-(\d{1,2}(?:\.5)?)$/, (kind, sides, steps) => steps <= SPACING_MAX && spacing(kind, sides, length(steps))],
  [/^gap(-[xy])?-(\d{1,2}(?:\.5)?)$/, (axis, steps) => steps <= SPACING_MAX && { [GAPS[axis ?? ""]]: length(steps) }],
  [/^space-([xy])-(\d{1,2}(?:\.5)?)$/, (axis, steps) => steps <= SPACING_MAX && { display: "flex", flexDirection: axis === "y" ? "column" : "row", gap: length(steps) }],
  [/^grid-cols-([1-9]|1[0-2])$/, (count) => ({ gridTemplateColumns: columns(count) })],
  [/^col-span-([1-9]|1[0-2])$/, (count) => ({ gridColumn: `span ${count} / span ${count}` })],
  [/^items-(\w+)$/, (name) => ALIGN[name] && { alignItems: ALIGN[name] }],
  [/^self-(\w+)$/, (name) => ALIGN[name] && { alignSelf: ALIGN[name] }],
  [/^justify-(\w+)$/, (name) => JUSTIFY[name] && { justifyContent: JUSTIFY[name] }],
  [/^max-w-(\w+)$/, (name) => WIDTHS[name] && { maxWidth: `${WIDTHS[name]}rem` }],
  [/^text-(\w+)$/, (name) => SIZES[name] && { fontSize: SIZES[name] }],
  [/^font-(\w+)$/, (name) => WEIGHTS[name] && { fontWeight: WEIGHTS[name] }],
  [/^rounded(?:-(\w+))?$/, (name = "") => name in RADII && { borderRadius: RADII[name] }],
  [/^text-([a-z]+)(?:-\w+)*$/, (name) => COLOURS[name] && { color: `var(${TEXT_COLOURS[COLOURS[name]]})` }],
  [/^bg-([a-z]+)(?:-\w+)*$/, (name) => COLOURS[name] && { background: `var(${BACKGROUNDS[COLOURS[name]]})` }],
  [/^border-([a-z]+)(?:-\w+)*$/, (name) => COLOURS[name] && { borderColor: `var(${TEXT_COLOURS[COLOURS[name]]})` }],
];

const GAPS = { "": "gap", "-x": "columnGap", "-y": "rowGap" };

const spacing = (kind, sides, size) => Object.fromEntries(SIDES[sides].map((side) => [`${kind === "p" ? "padding" : "margin"}${side}`, size]));

function one(name) {
  if (Object.hasOwn(NAMES, name)) return NAMES[name];
  for (const [pattern, style] of PATTERNS) {
    const parts = pattern.exec(name);
    const found = parts && style(...parts.slice(1));
    if (found) return found;
  }
  return undefined;
}

const known = new Map();
const KNOWN_MAX = 2_000;

/**
 * The styles of class names at a width of the window in pixels; undefined if there are none.
 *
 * @param {unknown} className
 * @param {number} width
 */
export function utilityStyle(className, width) {
  if (typeof className !== "string" || className === "") return undefined;
  const level = Object.values(BREAKPOINTS).filter((from) => width >= from).length;
  const key = `${level} ${className}`;
  if (known.has(key)) return known.get(key);
  const style = {};
  for (const name of className.split(/\s+/).slice(0, 50)) {
    const [, breakpoint, plain] = /^(?:(sm|md|lg|xl):)?(.*)$/.exec(name);
    if (breakpoint && width < BREAKPOINTS[breakpoint]) continue;
    Object.assign(style, one(plain));
  }
  const found = Object.keys(style).length ? style : undefined;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, found);
  return found;
}

/** The widths at which `utilityStyle` changes, in pixels. */
export const WIDTHS_OF_CHANGE = Object.values(BREAKPOINTS);

const LENGTH = /^\d{1,4}(\.\d+)?(px|rem|em|%|ch|fr)$/;

/** A length of a plugin: a number of pixels, or a text such as `2rem`. Undefined if it is neither. */
export function cssLength(value) {
  if (typeof value === "number") return value >= 0 && value <= 10_000 ? `${value}px` : undefined;
  if (typeof value !== "string") return undefined;
  if (/^\d{1,4}$/.test(value)) return `${value}px`;
  return LENGTH.test(value) ? value : undefined;
}

/** Tracks of a grid: a number of equal ones, or lengths such as `1fr 2fr`. */
export function cssTracks(value) {
  if (Number.isInteger(value)) return value >= 1 && value <= 24 ? columns(value) : undefined;
  if (typeof value !== "string") return undefined;
  if (/^\d{1,2}$/.test(value)) return cssTracks(Number(value));
  const repeated = /^repeat\((\d{1,2}), ?(minmax\(0, ?1fr\)|1fr)\)$/.exec(value);
  if (repeated) return columns(repeated[1]);
  const tracks = value.trim().split(/\s+/);
  return tracks.length <= 24 && tracks.every((track) => track === "auto" || LENGTH.test(track)) ? tracks.join(" ") : undefined;
}

/** The style of a layout, as templates and containers declare it. */
export function layoutStyle({ layout, direction, gap, padding, maxWidth, centered, columns, rows, align, justify }) {
  const style = { gap: cssLength(gap), padding: cssLength(padding), maxWidth: cssLength(maxWidth) };
  if (layout === "flex") Object.assign(style, { display: "flex", flexDirection: direction ?? "row", flexWrap: String(direction).startsWith("column") ? undefined : "wrap" });
  if (layout === "grid") Object.assign(style, { display: "grid", gridTemplateColumns: cssTracks(columns), gridTemplateRows: cssTracks(rows) });
  if (layout !== "block" && layout !== undefined) Object.assign(style, { alignItems: ALIGN[align], justifyContent: JUSTIFY[justify] });
  if (centered === true) Object.assign(style, { marginLeft: "auto", marginRight: "auto" });
  return style;
}
