//! HTTP: the page, the API, live updates, metrics, the wires of the original dashboard.
