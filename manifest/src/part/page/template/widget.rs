//! The widgets, with their props: the vocabulary of DockStat's pages, and `heading`, `dataTable`, `form`, `stat` and
//! `chart`.

use super::prop::PropKind::{
    Action, Any, ApiAction, Binding, Content, Flag, Href, Integer, Length, List, Number, Object, Objects,
    ObjectsOrTexts, Text, Word,
};
use super::prop::{Prop, prop, required};

/// A widget.
pub(super) struct Widget {
    pub(super) name: &'static str,
    pub(super) props: &'static [Prop],
    pub(super) has_children: bool,
    /// What can be bound beside the props.
    pub(super) bindings: &'static [&'static str],
}

/// The type of a node that shows a fragment.
pub(super) const FRAGMENT: &str = "fragment";

/// The events of nodes, to which actions can be attached.
pub(super) const NODE_EVENTS: [&str; 5] = ["onClick", "onChange", "onSubmit", "onClose", "onSlideChange"];

pub(super) fn find(name: &str) -> Option<&'static Widget> {
    WIDGETS.iter().find(|widget| widget.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WIDGETS.iter().map(|widget| widget.name).chain([FRAGMENT])
}

const fn leaf(name: &'static str, props: &'static [Prop], bindings: &'static [&'static str]) -> Widget {
    Widget { name, props, has_children: false, bindings }
}

const fn parent(name: &'static str, props: &'static [Prop], bindings: &'static [&'static str]) -> Widget {
    Widget { name, props, has_children: true, bindings }
}

const SIZES: &[&str] = &["xs", "sm", "md", "lg", "xl"];
const ALIGN: &[&str] = &["start", "center", "end", "stretch", "baseline"];
const SIDES: &[&str] = &["left", "center", "right"];
const ORIENTATIONS: &[&str] = &["horizontal", "vertical"];
const TONES: &[&str] = &["neutral", "info", "success", "warning", "error"];

pub(super) const LAYOUTS: &[&str] = &["flex", "grid", "block"];
pub(super) const DIRECTIONS: &[&str] = &["row", "column", "row-reverse", "column-reverse"];

const CLASS_NAME: Prop = prop("className", Text);
const DISABLED: Prop = prop("disabled", Flag);
const SIZE: Prop = prop("size", Word(SIZES));
const BINDING: Prop = prop("binding", Binding);
const LABEL: Prop = prop("label", Text);

const COLUMNS: &[Prop] = &[
    required("key", Text),
    prop("title", Text),
    prop("width", Length),
    prop("align", Word(SIDES)),
    prop("sortable", Flag),
    prop("filterable", Flag),
    prop("renderTemplate", Content),
];
const OPTIONS: &[Prop] = &[required("value", Text), LABEL, DISABLED];
const SERIES: &[Prop] = &[required("key", Text), LABEL];

const TABLE: &[Prop] = &[
    prop("columns", Objects(COLUMNS)),
    prop("dataKey", Binding),
    prop("dataBinding", Binding),
    prop("data", List),
    prop("striped", Flag),
    prop("bordered", Flag),
    prop("hoverable", Flag),
    SIZE,
    prop("searchable", Flag),
    prop("searchPlaceholder", Text),
    prop("emptyText", Text),
    LABEL,
    CLASS_NAME,
];

