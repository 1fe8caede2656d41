//! Whole backtests of a few records, made by hand.

mod differ;
mod made;
mod respond;
mod same;
