//! An application's own interface: `acme:warehouse/stock`, which `guests/wit` declares.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plugbay::Runtime;
use plugbay::extension::{Access, Extension, PermissionAction};
use plugbay::wasmtime::component::{HasSelf, Resource, ResourceTable};
use plugbay::wasmtime::{Error, Result as Trappable};
use tokio::sync::OnceCell;

mod wit {
    plugbay::wasmtime::component::bindgen!({
        path: "guests/wit",
        imports: {
            "acme:warehouse/stock.misbehave": async | trappable,
            "acme:warehouse/stock.[constructor]basket": async | trappable,
            "acme:warehouse/stock.[method]basket.add": async | trappable,
            default: async,
        },
        with: { "acme:warehouse/stock.basket": super::Basket },
        wasmtime_crate: plugbay::wasmtime,
    });
}
use wit::acme::warehouse::stock;

/// The interface as a plugin imports it.
pub(crate) const INTERFACE: &str = "acme:warehouse/stock@1.2.0";

/// What the application knows. Clones are the same warehouse.
#[derive(Clone, Default)]
pub(crate) struct Warehouse {
    /// The runtime, for calls back into plugins.
    pub(crate) runtime: Arc<OnceCell<Runtime>>,
    /// Functions that run at this moment and never end by themselves.
    pub(crate) hanging: Arc<AtomicU32>,
    /// States that were made and not dropped.
    pub(crate) states: Arc<AtomicU32>,
    /// Plugins for which something that their instances share was made and not dropped.
    pub(crate) plugins: Arc<AtomicU32>,
}

/// One that counts itself while it lives.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The warehouse as one instance of a plugin sees it.
pub(crate) struct Stock {
    access: Access,
    warehouse: Warehouse,
    /// Reserved by this instance.
    reserved: u32,
    shared: Arc<Shared>,
    baskets: ResourceTable,
    /// Whether its drop panics.
    is_fragile: bool,
    _counted: Counted,
}

/// What the instances of one plugin share.
struct Shared {
    reserved: AtomicU32,
    _counted: Counted,
}

/// What is in a basket.
pub struct Basket(Vec<String>);

impl Warehouse {
    /// The extension for a runtime.
    pub(crate) fn extension(&self) -> Extension<Stock> {
        let warehouse = self.clone();
        let stock = Extension::per_plugin("ext.stock.*", PermissionAction::Read, move |_| {
            let shared = Shared { reserved: AtomicU32::new(0), _counted: Counted::new(&warehouse.plugins) };
            let (warehouse, shared) = (warehouse.clone(), Arc::new(shared));
            move |access| Stock {
                access,
                reserved: 0,
                shared: shared.clone(),
                baskets: ResourceTable::new(),
                is_fragile: false,
                _counted: Counted::new(&warehouse.states),
                warehouse: warehouse.clone(),
            }
        });
        stock.interface(INTERFACE, stock::add_to_linker::<_, HasSelf<Stock>>)
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        assert!(!self.is_fragile, "a state breaks while it is dropped");
    }
}

impl Stock {
    async fn may(&mut self, item: &str, action: PermissionAction) -> Result<(), String> {
        self.access.check(&format!("ext.stock.{item}"), action).await.map_err(|denial| denial.to_string())
    }
}

const LEFT: [(&str, u32); 2] = [("apple", 12), ("pear", 3)];

impl stock::Host for Stock {
    async fn left(&mut self, item: String) -> Result<u32, String> {
        self.may(&item, PermissionAction::Read).await?;
        let left = LEFT.iter().find(|(name, _)| *name == item);
        left.map(|(_, left)| *left).ok_or_else(|| format!("there is no `{item}`"))
    }

    async fn reserve(&mut self, item: String, pieces: u32) -> Result<(u32, u32), String> {
        self.may(&item, PermissionAction::Write).await?;
        self.reserved += pieces;
        Ok((self.reserved, self.shared.reserved.fetch_add(pieces, Ordering::SeqCst) + pieces))
    }

    async fn items(&mut self) -> Vec<String> {
        let sees = |item: &&str| self.access.holds(&format!("ext.stock.{item}"), PermissionAction::Read);
        LEFT.iter().map(|(name, _)| *name).filter(sees).map(str::to_owned).collect()
    }

    async fn caller(&mut self) -> (String, String) {
        (self.access.plugin().to_owned(), self.access.request_id())
    }

    async fn weigh(&mut self, parcel: Vec<u8>) -> Result<u32, String> {
        self.may("scales", PermissionAction::Execute).await?;
        self.access.count_bytes(parcel.len()).await;
        Ok(parcel.len() as u32)
    }

    async fn ping_back(&mut self) -> Result<String, String> {
        let plugin = self.warehouse.runtime.get().and_then(|runtime| runtime.plugin(self.access.plugin()));
        let plugin = plugin.ok_or("it is not loaded")?;
        let answer = plugin.invoke(self.access.invocation("ping")).await;
        answer.map(plugbay::Outcome::into_json).map_err(|error| error.code().to_owned())
    }

    #[expect(clippy::panic, reason = "panics are what is tested")]
    async fn misbehave(&mut self, how: String) -> Trappable<u32> {
        match how.as_str() {
            "panic" => panic!("hunter2, at once"),
            "panic later" => {
                tokio::task::yield_now().await;
                panic!("hunter2, later")
            }
            "break on drop" => self.is_fragile = true,
            "fail" => return Err(Error::msg("the shelf is broken")),
            "hang" => {
                let _hanging = Counted::new(&self.warehouse.hanging);
                pending::<()>().await;
            }
            "late" => while self.access.time_left() != Some(Duration::ZERO) {},
            other => return Err(Error::msg(format!("it cannot {other}"))),
        }
        Ok(0)
    }
}

impl stock::HostBasket for Stock {
    async fn new(&mut self) -> Trappable<Resource<Basket>> {
        Ok(self.baskets.push(Basket(Vec::new()))?)
    }

    async fn add(&mut self, basket: Resource<Basket>, item: String) -> Trappable<u32> {
        let basket = self.baskets.get_mut(&basket)?;
        basket.0.push(item);
        Ok(basket.0.len() as u32)
    }

    async fn drop(&mut self, basket: Resource<Basket>) -> Trappable<()> {
        self.baskets.delete(basket)?;
        Ok(())
    }
}
