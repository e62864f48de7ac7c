use super::*;

fn parse(text: &str) -> LoginFile {
    LoginFile::parse(text.as_bytes(), "config.json").expect("a valid file")
}

fn image(text: &str) -> ImageReference {
    text.parse().expect("a reference")
}

fn found(file: &str, name: &str) -> Option<Credentials> {
    let entry = parse(file).entry(&image(name)).expect("a valid entry");
    entry.map(Entry::credentials)
}

fn basic(username: &str, password: &str) -> Option<Credentials> {
    Some(Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

/// Returns an `auths` entry for `user` with this password.
fn entry(key: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("user:{password}"));
    format!(r#""{key}": {{"auth": "{auth}"}}"#)
}

fn auths(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(k, p)| entry(k, p)).collect();
    format!(r#"{{"auths": {{{}}}}}"#, entries.join(", "))
}

#[test]
fn files_without_log_ins() {
    for empty in [
        "",
        " \n",
        "null",
        "{}",
        r#"{"auths": null, "credHelpers": null, "credsStore": ""}"#,
        r#"{"auths": {"r.test": {"auth": ""}}}"#,
        r#"{"auths": {"r.test": {}, "s.test": null}}"#,
        r#"{"auths": {"r.test": {"email": "a@b.test"}}, "HttpHeaders": {"a": "b"}}"#,
    ] {
        assert_eq!(found(empty, "r.test/web:1"), None, "{empty}");
        let file = parse(empty);
        assert_eq!(
            (file.helper(&image("r.test/web")), file.store()),
            (None, None)
        );
    }
}

#[test]
fn mistakes_are_reported_without_secrets() {
    let text = r#"{"auths": {"r.test": {"auth": ["c2VjcmV0"]}}}"#;
    let error = LoginFile::parse(text.as_bytes(), "config.json")
        .err()
        .expect("an error");
    let text = error.to_string();
    assert!(text.starts_with("config.json: line 1, column 3"), "{text}");
    assert!(!text.contains("c2Vj"), "{text}");
    for auth in ["no base64!", "bm9jb2xvbg=="] {
        let file = parse(&format!(
            r#"{{"auths": {{"r.test": {{"auth": "{auth}"}}}}}}"#
        ));
        let error = file.entry(&image("r.test/web")).err().expect("an error");
        let want = "config.json: the auth of \"r.test\" is not user:password in base64";
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn passwords_are_those_that_were_given() {
    for (password, want) in [("p", "p"), ("a:b", "a:b"), ("p\0\0", "p"), ("", "")] {
        let file = auths(&[("r.test", password)]);
        assert_eq!(
            found(&file, "r.test/web:1"),
            basic("user", want),
            "{password:?}"
        );
    }
    // Without padding, and with user and password in separate fields too.
    let unpadded = r#"{"auths": {"r.test": {"auth": "dXNlcjpwYQ"}}}"#;
    assert_eq!(found(unpadded, "r.test/web"), basic("user", "pa"));
    let apart = r#"{"auths": {"r.test": {"username": "user", "password": "p"}}}"#;
    assert_eq!(found(apart, "r.test/web"), basic("user", "p"));
}

#[test]
fn tokens() {
    // What `az acr login` writes.
    let nobody = STANDARD.encode("00000000-0000-0000-0000-000000000000:");
    let file =
        format!(r#"{{"auths": {{"r.test": {{"auth": "{nobody}", "identitytoken": "i"}}}}}}"#);
    let token = Credentials::IdentityToken("i".to_owned());
    assert_eq!(found(&file, "r.test/web"), Some(token));
    let file = r#"{"auths": {"r.test": {"registrytoken": "t"}}}"#;
    let token = Credentials::AccessToken("t".to_owned());
    assert_eq!(found(file, "r.test/web"), Some(token));
}

#[test]
fn the_longest_key_wins() {
    let file = auths(&[
        ("r.test", "host"),
        ("r.test/shop", "shop"),
        ("r.test/shop/web", "web"),
        ("s.test/shop", "other"),
    ]);
    for (name, want) in [
        ("r.test/shop/web:1", Some("web")),
        ("r.test/shop/web/sub:1", Some("web")),
        ("r.test/shop/webs:1", Some("shop")),
        ("r.test/shopping:1", Some("host")),
        ("r.test:5000/shop/web:1", None),
        ("s.test/shop/web:1", Some("other")),
        ("s.test/web:1", None),
        ("x.r.test/shop/web:1", None),
    ] {
        let want = want.and_then(|password| basic("user", password));
        assert_eq!(found(&file, name), want, "{name}");
    }
    // An entry without a secret does not hide the one above it.
    let file = format!(
        r#"{{"auths": {{{}, "r.test/shop": {{}}}}}}"#,
        entry("r.test", "host")
    );
    assert_eq!(found(&file, "r.test/shop/web"), basic("user", "host"));
}

#[test]
fn keys_that_are_urls() {
    for key in [
        "https://r.test",
        "http://r.test/v2/",
        "https://r.test/v1/",
        "r.test/",
        "R.test",
    ] {
        let file = auths(&[(key, "p")]);
        assert_eq!(found(&file, "r.test/web"), basic("user", "p"), "{key}");
    }
    for key in [
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
    ] {
        let file = auths(&[(key, "p")]);
        assert_eq!(found(&file, "debian:12"), basic("user", "p"), "{key}");
        assert_eq!(found(&file, "r.test/web"), None, "{key}");
    }
    let file = auths(&[
        ("docker.io", "other"),
        ("https://index.docker.io/v1/", "docker's"),
    ]);
    assert_eq!(found(&file, "debian"), basic("user", "docker's"));
    let file = auths(&[("docker.io/library", "path"), ("docker.io", "host")]);
    assert_eq!(found(&file, "debian"), basic("user", "path"));
}

#[test]
fn helpers_of_registries_come_before_the_store() {
    let file = parse(
        r#"{"credsStore": "desktop", "credHelpers": {"r.test": "pass", "https://index.docker.io/v1/": "hub"}}"#,
    );
    let helper = |name: &str| file.helper(&image(name));
    assert_eq!(
        helper("r.test/web").as_deref(),
        Some("docker-credential-pass")
    );
    assert_eq!(helper("debian").as_deref(), Some("docker-credential-hub"));
    assert_eq!(helper("s.test/web"), None);
    assert_eq!(file.store().as_deref(), Some("docker-credential-desktop"));
}
