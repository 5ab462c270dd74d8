//! What the tests share: a diary of who began and who ended, and workers that do what a test says.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::timeout;

use crate::lifecycle::{BoxError, Component, Node, WorkerContext};

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(super) fn note(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub(super) fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self, entry: &str) -> usize {
        self.entries().iter().filter(|it| *it == entry).count()
    }

    /// Where the entry stands, which is there once.
    pub(super) fn place(&self, entry: &str) -> usize {
        assert_eq!(self.count(entry), 1, "{entry} in {:?}", self.entries());
        self.entries().iter().position(|it| it == entry).unwrap()
    }

    /// A node that notes `+name` when it begins, `!name` when it is told to stop, and `-name` when it ended a second later.
    pub(super) fn node(&self, name: &str) -> Node {
        self.node_with(name, async |_| Ok(()))
    }

    /// The same, whose worker does something of its own as long as it is not told to stop; an error is its end.
    pub(super) fn node_with<Doing>(
        &self,
        name: &str,
        doing: impl Fn(usize) -> Doing + Clone + Send + Sync + 'static,
    ) -> Node
    where
        Doing: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (diary, name) = (self.clone(), name.to_owned());
        Node::new(name.clone(), move || {
            let (diary, name, doing) = (diary.clone(), name.clone(), doing.clone());
            Ok(
                Component::new().worker("work", move |context: WorkerContext| async move {
                    diary.note(format!("+{name}"));
                    let instance = diary.count(&format!("+{name}"));
                    let ends = Ends(diary.clone(), name.clone());
                    pass(MOMENT).await;
                    context.ready();
                    tokio::select! {
                        result = async { doing(instance).await?; pending().await } => return result,
                        () = context.stopping() => {}
                    }
                    diary.note(format!("!{name}"));
                    pass(MOMENT).await;
                    drop(ends);
                    Ok(())
                }),
            )
        })
    }
}

/// Notes the end of a worker, however it comes.
struct Ends(Diary, String);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.note(format!("-{}", self.1));
    }
}

/// An error after so many seconds.
pub(super) async fn fail_after(seconds: u32) -> Result<(), BoxError> {
    pass(seconds * MOMENT).await;
    Err(format!("failed after {seconds}").into())
}

/// Lets virtual time pass.
pub(super) async fn pass(time: Duration) {
    let _ = timeout(time, pending::<()>()).await;
}

/// Tasks of this runtime; the test itself is none.
pub(super) fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

pub(super) const MOMENT: Duration = Duration::from_secs(1);
