//! `linktide._core`: a list of names. Arrow in, GIL released, Arrow out.

mod batch;
mod index;
mod wire;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    wire::register(module)?;
    batch::register(module)?;
    index::register(module)?;
    Ok(())
}
