use super::*;

fn configured(blocks: Vec<Value>) -> Value {
    Value::object([(NAME, Value::List(blocks))])
}

fn entry(address: impl Into<Value>, more: &[(&str, Value)]) -> Value {
    let mut block = Value::object([("address", address.into())]);
    for (name, value) in more {
        block.set(*name, value.clone());
    }
    block
}

fn login(password: impl Into<Value>) -> [(&'static str, Value); 2] {
    [("username", "user".into()), ("password", password.into())]
}

#[test]
fn addresses() {
    for good in [
        "registry.example.com",
        "localhost",
        "localhost:5000",
        "docker.io",
        "10.0.0.1:80",
    ] {
        assert_eq!(check_address(good), Ok(()), "{good}");
    }
    for (bad, want) in [
        ("https://r.test/v2/", "Write \"r.test\""),
        ("https://user:secret@r.test", "Write \"r.test\""),
        ("https://index.docker.io/v1/", "Write \"docker.io\""),
        ("index.docker.io", "Write \"docker.io\""),
        ("user:secret@r.test", "Use username"),
        ("r.test/shop", "Write \"r.test\""),
        ("R.test", "\"r.test\""),
        ("registry", "neither dot nor port"),
        ("", "Want a host"),
        ("r.test:port", "Want a host"),
        ("r.test ", "Want a host"),
    ] {
        let detail = check_address(bad).expect_err(bad).detail;
        assert!(detail.contains(want), "{bad}: {detail}");
        assert!(!detail.contains("secret"), "{detail}");
    }
}

#[test]
fn blocks_are_whole_and_different() {
    let r = "r.test";
    let file = ("config_file", Value::from("f"));
    let none: &[&str] = &[];
    for (blocks, want) in [
        (vec![entry(r, &login("p"))], none),
        (vec![entry(r, std::slice::from_ref(&file))], none),
        (vec![entry(r, &login(Value::Unknown))], none),
        (
            vec![
                entry(Value::Unknown, &login("p")),
                entry(Value::Unknown, &login("p")),
            ],
            none,
        ),
        (vec![Value::Unknown], none),
        (vec![entry(r, &[])], &["registry_auth[0].address"]),
        (
            vec![entry(r, &login("p")[..1])],
            &["registry_auth[0].username"],
        ),
        (
            vec![entry(r, &login("p")[1..])],
            &["registry_auth[0].password"],
        ),
        (
            vec![entry(r, &[file.clone(), login("p")[0].clone()])],
            &["registry_auth[0].config_file"],
        ),
        (
            vec![
                entry(r, &login("p")),
                entry("s.test", &login("p")),
                entry(r, &login("q")),
            ],
            &["registry_auth[2].address"],
        ),
    ] {
        let found = validate(&configured(blocks));
        let paths: Vec<_> = found.iter().map(|d| d.path.to_string()).collect();
        assert_eq!(paths, want);
    }
    assert!(validate(&Value::object([(NAME, Value::Unknown)])).is_empty());
}

/// Returns the credentials in the block for the registry of an image.
async fn found(entries: &Entries, image: &str) -> Result<Option<Credentials>, Diagnostic> {
    let image = image.parse().expect(image);
    Ok(match entries.find(&image).await? {
        Some(chain) => chain.first(&image).await.0,
        None => None,
    })
}

#[tokio::test]
async fn only_the_registry_of_the_block_gets_its_credentials() {
    let entries = Entries::read(&configured(vec![
        entry("r.test", &login("p")),
        entry("later.test", &login(Value::Unknown)),
        entry(Value::Unknown, &login("p")),
    ]));
    let find = async |image: &str| found(&entries, image).await;
    let want = Credentials::Basic {
        username: "user".to_owned(),
        password: "p".to_owned(),
    };
    assert_eq!(find("r.test/a:1").await, Ok(Some(want)));
    for other in [
        "r.test:443/a:1",
        "x.r.test/a:1",
        "r.test.evil.test/a:1",
        "debian",
    ] {
        assert_eq!(find(other).await, Ok(None), "{other}");
    }
    let unknown = find("later.test/a:1").await.expect_err("not known");
    assert_eq!(unknown.summary, "Registry credentials not known yet");
}

#[tokio::test]
async fn a_file_has_to_have_the_registry() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("config.json");
    // "user:p"
    let text = r#"{"auths":{"r.test":{"auth":"dXNlcjpw"}}}"#;
    std::fs::write(&file, text).expect("written");
    let path =
        |file: &std::path::Path| [("config_file", Value::from(file.to_string_lossy().as_ref()))];
    let entries = Entries::read(&configured(vec![
        entry("r.test", &path(&file)),
        entry("s.test", &path(&file)),
        entry("t.test", &path(&directory.path().join("absent"))),
    ]));
    let find = async |image: &str| found(&entries, image).await;
    assert!(matches!(
        find("r.test/a:1").await,
        Ok(Some(Credentials::Basic { .. }))
    ));
    let none = find("s.test/a:1").await.expect_err("none").detail;
    assert!(none.contains("has none for s.test"), "{none}");
    let absent = find("t.test/a:1").await.expect_err("no file").detail;
    assert!(absent.contains("t.test"), "{absent}");
}
