//! Whole backtests of a few records, made by hand.

mod cached;
mod corpus;
mod differ;
mod made;
mod respond;
mod same;
