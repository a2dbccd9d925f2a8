//! Which actions are tools, and tools with their results in the types of the protocol's crate.
//!
//! What a tool is, and what it answers, is decided in [`plugbay::tool`].

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plugbay::Plugin;
use plugbay::manifest::ToolPattern;
use plugbay::tool::{Tool, ToolContent, ToolHints, ToolResult};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents, ToolAnnotations};

/// A tool with the plugin of its action.
pub(super) struct ExposedTool {
    pub(super) tool: Tool,
    pub(super) plugin: Plugin,
}

/// The tools of a plugin that the patterns expose.
pub(super) fn of_plugin(plugin: &Plugin, exposed: &[ToolPattern]) -> Vec<ExposedTool> {
    let manifest = plugin.manifest();
    let is_exposed = |action: &str| exposed.iter().any(|pattern| pattern.matches(&manifest.name, action));
    let actions = manifest.actions.iter().filter(|action| is_exposed(&action.name));
    let tools = actions.filter_map(|action| Tool::new(&manifest, action));
    tools.map(|tool| ExposedTool { tool, plugin: plugin.clone() }).collect()
}

/// A tool as the protocol's crate writes it.
pub(super) fn listed(tool: Tool) -> rmcp::model::Tool {
    let Tool { name, title, description, input_schema, output_schema, hints, .. } = tool;
    let mut listed = rmcp::model::Tool::new(name, description, Arc::new(input_schema));
    if let Some(title) = title {
        listed = listed.with_title(title);
    }
    if let Some(result) = output_schema {
        listed = listed.with_raw_output_schema(Arc::new(result));
    }
    if hints.is_empty() {
        return listed;
    }
    let ToolHints { read_only, destructive, idempotent, open_world, .. } = hints;
    listed.with_annotations(ToolAnnotations::from_raw(None, read_only, destructive, idempotent, open_world))
}

/// A result as the protocol's crate writes it.
pub(super) fn answered(result: ToolResult) -> CallToolResult {
    let content = result.content.into_iter().map(content).collect();
    let mut answered = if result.is_error { CallToolResult::error(content) } else { CallToolResult::success(content) };
    answered.structured_content = result.structured_content;
    answered
}

fn content(content: ToolContent) -> ContentBlock {
    match content {
        ToolContent::Text(text) => ContentBlock::text(text),
        ToolContent::Image { bytes, media_type } => ContentBlock::image(STANDARD.encode(bytes), media_type),
        ToolContent::Audio { bytes, media_type } => ContentBlock::audio(STANDARD.encode(bytes), media_type),
        ToolContent::Resource { bytes, media_type, uri } => {
            ContentBlock::resource(ResourceContents::blob(STANDARD.encode(bytes), uri).with_mime_type(media_type))
        }
    }
}
