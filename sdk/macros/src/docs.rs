//! Descriptions from doc comments.

use syn::{Attribute, Expr, Lit, Meta};

/// The text of the doc comments, without the indentation after the comment markers; `None` if there are none.
pub(crate) fn text(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        if !meta.path.is_ident("doc") {
            continue;
        }
        if let Expr::Lit(literal) = &meta.value
            && let Lit::Str(text) = &literal.lit
        {
            let text = text.value();
            lines.extend(text.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
        }
    }
    let text = lines.join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    fn check(item: syn::ItemStruct, expected: Option<&str>) {
        assert_eq!(super::text(&item.attrs).as_deref(), expected);
    }

    #[test]
    fn doc_comment_of_two_paragraphs_keeps_them() {
        let item = parse_quote! {
            /// First.
            ///
            ///  - indented
            struct A;
        };
        check(item, Some("First.\n\n - indented"));
    }

    #[test]
    fn item_without_doc_comment_has_none() {
        check(parse_quote! { #[allow(dead_code)] struct A; }, None);
    }
}
