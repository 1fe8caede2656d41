//! A panic on one record must not take the stage down, nor be taken for success.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs the future; a panic in it becomes its text. The future is dropped after a panic, so that nothing of its
/// half-done state is seen again.
pub(in crate::kafka) async fn guarded<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(payload) => Poll::Ready(Err(text(&*payload))),
    })
    .await
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_its_text() {
        let broken = guarded(async {
            tokio::task::yield_now().await;
            panic!("no {}", "machine");
        });
        assert_eq!(broken.await, Err::<(), _>("no machine".to_owned()));
        assert_eq!(guarded(async { 7 }).await, Ok(7));
    }
}
