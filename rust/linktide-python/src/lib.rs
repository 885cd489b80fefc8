//! `linktide._core`: a list of names. Arrow in, GIL released, Arrow out.

mod authority;
mod batch;
mod event;
mod explain;
mod index;
mod pgwire;
mod suffixes;
mod url;
mod url_tables;
mod wire;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    wire::register(module)?;
    event::register(module)?;
    batch::register(module)?;
    index::register(module)?;
    suffixes::register(module)?;
    url::register(module)?;
    authority::register(module)?;
    explain::register(module)?;
    pgwire::register(module)?;
    url_tables::register(module)?;
    Ok(())
}
