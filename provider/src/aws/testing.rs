//! Accounts in an AWS fake.

use tests::fake::aws::FakeAws;
use tfplugin_sdk::Value;

use super::Aws;
use super::settings::ENDPOINTS;

/// The access key of [`config`].
pub(crate) const ACCESS_KEY: &str = "AKIATESTS";

/// Returns a provider configuration for the fake, with additional attributes.
pub(crate) fn config<const N: usize>(fake: &FakeAws, more: [(&str, Value); N]) -> Value {
    let url = Value::from(fake.url());
    let endpoints = Value::object(ENDPOINTS.map(|service| (service, url.clone())));
    let mut config = Value::object([
        ("region", "eu-west-1".into()),
        ("access_key", ACCESS_KEY.into()),
        ("secret_key", "secret".into()),
        ("endpoints", Value::List(vec![endpoints])),
    ]);
    for (name, value) in more {
        config.set(name, value);
    }
    config
}

/// Returns the account of such a configuration.
pub(crate) fn aws<const N: usize>(fake: &FakeAws, more: [(&str, Value); N]) -> Aws {
    Aws::new(&config(fake, more)).expect("nothing is asked yet")
}
