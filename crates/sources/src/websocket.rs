//! From a request to an open WebSocket.

use reqwest::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{RequestBuilder, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::web::{ANSWER_MAX, Refusal, Web, why};
use tagtide_posts::clock::Clock;

/// An open connection.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// Opens the stream that `request` asks for, for frames of up to `frame_max_bytes`.
pub(super) async fn open(
    request: RequestBuilder,
    clock: &Clock,
    frame_max_bytes: usize,
) -> Result<Socket, Refusal> {
    let key = generate_key();
    let asked = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .send();
    let late = |_| Refusal::network("no answer in time");
    let asked = tokio::time::timeout(ANSWER_MAX, asked).await.map_err(late)?;
    let answer = asked.map_err(|error| Refusal::network(why(&error)))?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let read = tokio::time::timeout(ANSWER_MAX, Web::refusal(clock, answer));
        return Err(read.await.map_err(late)?);
    }
    let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT).map(|value| value.as_bytes());
    if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(Refusal::network("the answer is not that of a WebSocket server"));
    }
    let upgraded = answer.upgrade().await.map_err(|error| Refusal::network(why(&error)))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(frame_max_bytes))
        .max_frame_size(Some(frame_max_bytes));
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}
