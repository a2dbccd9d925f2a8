//! Tables for people: a heading, and rows with aligned columns.

use std::fmt::Write;

use anstyle::Style;

use crate::output::{indented, plain};

/// One cell of a table. Its text may come from the plugin; its style does not.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::styled(Style::new(), text)
    }
}

impl Cell {
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Cell { text: plain(&text.into()).into_owned(), style }
    }
}

/// A heading and rows with aligned columns; empty without rows.
pub(crate) fn section(text: &mut String, heading: &str, rows: Vec<Vec<Cell>>) {
    if rows.is_empty() {
        return;
    }
    let gap = if text.is_empty() { "" } else { "\n" };
    let bold = Style::new().bold();
    let _ = writeln!(text, "{gap}{bold}{}{bold:#}", plain(heading));
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    // The last column needs no padding.
    let widths: Vec<usize> = (0..columns)
        .map(|column| match column + 1 == columns {
            true => 0,
            false => rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.text.chars().count())
                .max()
                .unwrap_or_default(),
        })
        .collect();
    for row in &rows {
        let mut line = String::new();
        let mut margin = 0;
        for (Cell { text, style }, width) in row.iter().zip(&widths) {
            let padding = width.saturating_sub(text.chars().count());
            margin += 2;
            let _ = write!(line, "  {style}{}{style:#}{:padding$}", indented(text, &" ".repeat(margin)), "");
            margin += width;
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
