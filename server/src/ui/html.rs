//! HTML as it is written: texts of plugins are escaped, and links are checked.

use std::fmt::Write;

use url::Url;

/// The most bytes of a document. The rest is left out.
const BYTES_MAX: usize = 2 << 20;

/// A document that grows.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends markup of this server.
    pub(super) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Appends a text, escaped.
    pub(super) fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                character => self.0.push(character),
            }
        }
    }

    /// Appends the beginning of an element, whose name is of this server.
    pub(super) fn open(&mut self, name: &str) {
        let _ = write!(self.0, "<{name}>");
    }

    /// Appends the end of an element.
    pub(super) fn close(&mut self, name: &str) {
        let _ = writeln!(self.0, "</{name}>");
    }

    /// Appends an element with a text.
    pub(super) fn element(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// Appends a link with a text.
    pub(super) fn link(&mut self, link: &Link, text: &str) {
        self.raw("<a href=\"");
        self.text(&link.0);
        self.raw("\" rel=\"noopener noreferrer\">");
        self.text(text);
        self.raw("</a>\n");
    }

    /// Whether the document is as long as it may be.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= BYTES_MAX
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// An address to which a plugin may lead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link(String);

impl Link {
    /// The address of a plugin's page, without scripts.
    pub(super) fn to_page(plugin: &str, path: &str) -> Link {
        Link(format!("/p/{plugin}/{}?plain", path.trim_start_matches('/')))
    }

    /// The address that a plugin gives: `http`, `https`, `mailto`, or relative to its pages. `None` for another one.
    pub(super) fn of_plugin(plugin: &str, href: &str) -> Option<Link> {
        let own = format!("http://own.invalid/p/{plugin}/");
        let base = Url::parse(&own).ok()?;
        let mut url = base.join(href.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https" | "mailto") {
            return None;
        }
        if url.host_str() != base.host_str() {
            return Some(Link(url.into()));
        }
        if url.path().starts_with(base.path()) && url.query().is_none() {
            url.set_query(Some("plain"));
        }
        Some(Link(url[url::Position::BeforePath..].to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut html = Html::default();
        html.element("p", "<script>alert('1')</script> & \"x\"");
        assert_eq!(html.into_text(), "<p>&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;</p>\n");
    }

    #[test]
    fn links_lead_to_known_schemes_alone() {
        let link = |href| Link::of_plugin("shop", href).map(|link| link.0);
        assert_eq!(link("https://example.org/a").as_deref(), Some("https://example.org/a"));
        assert_eq!(link("mailto:a@example.org").as_deref(), Some("mailto:a@example.org"));
        assert_eq!(link("./items").as_deref(), Some("/p/shop/items?plain"));
        assert_eq!(link("items?id=1").as_deref(), Some("/p/shop/items?id=1"));
        assert_eq!(link("/p/other/").as_deref(), Some("/p/other/"));
        assert_eq!(link("//example.org").as_deref(), Some("http://example.org/"));
        for href in
            ["javascript:alert(1)", " JAVASCRIPT:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "file:///etc"]
        {
            assert_eq!(link(href), None, "{href}");
        }
    }
}
