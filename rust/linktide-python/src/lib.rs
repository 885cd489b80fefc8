//! `linktide._core`: a list of names. Arrow in, GIL released, Arrow out.

mod url;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    url::register(module)?;
    Ok(())
}
