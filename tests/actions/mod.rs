//! Actions: payloads and answers, failures, admission, order and usage, also of plain WASI programs and components.

mod admission;
mod answer;
mod component;
mod legacy;
mod order;
mod retry;
mod sdk;
mod validation;
