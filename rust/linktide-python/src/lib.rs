//! `linktide._core`: a list of names. Arrow in, GIL released, Arrow out.

use pyo3::prelude::*;

#[pymodule]
fn _core(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
