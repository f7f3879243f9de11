use super::*;

fn site() -> (tempfile::TempDir, Rig) {
    let dir = tempfile::tempdir().unwrap();
    let web = dir.path().join("web");
    std::fs::create_dir_all(web.join("assets/deep")).unwrap();
    std::fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(web.join(".hidden"), "secret").unwrap();
    std::fs::write(web.join("index.html"), "<!doctype html>page").unwrap();
    std::fs::write(web.join("favicon.svg"), "<svg/>").unwrap();
    std::fs::write(web.join("assets/index-Bx3_9.js"), "export {}").unwrap();
    std::fs::write(web.join("assets/deep/a.css"), "a {}").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path().join("secret.txt"), web.join("link.txt")).unwrap();
    let options = ServeOptions { web_dir: Some(web), ..ServeOptions::default() };
    (dir, Rig::new(tick(1, &[]), options))
}

#[test]
fn files_from_a_directory() {
    let (_dir, rig) = site();
    let index = rig.get("/");
    assert_eq!((index.status, index.text()), (200, "<!doctype html>page"));
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(index.header("cache-control"), Some("no-cache"));
    let script = rig.get("/assets/index-Bx3_9.js");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), Some("max-age=31536000, immutable"));
    assert_eq!(rig.get("/assets/deep/a.css").text(), "a {}");
    assert_eq!(rig.get("/favicon.svg").header("cache-control"), Some("no-cache"));
    let head = request(rig.addr(), "HEAD", "/favicon.svg", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn unchanged_files_are_not_sent_again() {
    let (dir, rig) = site();
    let etag = rig.get("/").header("etag").unwrap().to_owned();
    let ask = |etag: &str| request(rig.addr(), "GET", "/", &[("if-none-match", etag)], b"");
    let same = ask(&etag);
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(ask(&format!("\"x\", W/{etag}")).status, 304);
    std::fs::write(dir.path().join("web/index.html"), "<!doctype html>newer").unwrap();
    let changed = ask(&etag);
    assert_eq!((changed.status, changed.text()), (200, "<!doctype html>newer"));
}

#[test]
fn nothing_outside_the_directory_is_served() {
    let (_dir, rig) = site();
    for target in [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..\\secret.txt",
        "//etc/passwd",
        "/.hidden",
        "/link.txt",
        "/assets",
        "/assets/",
        "/assets//deep/a.css",
        "/./index.html",
        "/index.html%00",
    ] {
        let reply = rig.get(target);
        assert!(matches!(reply.status, 400 | 404), "{target} {reply:?}");
        assert!(!reply.text().contains("secret"), "{target}");
    }
}

#[test]
fn a_directory_that_is_none_is_said() {
    let (_published, receiver) = watch::channel(Arc::new(tick(1, &[])));
    let live: Arc<dyn LiveQuery> = Arc::new(FakeLive::default());
    let feed = Feed { published: receiver, live, tutorial: Tutorial::Own };
    let options = ServeOptions { web_dir: Some("/no/such/place".into()), ..Default::default() };
    let error = start(Listen::Loopback(0), feed, options).unwrap_err().to_string();
    assert!(error.starts_with("cannot serve the page from `/no/such/place`"), "{error}");
}

#[cfg(not(feature = "page"))]
#[test]
fn a_build_without_a_page_says_so() {
    let rig = Rig::new(tick(1, &[]), ServeOptions::default());
    let reply = rig.get("/");
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(reply.status == 200 && reply.text().contains("This build has no page"));
}

#[cfg(feature = "page")]
#[test]
fn the_page_is_in_the_program() {
    let rig = Rig::new(tick(1, &[]), ServeOptions::default());
    let reply = rig.get("/");
    assert!(reply.status == 200 && reply.text().contains("<script"), "{reply:?}");
}
