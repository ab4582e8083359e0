//! Delivery tools that ask: Flagger and Argo Rollouts with their real controllers on the real cluster, and the answers
//! by themselves.

mod answers;
mod argo;
mod flagger;
mod kill9;
mod place;
