//! A session for the page: the token once, a cookie afterwards.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};

use super::{Problem, read_body};
use crate::serve::guard::{self, COOKIE_NAME, FORM, JSON};
use crate::serve::login;
use crate::serve::router::App;

/// Most bytes of a body with a token; it is read before the client is authenticated.
const LOGIN_MAX_BYTES: usize = 4 * 1024;

/// The token, if it is not in the `Authorization` header.
#[derive(serde::Deserialize, utoipa::ToSchema)]
pub(in crate::serve) struct Login {
    /// The token.
    token: String,
}

/// Opens a session: sets an HttpOnly cookie that replaces the token until the program ends.
///
/// A form is redirected to the page, or gets the form again; other clients get an empty answer or
/// an error.
#[utoipa::path(post, path = "/api/v1/session", request_body = Login, responses(
    (status = 204, description = "the cookie is set"),
    (status = 303, description = "the cookie is set, the page is at `/`"),
    (status = 401, body = Problem),
    (status = 404, body = Problem),
))]
pub(in crate::serve) async fn session(State(app): State<Arc<App>>, request: Request) -> Response {
    if !app.guard.has_token() {
        return Problem::new(StatusCode::NOT_FOUND, "no token is set, so there is no session")
            .help("on loopback everything can be read without one")
            .into_response();
    }
    let kind = guard::content_type(request.headers());
    let bearer = request.headers().get(AUTHORIZATION).and_then(guard::bearer).map(str::to_owned);
    let body = match read_body(&app, request, LOGIN_MAX_BYTES).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let form = kind.as_deref() == Some(FORM);
    let given = bearer.or_else(|| match kind.as_deref() {
        Some(JSON) => serde_json::from_slice::<Login>(&body).ok().map(|login| login.token),
        Some(FORM) => form_urlencoded::parse(&body)
            .find(|(name, _)| name == "token")
            .map(|(_, token)| token.trim().to_owned()),
        _ => None,
    });
    if !given.is_some_and(|token| app.guard.is_token(&token)) {
        if form {
            return login::form(true);
        }
        return Problem::new(StatusCode::UNAUTHORIZED, "that is not the token")
            .help("send the token as a form field, JSON `{\"token\": ..}`, or a bearer token")
            .into_response();
    }
    let id = match app.guard.open_session() {
        Ok(id) => id,
        Err(error) => {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("cannot open a session: no random numbers: {error}"),
            )
            .into_response();
        }
    };
    let cookie = format!("{COOKIE_NAME}={id}; Path=/; HttpOnly; SameSite=Strict");
    if form {
        let to_page = [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())];
        return (StatusCode::SEE_OTHER, to_page).into_response();
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}
