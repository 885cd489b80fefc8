//! Independent answers: dense elimination for small graphs, plain iteration for larger ones.

use crate::authority::AuthorityVector;
use crate::graph::LinkGraph;

/// P as rows of (target, share), from the graph's own list of links.
fn shares(graph: &LinkGraph, node: u32) -> Vec<(usize, f64)> {
    let out: Vec<_> = graph.out(node).collect();
    let total: f64 = out.iter().map(|(_, weight)| weight).sum();
    out.into_iter().map(|(target, weight)| (target as usize, weight / total)).collect()
}

/// y of (I − αPᵀ) y = right, by Gaussian elimination with pivots.
pub(super) fn dense(graph: &LinkGraph, alpha: f64, right: &[f64]) -> Vec<f64> {
    let n = right.len();
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|v| (0..=n).map(|u| f64::from(u8::from(u == v))).collect()).collect();
    for (u, value) in right.iter().enumerate() {
        rows[u][n] = *value;
        for (v, share) in shares(graph, u as u32) {
            rows[v][u] -= alpha * share;
        }
    }
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs())).unwrap();
        rows.swap(column, pivot);
        let top = rows[column].clone();
        for (at, row) in rows.iter_mut().enumerate() {
            if at != column && row[column] != 0.0 {
                let factor = row[column] / top[column];
                row.iter_mut().zip(&top).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
        }
    }
    (0..n).map(|v| rows[v][n] / rows[v][v]).collect()
}

/// The same by Jacobi iteration to 1e-13, for graphs too large for elimination.
pub(super) fn iterated(graph: &LinkGraph, alpha: f64, right: &[f64]) -> Vec<f64> {
    let rows: Vec<_> = (0..right.len()).map(|node| shares(graph, node as u32)).collect();
    let mut y = right.to_vec();
    loop {
        let mut next = right.to_vec();
        for (row, y) in rows.iter().zip(&y) {
            for (target, share) in row {
                next[*target] += alpha * share * y;
            }
        }
        let change = y.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        y = next;
        if change < 1e-13 * y.iter().copied().fold(1.0, f64::max) {
            return y;
        }
    }
}

pub(super) fn priors(vector: &AuthorityVector) -> Vec<f64> {
    (0..vector.node_count() as u32).map(|node| vector.prior(node)).collect()
}
