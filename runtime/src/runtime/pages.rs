//! Pages of plugins, for an application that renders them itself.

use super::Runtime;
use crate::page::{
    ActionResult, FoundPage, LoaderResult, NavigationItem, OpenedPage, PageCall, PageError, PageRoute, PluginPages,
};
use crate::trigger::page;

impl Runtime {
    /// Returns the pages of all loaded plugins that have any, by the plugins' names.
    #[doc(alias = "getAllFrontendRoutes")]
    #[doc(alias = "frontend_routes")]
    pub fn pages(&self) -> Vec<PluginPages> {
        let plugins = self.0.plugins.all();
        let of_plugin = plugins.iter().filter_map(|plugin| {
            let revision = plugin.borrow();
            let table = revision.pages.as_ref()?;
            let route =
                |page: &plugbay_manifest::page::Page| PageRoute { path: page.path.clone(), meta: page.meta.clone() };
            Some(PluginPages {
                plugin: revision.name().to_owned(),
                title: revision.manifest.title.clone().unwrap_or_else(|| revision.name().to_owned()),
                pages: table.frontend.pages.iter().map(route).collect(),
            })
        });
        of_plugin.collect()
    }

    /// Returns whether a plugin is loaded and has pages.
    #[doc(alias = "hasFrontendRoutes")]
    #[doc(alias = "has_frontend_routes")]
    pub fn has_pages(&self, plugin: &str) -> bool {
        self.0.plugins.get(plugin).is_some_and(|plugin| plugin.borrow().pages.is_some())
    }

    /// Returns the entries of the navigation: the pages of all plugins that show there, in their order. Those of the
    /// same order are sorted by plugin and path. A path with parameters has no entry, because it needs their values.
    #[doc(alias = "getFrontendNavigationItems")]
    #[doc(alias = "frontend_navigation_items")]
    pub fn navigation(&self) -> Vec<NavigationItem> {
        let mut items = Vec::new();
        for PluginPages { plugin, title, pages } in self.pages() {
            for PageRoute { path, meta } in pages.into_iter().filter(|page| page.meta.show_in_nav) {
                if path.contains('{') {
                    continue;
                }
                items.push(NavigationItem {
                    path: format!("/p/{plugin}{path}"),
                    plugin_id: plugin.clone(),
                    plugin_name: title.clone(),
                    title: meta.title.unwrap_or_else(|| title.clone()),
                    icon: meta.icon,
                    order: meta.nav_order,
                });
            }
        }
        items.sort_by(|a, b| (a.order, &a.plugin_id, &a.path).cmp(&(b.order, &b.plugin_id, &b.path)));
        items
    }

    /// Finds the page of a plugin that a path leads to, with the values of its parameters. No code of the plugin runs.
    ///
    /// # Errors
    /// [`PageError`] if no such plugin serves, or it has no such page.
    #[doc(alias = "getFrontendRoute")]
    #[doc(alias = "getFrontendTemplate")]
    #[doc(alias = "frontend_route")]
    #[doc(alias = "frontend_template")]
    pub fn page(&self, plugin: &str, path: &str) -> Result<FoundPage, PageError> {
        page::find(&*self.serving(plugin)?, path)
    }

    /// Opens a page: runs its loaders, several at once, and returns the document that a renderer shows. A loader that
    /// fails is a part of the document, not an error.
    ///
    /// ```no_run
    /// # async fn show(runtime: plugbay::Runtime) -> Result<(), Box<dyn std::error::Error>> {
    /// let page = runtime.open_page("shop", plugbay::page::PageCall::new("/items/7")).await?;
    /// println!("{}", serde_json::to_string(&page)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PageError`] if no such plugin serves, or it has no such page.
    pub async fn open_page(&self, plugin: &str, call: PageCall) -> Result<OpenedPage, PageError> {
        page::open(&self.serving(plugin)?, &call).await
    }

    /// Runs loaders of a page: those with these ids, in the order of the page, or all.
    ///
    /// # Errors
    /// [`PageError`] if no such plugin serves, it has no such page, or that has no such loader.
    pub async fn run_loaders(
        &self,
        plugin: &str,
        call: PageCall,
        ids: Option<&[String]>,
    ) -> Result<Vec<LoaderResult>, PageError> {
        page::run_loaders(&self.serving(plugin)?, &call, ids).await
    }

    /// Runs an action of a page. An action with the type `api` calls its route; the result of another one is the
    /// parameters with which the renderer runs it.
    ///
    /// # Errors
    /// [`PageError`] if no such plugin serves, it has no such page, or that has no such action. A route that fails is
    /// a result.
    pub async fn run_page_action(&self, plugin: &str, action: &str, call: PageCall) -> Result<ActionResult, PageError> {
        page::run_action(&self.serving(plugin)?, &call, action, &*self.0.clock).await
    }

    fn serving(&self, plugin: &str) -> Result<std::sync::Arc<crate::plugin::current::CurrentRevision>, PageError> {
        self.0.plugins.get(plugin).ok_or_else(|| PageError::UnknownPlugin { plugin: plugin.to_owned() })
    }
}
