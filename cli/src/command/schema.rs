//! `plugbay schema`: prints the JSON Schemas of manifests, host files and test files.

use plugbay::manifest;

use crate::args::{Schema, SchemaOf};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn run(args: &Schema, output: Output) -> Result<Exit, Error> {
    let schema = match args.of {
        SchemaOf::Manifest => manifest::json_schema(),
        SchemaOf::Host => manifest::host_json_schema(),
        SchemaOf::Test => manifest::test_json_schema(),
    };
    output.document(&schema)?;
    Ok(Exit::Ok)
}
