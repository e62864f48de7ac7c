//! The pipeline of a call: find the type, decode the values, run provider code,
//! collect its effects, encode the result.
//!
//! Each family of RPCs starts with a [`Call`], specifies how to decode its
//! request and which provider method to run, and builds its response from the
//! resulting [`Done`]. Any failure along the way is a diagnostic in it; a
//! response is never lost.

use std::sync::Arc;

use super::Server;
use super::catalog::Entry;
use super::codec;
use crate::context::{Context, Effects};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::types::Type;
use crate::value::Value;

/// A call of a provider, resource, data source or similar item of type `T`.
pub(super) struct Call<'s, P: Provider, T: ?Sized> {
    pub(super) server: &'s Server<P>,
    pub(super) rpc: &'static str,
    /// Empty for the provider itself.
    pub(super) type_name: &'s str,
    pub(super) entry: Result<&'s Arc<Entry<T>>, Diagnostics>,
}

impl<P: Provider, T: ?Sized + Send + Sync + 'static> Call<'_, P, T> {
    /// Runs provider code with the data of the configured provider.
    pub(super) async fn run<I, O, W>(
        self,
        private: &[u8],
        decode: impl FnOnce(&Entry<T>) -> Result<I, Diagnostics>,
        work: impl FnOnce(Arc<Entry<T>>, Context<P::Data>, I) -> W,
    ) -> Done<T, O>
    where
        O: Send + 'static,
        W: Future<Output = Result<O, Diagnostics>> + Send + 'static,
    {
        let data = self.server.data();
        self.run_with(data, private, decode, work).await
    }

    /// Runs provider code that does not need a configured provider.
    pub(super) async fn run_unconfigured<I, O, W>(
        self,
        decode: impl FnOnce(&Entry<T>) -> Result<I, Diagnostics>,
        work: impl FnOnce(Arc<Entry<T>>, Context<()>, I) -> W,
    ) -> Done<T, O>
    where
        O: Send + 'static,
        W: Future<Output = Result<O, Diagnostics>> + Send + 'static,
    {
        self.run_with(Ok(Arc::new(())), &[], decode, work).await
    }

    /// Checks a configuration against the schema, then with `check`.
    pub(super) async fn validate(
        self,
        config: Option<&proto::DynamicValue>,
        check: impl FnOnce(&T, &Value) -> Diagnostics + Send + 'static,
    ) -> Vec<proto::Diagnostic> {
        let decode = |entry: &Entry<T>| entry.decode(config);
        let mut done = self
            .run_unconfigured(decode, |entry, _, config| async move {
                let mut found = entry.schema.validate(&config);
                found.extend(check(&entry.item, &config));
                Ok(found)
            })
            .await;
        if let Some(found) = done.result.take() {
            done.found.extend(found);
        }
        done.into_diagnostics()
    }

    async fn run_with<X, I, O, W>(
        self,
        data: Result<Arc<X>, Diagnostics>,
        private: &[u8],
        decode: impl FnOnce(&Entry<T>) -> Result<I, Diagnostics>,
        work: impl FnOnce(Arc<Entry<T>>, Context<X>, I) -> W,
    ) -> Done<T, O>
    where
        O: Send + 'static,
        W: Future<Output = Result<O, Diagnostics>> + Send + 'static,
    {
        let mut done = Done {
            entry: None,
            found: Diagnostics::new(),
            result: None,
            effects: None,
        };
        let ready = self.entry.and_then(|entry| {
            done.entry = Some(Arc::clone(entry));
            Ok((entry, decode(entry)?, data?))
        });
        let (entry, input, data) = match ready {
            Ok(ready) => ready,
            Err(found) => {
                done.found = found;
                return done;
            }
        };
        let token = self.server.token();
        let cx = Context::new(data, token.clone(), private.to_vec());
        let effects = cx.effects();
        let work = work(Arc::clone(entry), cx, input);
        let outcome = self.server.run(self.rpc, self.type_name, token, work).await;

        let mut effects = effects.take();
        done.found = std::mem::take(&mut effects.warnings);
        done.effects = Some(effects);
        match outcome.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(result) => done.result = Some(result),
            Err(found) => done.found.extend(found),
        }
        done
    }
}

/// A call that has ended, successfully or not.
pub(super) struct Done<T: ?Sized, O> {
    entry: Option<Arc<Entry<T>>>,
    /// Warnings, then errors.
    pub(super) found: Diagnostics,
    /// The result of provider code; `None` if it failed, panicked, or did not run.
    pub(super) result: Option<O>,
    /// `None` if provider code did not run.
    pub(super) effects: Option<Effects>,
}

impl<T: ?Sized, O> Done<T, O> {
    /// Returns the private state that the call set, or else `before`.
    pub(super) fn private(&self, before: Vec<u8>) -> Vec<u8> {
        let effects = self.effects.as_ref();
        effects.map_or(before, |effects| effects.private.clone())
    }

    /// Encodes a value of the type's schema. A value that does not fit is
    /// reported as a bug in the provider, and yields `None`.
    pub(super) fn encode(&mut self, value: Value) -> Option<proto::DynamicValue> {
        let entry = self.entry.as_ref()?;
        match codec::encode(&entry.schema, value) {
            Ok(value) => Some(value),
            Err(bug) => {
                self.found.push(bug);
                None
            }
        }
    }

    /// Encodes a new state, which must contain no unknown values, and its
    /// identity.
    ///
    /// Unknown values in a successful result are a bug in the provider. Along
    /// with an error, they mark what the call did not reach.
    pub(super) fn encode_state(
        &mut self,
        mut state: Value,
    ) -> (
        Option<proto::DynamicValue>,
        Option<proto::ResourceIdentityData>,
    ) {
        if !state.is_wholly_known() {
            if !self.found.has_errors() {
                let unknown = state.unknown_paths().into_iter();
                self.found.extend(unknown.map(|path| {
                    let detail = format!("The value of {path} is still unknown in the new state.");
                    Diagnostic::bug(detail).at(path)
                }));
            }
            state = state.unknown_as_null();
        }
        let entry = self.entry.as_ref();
        let identity = entry.and_then(|entry| entry.schema.identity_of(&state));
        (self.encode(state), identity)
    }

    /// Reports a resource without an identity, which is a bug in the provider.
    pub(super) fn expect_identity(&mut self, identity: Option<&proto::ResourceIdentityData>) {
        if identity.is_none() {
            let detail = "A resource was listed without its identity.";
            self.found.push(Diagnostic::bug(detail));
        }
    }

    /// Converts the diagnostics to their wire format.
    pub(super) fn into_diagnostics(self) -> Vec<proto::Diagnostic> {
        let ty = self.entry.as_ref().map(|entry| &entry.ty);
        codec::diagnostics(self.found, ty.unwrap_or(&Type::Dynamic))
    }
}
