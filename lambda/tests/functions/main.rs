//! The functions as Lambda runs them: the real binaries, which take their events from a runtime
//! API and reach AWS and a registry at the loopback. Only AWS's own servers are fakes.

mod completion;
mod expiry;
mod failures;
mod filter;
mod function;
mod generator;
mod kills;
mod logs;
mod options;
mod orphans;
mod races;
mod removal;
mod reuse;
mod scenario;
mod start;
mod sweep;
mod tags;
