//! C10, and the arithmetic of graphs.

use crate::lifecycle::{Component, GraphError, Node, Supervisor};

#[test]
fn c10_duplicates_unknown_dependencies_and_circles_are_errors_of_their_own() {
    let duplicate = Supervisor::new([node("a", &[]), node("a", &[])]).unwrap_err();
    let name = "a".to_owned();
    assert_eq!(duplicate, GraphError::Duplicate { name });
    let unknown = Supervisor::new([node("a", &["b"])]).unwrap_err();
    let (name, dependency) = ("a".to_owned(), "b".to_owned());
    assert_eq!(unknown, GraphError::UnknownDependency { name, dependency });
    let circle = [
        node("root", &[]),
        node("a", &["root", "c"]),
        node("b", &["a"]),
        node("c", &["b"]),
        node("leaf", &["c"]),
    ];
    let GraphError::Circle { mut nodes } = Supervisor::new(circle).unwrap_err() else {
        panic!("something else");
    };
    nodes.sort();
    assert_eq!(nodes, ["a", "b", "c"]);
    let GraphError::Circle { nodes } = Supervisor::new([node("self", &["self"])]).unwrap_err()
    else {
        panic!("something else");
    };
    assert_eq!(nodes, ["self"]);
    // The same dependency twice is one.
    assert!(Supervisor::new([node("b", &["a", "a"]), node("a", &[])]).is_ok());
}

fn node(name: &str, dependencies: &[&str]) -> Node {
    Node::new(name, || Ok(Component::new())).depends_on(dependencies.iter().copied())
}
