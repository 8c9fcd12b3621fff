//! Converts values and errors between Rust and JavaScript.

use js_sys::{Error as JsError, Reflect};
#[cfg(feature = "embed")]
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::prelude::*;

use crate::error::Error;
#[cfg(feature = "embed")]
use crate::error::ErrorCode;

/// Makes a JavaScript `Error` with the code as `code` and the messages of the causes as `cause`.
impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let js = JsError::new(error.message());
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        // Setting a property of a fresh Error cannot fail.
        let _ = Reflect::set(&js, &"code".into(), &error.code().as_str().into());
        if !causes.is_empty() {
            let _ = Reflect::set(&js, &"cause".into(), &causes.join(": ").into());
        }
        js.into()
    }
}

/// Converts a value to a JavaScript object.
#[cfg(feature = "embed")]
pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|e| {
        Error::with_source(ErrorCode::Internal, "a result cannot be converted to a JavaScript value", e)
            .into()
    })
}

/// Converts a JavaScript value. `what` is the name of the argument, for the message.
#[cfg(feature = "embed")]
pub(super) fn from_js<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value)
        .map_err(|e| Error::new(ErrorCode::InvalidArgument, format!("{what}: {e}")).into())
}