const WIDGETS: &[Widget] = &[
    leaf(
        "badge",
        &[
            required("text", Text),
            prop("variant", Word(&["primary", "secondary", "success", "warning", "error"])),
            SIZE,
            prop("rounded", Flag),
            prop("unique", Flag),
            prop("outlined", Flag),
            CLASS_NAME,
        ],
        &[],
    ),
    leaf(
        "button",
        &[
            required("text", Text),
            prop("variant", Word(&["primary", "secondary", "outline", "ghost", "danger"])),
            SIZE,
            DISABLED,
            prop("loading", Flag),
            prop("action", Action),
            prop("type", Word(&["button", "submit", "reset"])),
            prop("fullWidth", Flag),
            prop("noFocusRing", Flag),
            CLASS_NAME,
        ],
        &[],
    ),
    parent(
        "card",
        &[
            prop("variant", Word(&["default", "outlined", "elevated", "flat", "dark", "error", "success", "custom"])),
            SIZE,
            prop("action", Action),
            prop("hoverable", Flag),
            CLASS_NAME,
        ],
        &[],
    ),
    parent("cardHeader", &[prop("text", Text), prop("id", Text), CLASS_NAME], &[]),
    parent("cardBody", &[CLASS_NAME], &[]),
    parent("cardFooter", &[prop("align", Word(SIDES)), CLASS_NAME], &[]),
    leaf(
        "divider",
        &[
            prop("variant", Word(&["solid", "dashed", "dotted", "default"])),
            prop("orientation", Word(ORIENTATIONS)),
            prop("shadow", Flag),
            LABEL,
            CLASS_NAME,
        ],
        &[],
    ),
    leaf(
        "input",
        &[
            prop("type", Word(&["text", "email", "password", "number", "tel", "url", "color"])),
            SIZE,
            prop("variant", Word(&["default", "filled", "underline"])),
            DISABLED,
            LABEL,
            prop("placeholder", Text),
            prop("value", Text),
            BINDING,
            prop("error", Any),
            prop("success", Any),
            CLASS_NAME,
        ],
        &["onChange"],
    ),
    leaf(
        "checkbox",
        &[
            prop("checked", Flag),
            DISABLED,
            SIZE,
            LABEL,
            prop("indeterminate", Flag),
            prop("id", Text),
            prop("name", Text),
            prop("value", Text),
            BINDING,
            CLASS_NAME,
        ],
        &["onChange"],
    ),
    leaf(
        "checkboxGroup",
        &[
            required("options", ObjectsOrTexts(OPTIONS)),
            prop("direction", Word(ORIENTATIONS)),
            prop("selectedValues", List),
            LABEL,
            BINDING,
            CLASS_NAME,
        ],
        &["onChange"],
    ),
    leaf("toggle", &[prop("checked", Flag), DISABLED, SIZE, LABEL, BINDING, CLASS_NAME], &["onChange"]),
    parent(
        "hoverBubble",
        &[required("label", Text), prop("position", Word(&["top", "bottom", "left", "right"])), CLASS_NAME],
        &[],
    ),
    leaf(
        "link",
        &[
            required("href", Href),
            required("text", Text),
            prop("external", Flag),
            prop("icon", Text),
            prop("iconPosition", Word(&["left", "right"])),
            CLASS_NAME,
        ],
        &[],
    ),
    parent(
        "modal",
        &[
            prop("openBinding", Binding),
            prop("open", Flag),
            prop("title", Text),
            prop("footer", Content),
            prop("size", Word(&["sm", "md", "lg", "xl", "full"])),
            prop("bodyClasses", Text),
        ],
        &["onClose"],
    ),
    leaf(
        "slider",
        &[
            prop("min", Number),
            prop("max", Number),
            prop("step", Number),
            prop("value", Number),
            LABEL,
            prop("showValue", Flag),
            DISABLED,
            prop("variant", Word(&["solid", "gradient"])),
            prop("marks", Any),
            BINDING,
            CLASS_NAME,
        ],
        &["onChange"],
    ),
    parent(
        "slides",
        &[
            prop("slides", Any),
            prop("header", Text),
            prop("description", Text),
            prop("buttonPosition", Word(SIDES)),
            prop("connected", Flag),
            prop("defaultSlide", Any),
            prop("hideable", Flag),
            prop("selectedSlideBinding", Binding),
            CLASS_NAME,
        ],
        &["selectedSlide", "onSlideChange"],
    ),
    leaf("table", TABLE, &[]),
    leaf("dataTable", TABLE, &[]),
    leaf(
        "text",
        &[
            required("text", Text),
            prop("as", Word(&["p", "span", "h1", "h2", "h3", "h4", "h5", "h6", "div"])),
            CLASS_NAME,
        ],
        &[],
    ),
    leaf("heading", &[required("text", Text), prop("level", Integer(1, 6)), CLASS_NAME], &[]),
    parent(
        "container",
        &[
            prop("layout", Word(LAYOUTS)),
            prop("direction", Word(DIRECTIONS)),
            prop("gap", Length),
            prop("padding", Length),
            prop("align", Word(ALIGN)),
            prop("justify", Word(&["start", "center", "end", "between", "around", "evenly"])),
            prop("columns", Length),
            CLASS_NAME,
        ],
        &[],
    ),
    leaf(
        "form",
        &[
            required("action", ApiAction),
            prop("schema", Object),
            prop("value", Any),
            prop("submitText", Text),
            prop("columns", Integer(1, 4)),
            CLASS_NAME,
        ],
        &[],
    ),
    leaf(
        "stat",
        &[
            required("label", Text),
            required("value", Text),
            prop("unit", Text),
            prop("change", Text),
            prop("tone", Word(TONES)),
            prop("sparkline", List),
            CLASS_NAME,
        ],
        &[],
    ),
    leaf(
        "chart",
        &[
            prop("kind", Word(&["line", "area", "bar"])),
            required("x", Text),
            required("series", Objects(SERIES)),
            prop("title", Text),
            prop("height", Integer(40, 2_000)),
            prop("data", List),
            prop("dataBinding", Binding),
            CLASS_NAME,
        ],
        &[],
    ),
];
